//! `cargo xtask bench-desktop`: how long a person waits in the app, and what it takes of their
//! machine. The real app, built as it is for people, on a screen that nobody sees.

mod package;
mod report;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::benchmarks::machine as benchmarked;
use crate::machine;
use crate::progress::{Progress, say};
use crate::run::{program, run};
use crate::setup::setup;

/// What a person can ask for.
#[derive(Args)]
pub(crate) struct Options {
    /// Only this measurement; may be given more than once.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Write the desktop part of docs/benchmarks.md.
    #[arg(long, conflicts_with_all = ["only", "debug"])]
    report: bool,
    /// A debug build and a hundredth of the messages: whether it works, with numbers that say nothing.
    #[arg(long)]
    debug: bool,
}

/// One measurement.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// How large the package is.
    Package,
    /// Taking in messages with their index.
    Ingest,
    /// From the start of the app to a list that can be used.
    Start,
    /// In the window: typing, sending, switching, searching.
    Window,
    /// What it takes while nobody does anything: memory, and CPU time.
    Background,
}

/// The messages of the smaller and of the larger of two apps.
const MESSAGES: [u64; 2] = [100_000, 1_000_000];

/// Where everything is.
struct Place {
    root: PathBuf,
    /// Data folders and results.
    folder: PathBuf,
    debug: bool,
}

/// Build, fill two apps with messages, measure, and print the numbers beside those to reach.
pub(crate) fn bench_desktop(root: &Path, options: &Options) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "Screens that nobody sees, and /proc, are Linux's.");
    let wanted = |part| options.only.is_empty() || options.only.contains(&part);
    let driven: Vec<Part> =
        [Part::Start, Part::Window, Part::Background].into_iter().filter(|&p| wanted(p)).collect();
    let filled = wanted(Part::Ingest) || !driven.is_empty();
    setup(root, &[&machine::COMPILE, &machine::WINDOW, &machine::SCREEN])?;

    let place = Place {
        root: root.to_owned(),
        folder: root.join("target/bench-desktop"),
        debug: options.debug,
    };
    let steps = 1 + usize::from(wanted(Part::Package)) + 2 * usize::from(filled) + driven.len();
    let mut progress = Progress::new("bench-desktop", steps);
    progress
        .step("build the app and the server; for release that takes minutes", || place.build())?;
    place.make_empty()?;
    let mut results = Map::new();
    if wanted(Part::Package) {
        results.insert("package".into(), progress.step("the package", || place.package())?);
    }
    if filled {
        let filled = MESSAGES.map(|messages| if place.debug { messages / 100 } else { messages });
        for messages in filled {
            let what = format!("an app with {messages} messages");
            let said = progress.step(&what, || place.fill(messages))?;
            if wanted(Part::Ingest) && messages == filled[0] {
                results.insert("ingest".into(), json!({ "seconds": said["ingest_seconds"] }));
            }
        }
        for part in driven {
            let found = progress.step(part.what(), || place.drive(part, filled))?;
            results.extend(found);
        }
    }
    let report =
        json!({ "machine": benchmarked::describe(root, &place.folder)?, "results": results });
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
            Self::Package => "the package",
            Self::Ingest => "messages taken in",
            Self::Start => "16 starts",
            Self::Window => "typing, switching, searching, sending",
            Self::Background => "memory and idle CPU; more than two minutes",
        }
    }

    /// As the driver calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Package => "package",
            Self::Ingest => "ingest",
            Self::Start => "start",
            Self::Window => "window",
            Self::Background => "background",
        }
    }
}

impl Place {
    /// The folder of what is measured.
    fn built(&self) -> PathBuf {
        self.root.join("target").join(if self.debug { "debug" } else { "app" })
    }

    /// Each on its own: what one of them asks of a library shall not be in the other.
    fn build(&self) -> Result<()> {
        let measured: [&[&str]; 3] =
            [&["-p", "desktop"], &["-p", "server"], &["-p", "client", "--example", "cache_speed"]];
        for what in measured {
            let mut build = program(&self.root, &["cargo", "build"]);
            build.args(what);
            match (self.debug, what) {
                // As the tests build it.
                (true, ["-p", "desktop"]) => build.args(["--features", "desktop/e2e"]),
                (true, _) => &mut build,
                (false, _) => build.args(["--profile", "app"]),
            };
            run(&mut build)?;
        }
        // It only presses the keys.
        let driver = ["cargo", "build", "-p", "desktop-tests", "--bin", "bench-desktop"];
        run(&mut program(&self.root, &driver))
    }

    fn make_empty(&self) -> Result<()> {
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder)?;
        }
        Ok(std::fs::create_dir_all(&self.folder)?)
    }

    fn package(&self) -> Result<Value> {
        package::make(&self.root, &self.built().join("kith"), &self.folder.join("package"))
    }

    fn data(&self, messages: u64) -> PathBuf {
        self.folder.join(format!("{messages}-messages"))
    }

    /// Fill the data folder of an app; gives what filling it has said.
    fn fill(&self, messages: u64) -> Result<Value> {
        let data = self.data(messages);
        let mut fill = Command::new(self.built().join("examples/cache_speed"));
        run(fill.arg(messages.to_string()).arg(&data).current_dir(&self.root))?;
        read(&data.join("speed.json"))
    }

    /// Have the app driven; gives what was found, by the driver's names.
    fn drive(&self, part: Part, filled: [u64; 2]) -> Result<Map<String, Value>> {
        let out = self.folder.join("driven.json");
        let mut driver = Command::new(self.root.join("target/debug/bench-desktop"));
        driver.arg(&out).args(filled.map(|messages| self.data(messages))).arg(part.name());
        run(driver.env("KITH_TEST_PROGRAMS", self.built()).current_dir(&self.root))?;
        match read(&out)? {
            Value::Object(found) => Ok(found),
            other => anyhow::bail!("the driver wrote {other}"),
        }
    }
}

fn read(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_str(&text)?)
}
