//! Every test of the project with one command, and one line at its end that says how it went.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::Part;
use crate::machine::{self, Packages};
use crate::progress::{say, took};
use crate::run::{program, watch};
use crate::services::{self, Kind};
use crate::setup::{EVERYTHING, setup};
use crate::tally::{Runner, Tally};

/// What needs real services: a name, the command, what it prints, and the kinds that it needs. They
/// are started once for all of these, and those that did not run before are stopped at the end.
const WITH_SERVICES: &[(&str, &str, Runner, &[Kind])] = &[
    (
        "the log on Kafka",
        "cargo test -p event-log --features kafka,testing --test kafka",
        Runner::Cargo,
        &[Kind::Kafka],
    ),
    (
        "conversations on a CQL store",
        "cargo test -p storage --features scylla,testing --test scylla",
        Runner::Cargo,
        &[Kind::Cql],
    ),
    (
        "people in PostgreSQL",
        "cargo test -p storage --features postgres,testing --test postgres",
        Runner::Cargo,
        &[Kind::Postgres],
    ),
    (
        "a kithd that can be a node",
        "cargo build -p server --bin kithd --features cluster",
        Runner::Whole,
        &[],
    ),
    (
        "what clients do, over three nodes",
        "cargo run -q -p programs --bin with-cluster -- \
         cargo test -p system-tests --test all over_real_sockets",
        Runner::Cargo,
        CLUSTER,
    ),
    (
        "the same, each stage on a node of its own",
        "cargo run -q -p programs --bin with-cluster -- --apart \
         cargo test -p system-tests --test all over_real_sockets",
        Runner::Cargo,
        &[Kind::Kafka, Kind::Cql, Kind::Postgres, Kind::Zookeeper],
    ),
    (
        "what operators meet: refusals, topics made anew",
        "cargo test -p process-tests --features services --test operators",
        Runner::Cargo,
        &[Kind::Kafka, Kind::Cql, Kind::Postgres, Kind::Zookeeper],
    ),
    (
        "what binds three nodes to each other",
        "cargo test -p process-tests --features services --test nodes",
        Runner::Cargo,
        &[Kind::Kafka, Kind::Cql, Kind::Postgres, Kind::Zookeeper],
    ),
    (
        "a kithd that does it wrong on purpose",
        "cargo build -p process-tests --bin kithd-sabotaged --features server/cluster",
        Runner::Whole,
        &[],
    ),
    // A broker that comes back looks through all it has, and has to be back soon here.
    (
        "brokers without what other tests have left: away with them",
        "cargo run -q -p xtask -- services down --only kafka --wipe",
        Runner::Whole,
        CLUSTER,
    ),
    (
        "brokers without what other tests have left: new ones",
        "cargo run -q -p xtask -- services up --only kafka",
        Runner::Whole,
        CLUSTER,
    ),
    (
        "a cluster that is broken while people talk",
        "cargo run -q -p fault-tests --bin faults -- break",
        Runner::Whole,
        CLUSTER,
    ),
    (
        "a cluster that does it wrong is found out",
        "cargo run -q -p fault-tests --bin faults -- sabotage",
        Runner::Whole,
        CLUSTER,
    ),
    (
        "nodes that are restarted one after another",
        "cargo run -q -p fault-tests --bin faults -- roll",
        Runner::Whole,
        CLUSTER,
    ),
    (
        "nodes whose clocks are an hour apart",
        "cargo run -q -p fault-tests --bin faults -- clocks",
        Runner::Whole,
        CLUSTER,
    ),
];

/// What a node needs.
const CLUSTER: &[Kind] = &[Kind::Kafka, Kind::Cql, Kind::Postgres, Kind::Zookeeper];

/// One program that tests something.
struct Step {
    what: &'static str,
    folder: PathBuf,
    words: Vec<&'static str>,
    runner: Runner,
}

/// How a step went.
struct Outcome {
    what: &'static str,
    tally: Tally,
    time: Duration,
}

