//! `cargo xtask load`: how fast the server is. The server runs on one core and the clients on the
//! other; each measurement has a fresh data folder and a fresh process.

mod report;
mod server;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::benchmarks::machine;
use crate::progress::{Progress, say};
use crate::run::{exists, program, run};
use server::Server;

/// What a person can ask for.
#[derive(Args)]
pub(crate) struct Options {
    /// Only this measurement; may be given more than once.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Write the server's part of docs/benchmarks.md.
    #[arg(long, conflicts_with = "only")]
    report: bool,
    /// Passed on to the load generator; with one `--only`.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// One measurement.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The empty server: how long it takes to start, and its memory.
    Empty,
    /// Messages between two people; and how long a start takes after that.
    Direct,
    /// Deliveries in groups.
    Groups,
    /// Memory of idle sessions.
    Idle,
    /// Everybody comes back at once.
    Reconnects,
}

/// How often a start is measured; the middle one counts.
const STARTS: usize = 5;
/// How long an empty server is left alone before its memory is read.
const REST: Duration = Duration::from_secs(2);

/// Where everything is.
struct Place {
    root: PathBuf,
    /// Data folders and results.
    folder: PathBuf,
}

/// Build both for release, measure, and print the numbers beside those to reach.
pub(crate) fn load(root: &Path, options: &Options) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "The server's CPU time and memory are read from /proc.");
    let all = [Part::Empty, Part::Direct, Part::Groups, Part::Idle, Part::Reconnects];
    let parts: Vec<Part> =
        all.into_iter().filter(|p| options.only.is_empty() || options.only.contains(p)).collect();
    let rest_fits = options.rest.is_empty() || options.only.len() == 1;
    ensure!(rest_fits, "Arguments for the load generator need exactly one --only.");
    let place = Place { root: root.to_owned(), folder: root.join("target/load") };
    let mut progress = Progress::new("load", 1 + parts.len());
    progress.step("build the server and the load generator for release", || {
        run(&mut program(root, &["cargo", "build", "--release", "-p", "server", "-p", "load"]))
    })?;
    if place.folder.exists() {
        std::fs::remove_dir_all(&place.folder)?;
    }
    std::fs::create_dir_all(&place.folder)?;
    if !exists("taskset") {
        say("There is no taskset here: server and clients share all cores.");
    }
    say(&format!("Limits that the server gets: {}", server::raised()));

    let mut results = Map::new();
    for part in parts {
        progress.step(part.what(), || part.measure(&place, &options.rest, &mut results))?;
    }
    let report = json!({ "machine": machine::describe(root, &place.folder)?, "results": results });
    let file = place.folder.join("report.json");
    std::fs::write(&file, format!("{report:#}\n"))?;
    say(&report::text(&report));
    say(&format!("All of it is in {}", file.display()));
    if options.report {
        let page = root.join("docs/benchmarks.md");
        report::write(&page, &report)?;
        say(&format!("Written: {}", page.display()));
    }
    Ok(())
}

impl Part {
    fn what(self) -> &'static str {
        match self {
            Self::Empty => "the empty server",
            Self::Direct => "messages between two people",
            Self::Groups => "10 groups of 100",
            Self::Idle => "10,000 idle sessions",
            Self::Reconnects => "10,000 reconnects",
        }
    }

    fn measure(
        self,
        place: &Place,
        rest: &[String],
        results: &mut Map<String, Value>,
    ) -> Result<()> {
        match self {
            Self::Empty => {
                results.insert("empty".into(), empty(place)?);
            }
            Self::Direct => {
                let data = place.clients("direct", 1_000, rest, results)?;
                let again = place.starts(|_| data.clone())?;
                results.insert("again".into(), json!({ "start_seconds": again.0 }));
            }
            Self::Groups => drop(place.clients("groups", 1_000, rest, results)?),
            Self::Idle => drop(place.clients("idle", 10_000, rest, results)?),
            // Ten thousand who come back, and those who write to them before.
            Self::Reconnects => drop(place.clients("reconnects", 10_400, rest, results)?),
        }
        Ok(())
    }
}

fn empty(place: &Place) -> Result<Value> {
    let (start_seconds, _) = place.starts(|n| place.folder.join(format!("empty-{n}")))?;
    let server = place.serve(&place.folder.join("empty-0"))?;
    std::thread::sleep(REST);
    let resident_mib = server.resident_kib()? / 1024.0;
    server.stop()?;
    Ok(json!({ "start_seconds": start_seconds, "resident_mib": resident_mib }))
}

impl Place {
    /// Seed accounts into a fresh folder, serve it, and let the load generator measure this. The
    /// result goes to the results under that name; the folder is left behind.
    fn clients(
        &self,
        what: &str,
        accounts: usize,
        rest: &[String],
        results: &mut Map<String, Value>,
    ) -> Result<PathBuf> {
        let data = self.folder.join(what);
        let tokens = self.folder.join(format!("{what}.tokens"));
        let mut seed = self.kithd(&data, "1");
        seed.args(["dev", "accounts", &accounts.to_string(), "--out"]).arg(&tokens);
        run(&mut seed)?;
        let server = self.serve(&data)?;
        let out = self.folder.join(format!("{what}.json"));
        let mut generator = pinned("1", &self.root.join("target/release/load"));
        generator
            .args(["--address", &server.address.to_string(), "--pid", &server.pid().to_string()])
            .arg("--tokens")
            .arg(&tokens)
            .arg("--out")
            .arg(&out)
            .arg(what)
            .args(rest)
            .current_dir(&self.root);
        run(&mut generator)?;
        server.stop()?;
        let found = std::fs::read_to_string(&out).with_context(|| out.display().to_string())?;
        results.insert(what.to_owned(), serde_json::from_str(&found)?);
        Ok(data)
    }

    /// Start and stop some times; the middle and the longest time from start to readiness, in
    /// seconds. `folder` says for each where the data is.
    fn starts(&self, folder: impl Fn(usize) -> PathBuf) -> Result<(f64, f64)> {
        let mut took = Vec::with_capacity(STARTS);
        for n in 0..STARTS {
            let server = self.serve(&folder(n))?;
            took.push(server.start_seconds);
            server.stop()?;
        }
        took.sort_by(f64::total_cmp);
        Ok((took[STARTS / 2], took[STARTS - 1]))
    }

    /// Serve this folder on core 0.
    fn serve(&self, data: &Path) -> Result<Server> {
        let log = self.folder.join("kithd.log");
        Server::start(self.kithd(data, "0"), &log)
    }

    fn kithd(&self, data: &Path, core: &str) -> Command {
        let mut kithd = pinned(core, &self.root.join("target/release/kithd"));
        kithd.env("KITH__SERVER__DATA", data).current_dir(&self.root);
        server::configure(&mut kithd);
        kithd
    }
}

/// The program on one core, where that can be had.
fn pinned(core: &str, what: &Path) -> Command {
    if !exists("taskset") {
        return Command::new(what);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(what);
    command
}
