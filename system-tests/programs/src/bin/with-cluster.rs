//! `with-cluster [--apart] COMMAND…`: three `kithd` nodes on the real services while a command runs,
//! whose environment names those that apps come to in `KITH_ADDRESSES`. With `--apart` one node is the
//! gateway, one the sequencer, one has the inbox and the pushes.

use std::process::ExitCode;

use anyhow::{Context, Result};
use programs::cluster::Cluster;
use tokio::process::Command;

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

/// Whether the command succeeded.
fn run() -> Result<bool> {
    let mut words = std::env::args_os().skip(1);
    let mut program = words.next();
    let apart = program.as_ref().is_some_and(|word| word == "--apart");
    if apart {
        program = words.next();
    }
    let program = program.context("usage: with-cluster [--apart] COMMAND…")?;
    let folder = std::env::temp_dir().join(format!("kith-cluster-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let succeeded = runtime.block_on(async {
        let cluster = if apart {
            Cluster::start_apart(&folder).await?
        } else {
            Cluster::start(&folder).await?
        };
        let addresses = cluster.addresses().join(",");
        let status =
            Command::new(program).args(words).env("KITH_ADDRESSES", addresses).status().await?;
        anyhow::Ok(status.success())
    });
    // The logs of the nodes are for whoever looks into a failure.
    if matches!(succeeded, Ok(true)) {
        std::fs::remove_dir_all(&folder)?;
    }
    succeeded.with_context(|| format!("the nodes' logs are in {}", folder.display()))
}