/// How much of what can go on for long is done, where that is not as usual.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct Length {
    /// How often the server is killed in the test of that, instead of 100 times.
    #[arg(long, value_name = "N")]
    kills: Option<u32>,
    /// How long a cluster is broken while people talk, instead of two minutes.
    #[arg(long, value_name = "N")]
    fault_minutes: Option<u32>,
    /// How often all nodes of a cluster are restarted while people talk, instead of twice.
    #[arg(long, value_name = "N")]
    rolls: Option<u32>,
    /// What the kills, and what breaks when, follow from, instead of 1.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl Length {
    /// For the programs of the tests: each reads what concerns it.
    fn variables(self) -> impl Iterator<Item = (&'static str, String)> {
        let all = [
            ("KITH_TEST_KILLS", self.kills.map(u64::from)),
            ("KITH_TEST_FAULT_SECONDS", self.fault_minutes.map(|minutes| u64::from(minutes) * 60)),
            ("KITH_TEST_ROLLS", self.rolls.map(u64::from)),
            ("KITH_TEST_SEED", self.seed),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?.to_string())))
    }
}

/// Set up, run all steps of the wanted parts (none named: of all), also after one that failed, and
/// close with `N passed, N failed`.
pub(crate) fn test(root: &Path, only: &[Part], length: Length) -> Result<ExitCode> {
    setup(root, packages(only))?;
    let mut outcomes = Vec::new();
    for step in steps(root, only) {
        say(&format!("\n── {}: {}", step.what, step.words.join(" ")));
        let began = Instant::now();
        let tally = take(&step, length)?;
        outcomes.push(Outcome { what: step.what, tally, time: began.elapsed() });
    }
    if wanted(only, Part::Rust) && cfg!(target_os = "linux") {
        with_services(root, length, &mut outcomes)?;
    }
    Ok(close(&outcomes))
}

/// Start what the targets of [`WITH_SERVICES`] need, run them, and leave the machine as it was.
fn with_services(root: &Path, length: Length, outcomes: &mut Vec<Outcome>) -> Result<()> {
    let mut kinds = Vec::new();
    for kind in WITH_SERVICES.iter().flat_map(|(.., kinds)| *kinds) {
        if !kinds.contains(kind) {
            kinds.push(*kind);
        }
    }
    let ours = services::not_up(root, &kinds);
    let began = Instant::now();
    say("\n── the services of a cluster");
    let started = services::up(root, &kinds);
    if let Err(error) = &started {
        say(&format!("{error:#}"));
    }
    let tally = judge(Runner::Whole, started.is_ok(), Tally::default());
    outcomes.push(Outcome { what: "the services of a cluster", tally, time: began.elapsed() });
    for (what, line, runner, _) in WITH_SERVICES.iter().filter(|_| started.is_ok()) {
        say(&format!("\n── {what}: {line}"));
        let words = line.split_whitespace().collect();
        let step = Step { what, folder: root.to_owned(), words, runner: *runner };
        let began = Instant::now();
        let tally = take(&step, length)?;
        outcomes.push(Outcome { what, tally, time: began.elapsed() });
    }
    if ours.is_empty() { Ok(()) } else { services::down(root, &ours, true) }
}

fn wanted(only: &[Part], part: Part) -> bool {
    only.is_empty() || only.contains(&part)
}

fn packages(only: &[Part]) -> &'static [&'static Packages] {
    match only {
        [Part::Rust] => &[&machine::COMPILE, &machine::TESTS, &machine::SERVICES],
        [Part::Ui] => &[&machine::COMPILE, &machine::TESTS],
        _ => &EVERYTHING,
    }
}

