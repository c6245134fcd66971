//! The real services, through the command of the project that starts them.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::net::TcpStream;
use tokio::process::Command;

/// Kinds that a cluster needs.
pub const KINDS: &str = "kafka,cql,zookeeper,postgres";

/// Start what does not run, thaw what is frozen, and wait until all answers.
///
/// # Errors
/// When something does not come up.
pub async fn up() -> Result<()> {
    xtask(&["up", "--only", KINDS]).await
}

/// Do one thing (`kill`, `freeze`, `thaw`, `up`) to one service.
///
/// # Errors
/// When it does not run, or does not come up.
pub async fn act(how: &str, name: &str) -> Result<()> {
    match how {
        // Only its kind: something else may be frozen on purpose.
        "up" => xtask(&["up", "--only", name.split('-').next().unwrap_or(name)]).await,
        _ => xtask(&[how, name]).await,
    }
}

async fn xtask(words: &[&str]) -> Result<()> {
    let program = programs::built("xtask")?;
    let mut command = Command::new(program);
    command.arg("services").args(words).stdin(Stdio::null());
    let output = command.output().await.context("xtask services")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "xtask services {}: {said:.600}", words.join(" "));
    Ok(())
}

/// Whether all ports of the services are open.
///
/// # Errors
/// When one is not; says which.
pub async fn listen() -> Result<()> {
    for (port, hosts) in [(19_092, 3), (19_042, 3), (12_181, 1), (15_432, 1)] {
        for host in 1..=hosts {
            let at = SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), port));
            TcpStream::connect(at).await.with_context(|| {
                format!("nothing listens at {at}; cargo xtask services up --only {KINDS}")
            })?;
        }
    }
    Ok(())
}
