//! `faults …`: break a cluster on the real services while people talk, and say whether what they were
//! promised was kept.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use faults::place::Different;
use faults::scenes::broken::{Outcome, Plan, play};
use faults::scenes::roll::{self, Rolled};
use faults::scenes::{clocks, sabotage};

#[derive(Parser)]
#[command(about = "A cluster that is broken while people talk.")]
struct Arguments {
    /// Where the recording and the nodes' logs stay, also when all is well.
    #[arg(long, global = true)]
    keep: Option<PathBuf>,
    #[command(subcommand)]
    scene: Scene,
}

#[derive(Subcommand)]
enum Scene {
    /// Kill, freeze and cut off nodes and services.
    Break {
        /// How long.
        #[arg(long, env = "KITH_TEST_FAULT_SECONDS", default_value_t = 120)]
        seconds: u64,
        /// Of what breaks when.
        #[arg(long, env = "KITH_TEST_SEED", default_value_t = 1)]
        seed: u64,
    },
    /// Restart three nodes, one after another, while people talk.
    Roll {
        /// How often all three.
        #[arg(long, env = "KITH_TEST_ROLLS", default_value_t = 2)]
        rolls: usize,
    },
    /// The same with nodes whose clocks are an hour apart.
    Clocks,
    /// Put faults into the server, one after another, and see that each is found.
    Sabotage {
        /// Only this one.
        #[arg(long)]
        only: Option<String>,
        /// Of what is said.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Say what is wrong in a recording.
    Check {
        /// The recording.
        file: PathBuf,
    },
}

#[allow(clippy::print_stderr)] // This is what the person looks at.
fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool> {
    let arguments = Arguments::parse();
    let own = std::env::temp_dir().join(format!("kith-faults-{}", std::process::id()));
    let (folder, keeps) = (arguments.keep.clone().unwrap_or(own), arguments.keep.is_some());
    std::fs::create_dir_all(&folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let well = runtime.block_on(scene(arguments.scene, &folder));
    // What was recorded is for whoever looks into a failure.
    if matches!(well, Ok(true)) && !keeps {
        std::fs::remove_dir_all(&folder)?;
    }
    well.with_context(|| format!("the recording and the nodes' logs are in {}", folder.display()))
}

#[allow(clippy::print_stdout)] // This is what the person looks at.
async fn scene(scene: Scene, folder: &Path) -> Result<bool> {
    match scene {
        Scene::Break { seconds, seed } => {
            println!("seed {seed}, {seconds} s, in {}", folder.display());
            let outcome = play(folder, Plan::new(seed, Duration::from_secs(seconds))).await?;
            report(&outcome);
            Ok(outcome.is_well())
        }
        Scene::Roll { rolls } => Ok(tell(&roll::play(folder, rolls, Different::default()).await?)),
        Scene::Clocks => Ok(tell(&clocks::play(folder).await?)),
        Scene::Sabotage { only, seed } => {
            sabotage::play_all(folder, seed, only.as_deref()).await?;
            Ok(true)
        }
        Scene::Check { file } => {
            let violations = faults::checker::check(faults::history::lines(&file)?);
            violations.iter().for_each(|violation| println!("{violation}"));
            Ok(violations.is_empty())
        }
    }
}

#[allow(clippy::print_stdout)] // This is what the person looks at.
fn report(outcome: &Outcome) {
    let Outcome { answered, connections, ended, .. } = outcome;
    println!(
        "{answered} acknowledged, the slowest after {:.1} s; {connections} connections; nodes ended by \
         themselves {ended} times; all the same {:.1} s after healing",
        outcome.slowest.as_secs_f64(),
        outcome.converged.as_secs_f64(),
    );
    outcome.violations.iter().for_each(|violation| println!("{violation}"));
    if let Some(why) = &outcome.diverged {
        println!("not the same in time: {why}");
    }
}

/// Whether it went well.
#[allow(clippy::print_stdout)] // This is what the person looks at.
fn tell(rolled: &Rolled) -> bool {
    println!(
        "{} sent, the slowest stored after {:.1} s; at most {} new connections of one app in a roll; nodes \
         ended within {:.1} s",
        rolled.sent,
        rolled.slowest.as_secs_f64(),
        rolled.most,
        rolled.drained.as_secs_f64(),
    );
    rolled.findings.iter().for_each(|finding| println!("{finding}"));
    rolled.findings.is_empty()
}
