//! Every command of the project, `cargo xtask …`. Without one it lists them. It has few
//! dependencies on purpose: it is the first thing that a fresh machine compiles.

mod bench_desktop;
mod benchmarks;
mod demo;
mod load;
mod machine;
mod progress;
mod run;
mod services;
mod setup;
mod tally;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The commands of Kith.", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Install or name what is missing, and build the UI.
    Setup,
    /// Start a server and two windows in which Ada and Grace talk; pictures when there is no display.
    Demo {
        /// Pictures, also when there is a display.
        #[arg(long, conflicts_with = "cluster")]
        pictures: bool,
        /// Through three nodes on real services behind a balancer, one of which is killed on the way.
        #[arg(long)]
        cluster: bool,
    },
    /// Show the UI in a plain browser, over a client of its own: prints the address to open.
    Bridge {
        /// What the bridge takes, such as `--as ada`; `--help` lists it.
        #[arg(required = true, allow_hyphen_values = true, trailing_var_arg = true)]
        rest: Vec<String>,
    },
    /// Set up and run every test.
    Test {
        /// Only one part; may be given more than once.
        #[arg(long, value_enum)]
        only: Vec<Part>,
        #[command(flatten)]
        length: test::Length,
    },
    /// Look at directions, file lengths and marks: what a compiler does not see.
    Tidy,
    /// Kafka, a CQL store, ZooKeeper, PostgreSQL, S3 and HAProxy, without a container engine.
    Services {
        #[command(subcommand)]
        action: services::Action,
    },
    /// Measure a server on one core with many clients on the other.
    Load(load::Options),
    /// Measure the real app on a screen that nobody sees: how long one waits, and what it takes.
    BenchDesktop(bench_desktop::Options),
}

/// A part of the tests.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// All crates but the window.
    Rust,
    /// The UI: types, style, units, and in a browser.
    Ui,
    /// The real app under Xvfb.
    Desktop,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match answer(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn answer(command: Option<Command>) -> Result<ExitCode> {
    let root = root()?;
    match command {
        None => {
            Arguments::command().print_help()?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(Command::Setup) => setup::setup(&root, &setup::EVERYTHING)?,
        Some(Command::Demo { cluster: true, .. }) => demo::over_three_nodes(&root)?,
        Some(Command::Demo { pictures, .. }) => demo::demo(&root, pictures)?,
        Some(Command::Bridge { rest }) => bridge(&root, &rest)?,
        Some(Command::Test { only, length }) => return test::test(&root, &only, length),
        Some(Command::Tidy) => tidy::tidy(&root)?,
        Some(Command::Services { action }) => services::services(&root, &action)?,
        Some(Command::Load(options)) => load::load(&root, &options)?,
        Some(Command::BenchDesktop(options)) => bench_desktop::bench_desktop(&root, &options)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Build what a browser shows, and become the bridge.
fn bridge(root: &Path, rest: &[String]) -> Result<()> {
    setup::setup(root, &[&machine::COMPILE])?;
    let words = ["cargo", "run", "-q", "-p", "bridge", "--"];
    run::become_program(run::program(root, &words).args(rest))
}

/// The top of the tree, wherever the command was given.
fn root() -> Result<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = here.parent().and_then(|tools| tools.parent()).context("xtask stands in tools/")?;
    Ok(root.to_owned())
}
