//! The programs that a test starts, and that never outlive it.

pub mod cluster;
pub mod server;

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// How long anything may take before a test has failed. Far beyond what a slow machine needs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The variable with the folder of the programs, where it is not that of this one: a benchmark that
/// needs no optimizing itself drives programs that were built for release.
pub const PROGRAMS: &str = "KITH_TEST_PROGRAMS";

/// A program that was built with this one, such as `kith` or `kithd`.
///
/// # Errors
/// When it was not built.
pub fn built(name: &str) -> Result<PathBuf> {
    let folder = std::env::var_os(PROGRAMS).map(PathBuf::from);
    let path = folder.map_or_else(build_folder, Ok)?.join(name);
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

/// An address of loopback for a program that may be stopped and started again at it. On Linux it has
/// a host of its own there, so that nobody else takes the port meanwhile.
///
/// # Errors
/// When there is none.
pub fn own_address() -> Result<SocketAddr> {
    static TAKEN: AtomicU8 = AtomicU8::new(0);
    let host = if cfg!(target_os = "linux") {
        let [.., high, low] = std::process::id().to_be_bytes();
        // 127.0.0 is where everybody else is.
        let high = high.max(1);
        Ipv4Addr::new(127, high, low, TAKEN.fetch_add(1, Ordering::Relaxed))
    } else {
        Ipv4Addr::LOCALHOST
    };
    Ok(TcpListener::bind((host, 0))?.local_addr()?)
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
