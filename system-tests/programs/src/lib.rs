//! The programs that a test starts, and that never outlive it.

pub mod server;

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// How long anything may take before a test has failed. Far beyond what a slow machine needs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A program that was built with this one, such as `kith` or `kithd`.
///
/// # Errors
/// When it was not built.
pub fn built(name: &str) -> Result<PathBuf> {
    let path = build_folder()?.join(name);
    if !path.exists() {
        bail!("{} is not built; cargo build --bins builds it", path.display());
    }
    Ok(path)
}

/// `target/debug`: a test stands in `deps` there, a program in it.
///
/// # Errors
/// When this very program stands nowhere.
pub fn build_folder() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let folder = this.parent().context("a program stands in a folder")?;
    let is_deps = folder.file_name() == Some(OsStr::new("deps"));
    let folder = if is_deps { folder.parent().context("deps stands in a folder")? } else { folder };
    Ok(folder.to_owned())
}

/// A command whose program ends with this one, however this one ends.
#[must_use]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = if Path::new("/usr/bin/setpriv").exists() {
        // The kernel ends the program when its parent is killed.
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(["--pdeathsig", "TERM"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.kill_on_drop(true).stdin(std::process::Stdio::null());
    command
}

/// A port of loopback that was free just now.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Wait until something listens at an address.
///
/// # Errors
/// When the program ends before, or nothing listens within [`PATIENCE`].
pub async fn listens(at: SocketAddr, program: &mut Child) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(at).await.is_err() {
        if let Some(status) = program.try_wait()? {
            bail!("the program that was to listen at {at} ended with {status}");
        }
        if Instant::now() > deadline {
            bail!("nothing listens at {at}");
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// The process that another one has started; the first if there are several.
///
/// # Errors
/// When there is none.
pub fn child_of(parent: u32) -> Result<u32> {
    for entry in std::fs::read_dir("/proc")? {
        let Some(id) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if standing(id).is_some_and(|(_, of)| of == parent) {
            return Ok(id);
        }
    }
    bail!("process {parent} has started none")
}

/// Ask a process to end, and wait until it has.
///
/// # Errors
/// When it goes on.
pub async fn ended(process: u32) -> Result<()> {
    let asked = Command::new("kill").args(["-TERM", &process.to_string()]).status().await?;
    if !asked.success() {
        bail!("process {process} cannot be ended");
    }
    let deadline = Instant::now() + PATIENCE;
    while standing(process).is_some_and(|(state, _)| state != 'Z') {
        if Instant::now() > deadline {
            bail!("process {process} goes on");
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// A process's state, `Z` when it has ended, and who started it.
fn standing(process: u32) -> Option<(char, u32)> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name comes first, in brackets, and may hold anything.
    let mut words = text.rsplit_once(')')?.1.split_whitespace();
    Some((words.next()?.chars().next()?, words.next()?.parse().ok()?))
}
