//! The test's own test: a cluster that does it wrong on purpose is found out.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use programs::built;

use super::broken::{Outcome, Plan, play};
use crate::nemesis::{Act, Step, Target};
use crate::place::Different;

/// The variable of `kithd-sabotaged` that names the case; the cases are in `storage/src/sabotage.rs`.
const VARIABLE: &str = "KITH_SABOTAGE";
/// How long people talk.
const LENGTH: Duration = Duration::from_secs(8);
/// How long a conversation that stands still is waited for.
const CONVERGE: Duration = Duration::from_secs(8);

/// A fault of the server, and the words of a finding that shows it. The first is none, and shows nothing:
/// what the others show is theirs.
const CASES: &[(&str, &[&str])] = &[
    ("none", &[]),
    ("acknowledge-before-storing", &["was told before the read"]),
    ("publish-before-storing", &["was told before the read"]),
    ("skip-dedup", &["is stored as", "is told as"]),
    ("forget-head", &["was told as", "was told and is not", "stands still"]),
    ("wall-clock", &["stands still"]),
];

/// Play each case, or only the named one, and see that it shows. Gives how many there were.
///
/// # Errors
/// When one does not show, or cannot be played.
pub async fn play_all(folder: &Path, seed: u64, only: Option<&str>) -> Result<usize> {
    let cases = CASES.iter().filter(|(case, _)| only.is_none_or(|only| only == *case));
    let mut played = 0;
    for (case, shows) in cases {
        let own = folder.join(case);
        std::fs::create_dir_all(&own)?;
        let mut plan = plan(case, seed)?;
        if shows.is_empty() {
            plan.converge = super::broken::CONVERGE;
        }
        let found = found(&play(&own, plan).await?);
        if shows.is_empty() {
            ensure!(found.is_empty(), "without a fault there is {found:#?}");
            played += 1;
            continue;
        }
        let shown = found.iter().find(|finding| shows.iter().any(|words| finding.contains(words)));
        let Some(shown) = shown else {
            bail!("{case} does not show as one of {shows:?}, but as {found:#?}");
        };
        say(case, shown);
        played += 1;
    }
    ensure!(played > 0, "there is no such case");
    Ok(played)
}

fn plan(case: &str, seed: u64) -> Result<Plan> {
    let node = Target::Node(0);
    let step = |millis, act| Step { at: Duration::from_millis(millis), act };
    Ok(Plan {
        seed,
        length: LENGTH,
        // Somebody else takes up what the node had in hand.
        steps: vec![step(3_500, Act::Kill(node)), step(6_000, Act::Revive(node))],
        different: Different {
            program: Some(built("kithd-sabotaged")?),
            variables: vec![(VARIABLE.into(), case.into())],
            ..Different::default()
        },
        converge: CONVERGE,
    })
}

/// What an outcome shows.
fn found(outcome: &Outcome) -> Vec<String> {
    let violations = outcome.violations.iter().map(ToString::to_string);
    let diverged = outcome.diverged.iter().map(|why| format!("a room stands still: {why}"));
    violations.chain(diverged).collect()
}

#[allow(clippy::print_stdout)] // A person follows it.
fn say(case: &str, shown: &str) {
    println!("{case} shows: {shown}");
}