fn steps(root: &Path, only: &[Part]) -> Vec<Step> {
    let wanted = |part| wanted(only, part);
    let mut steps = Vec::new();
    let compose = wanted(Part::Rust) && has_compose();
    let mut add = |what, folder: &str, line: &'static str, runner| {
        let words = line.split_whitespace().collect();
        steps.push(Step { what, folder: root.join(folder), words, runner });
    };
    if wanted(Part::Ui) {
        add("types of the UI", "ui", "npm run --silent check", Runner::Whole);
        add("style of the UI", "ui", "npm run --silent lint", Runner::Whole);
        add("units of the UI", "ui", "npm run --silent test", Runner::Vitest);
        add("the UI in a browser", "ui", "npm run --silent test:browser", Runner::Plain);
        add("pictures of every view", "ui", "npm run --silent screenshots", Runner::Whole);
    }
    if compose {
        let line = "docker compose -f infra/compose.yaml config --quiet";
        add("the compose file", "", line, Runner::Whole);
    }
    // Tests of processes, of the real app and of the real client in a browser start these programs.
    let real = "npm run --silent test:real";
    if wanted(Part::Rust) && wanted(Part::Desktop) {
        let line = "cargo build --workspace --bins --features desktop/e2e";
        add("the programs", "", line, Runner::Whole);
        if wanted(Part::Ui) {
            add("the real client in a browser", "ui", real, Runner::Plain);
        }
        let line = "cargo test --workspace --features desktop/e2e --no-fail-fast";
        add("all crates, and the real app", "", line, Runner::Cargo);
        return steps;
    }
    if wanted(Part::Ui) {
        add(
            "the server and the bridge",
            "",
            "cargo build -p server -p bridge --bins",
            Runner::Whole,
        );
        add("the real client in a browser", "ui", real, Runner::Plain);
    }
    if wanted(Part::Rust) {
        let line = "cargo build --workspace --exclude desktop --exclude desktop-tests --bins";
        add("the programs", "", line, Runner::Whole);
        let line =
            "cargo test --workspace --exclude desktop --exclude desktop-tests --no-fail-fast";
        add("all crates but the window", "", line, Runner::Cargo);
    } else if wanted(Part::Desktop) {
        let line = "cargo build -p server -p desktop --bins --features desktop/e2e";
        add("the programs", "", line, Runner::Whole);
        let line = "cargo test -p desktop -p desktop-tests --features desktop/e2e --no-fail-fast";
        add("the real app", "", line, Runner::Cargo);
    }
    steps
}

/// Whether this machine has the client that can read a compose file; it needs no engine for that.
fn has_compose() -> bool {
    let asked = program(Path::new("/"), &["docker", "compose", "version"]).output();
    asked.is_ok_and(|answer| answer.status.success())
}

/// Run one step. One that ends badly has failed even if it counted no failure, and so has a runner
/// that ran nothing.
fn take(step: &Step, length: Length) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut command = program(&step.folder, &step.words);
    for_ci(&mut command);
    command.envs(length.variables());
    let well = watch(&mut command, |line| {
        if let Some(more) = step.runner.read(line) {
            tally += more;
        }
    })?;
    Ok(judge(step.runner, well, tally))
}

fn judge(runner: Runner, well: bool, mut tally: Tally) -> Tally {
    let ran_nothing = runner != Runner::Whole && tally == Tally::default();
    if runner == Runner::Whole && well {
        tally.passed = 1;
    } else if (!well || ran_nothing) && tally.failed == 0 {
        tally.failed = 1;
    }
    tally
}

/// A machine that builds once gains nothing from what makes the second build quick.
fn for_ci(command: &mut Command) {
    if std::env::var_os("CI").is_some() {
        command.env("CARGO_INCREMENTAL", "0");
    }
}

#[allow(clippy::print_stdout)] // The closing line is read by programs.
fn close(outcomes: &[Outcome]) -> ExitCode {
    let mut all = Tally::default();
    say("");
    for Outcome { what, tally, time } in outcomes {
        let mark = if tally.failed == 0 { "ok    " } else { "FAILED" };
        let Tally { passed, failed } = tally;
        say(&format!("{mark} {what}: {passed} passed, {failed} failed, {}", took(*time)));
        all += *tally;
    }
    println!("\n{} passed, {} failed", all.passed, all.failed);
    if all.failed == 0 && all.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_that_ran_nothing_or_ended_badly_has_failed() {
        let none = Tally::default();
        let some = Tally { passed: 3, failed: 0 };
        assert_eq!(judge(Runner::Cargo, true, some), some);
        assert_eq!(judge(Runner::Cargo, true, none).failed, 1);
        assert_eq!(judge(Runner::Cargo, false, some).failed, 1);
        assert_eq!(judge(Runner::Whole, true, none), Tally { passed: 1, failed: 0 });
        assert_eq!(judge(Runner::Whole, false, none), Tally { passed: 0, failed: 1 });
    }

    #[test]
    fn without_a_part_all_parts_run() {
        let all: Vec<_> = steps(Path::new("/"), &[]).iter().map(|step| step.what).collect();
        assert!(all.contains(&"units of the UI") && all.contains(&"all crates, and the real app"));
        let desktop = steps(Path::new("/"), &[Part::Desktop]);
        assert_eq!(desktop.len(), 2);
    }
}
