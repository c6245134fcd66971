//! `cargo xtask load`: the server on one core, the load generator on the other.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command};

use anyhow::{Context, Result};

use crate::progress::Progress;
use crate::run::{exists, program, run};

/// Build both for release, start a server with a fresh data folder, and run the generator with
/// these arguments against it.
pub(crate) fn load(root: &Path, rest: &[String]) -> Result<()> {
    let mut progress = Progress::new("load", 2);
    progress.step("build the server and the generator for release", || {
        run(&mut program(root, &["cargo", "build", "--release", "-p", "server", "-p", "load"]))
    })?;
    let data = root.join("target/load");
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    let port = free_port()?;
    let programs = root.join("target/release");
    let mut server = pinned("0", &programs.join("kithd"));
    server
        .env("KITH__SERVER__LISTEN", format!("127.0.0.1:{port}"))
        .env("KITH__SERVER__DATA", &data)
        .env("KITH__DEV__ACCOUNTS", "true");
    let server = Ended(server.current_dir(root).spawn().context("cannot start kithd")?);
    let mut generator = pinned("1", &programs.join("load"));
    generator
        .arg("--address")
        .arg(format!("http://127.0.0.1:{port}"))
        .arg("--pid")
        .arg(server.0.id().to_string())
        .args(rest)
        .current_dir(root);
    progress.step("measure", || run(&mut generator))
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

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A program that does not outlive its owner.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
