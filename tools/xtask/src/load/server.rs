//! A running `kithd`: started, asked whether it is ready, and stopped in order.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// What is raised for a load run, beside `dev.accounts`: everybody comes from one address and writes
/// faster than a person can.
const SETTINGS: &[(&str, &str)] = &[
    ("KITH__DEV__ACCOUNTS", "true"),
    ("KITH__LIMITS__SENDS_PER_SECOND", "1000000"),
    ("KITH__LIMITS__SEND_BURST", "1000000"),
    ("KITH__LIMITS__CONNECTIONS_PER_ADDRESS", "25000"),
];
/// How long a start or a stop may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The settings in one line.
pub(super) fn raised() -> String {
    let words: Vec<String> =
        SETTINGS.iter().map(|(name, value)| format!("{name}={value}")).collect();
    words.join(" ")
}

/// Give a `kithd` these settings.
pub(super) fn configure(kithd: &mut Command) {
    kithd.envs(SETTINGS.iter().copied());
}

/// A server that does not outlive its owner.
pub(super) struct Server {
    child: Child,
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// From its start until it said that it is ready.
    pub(super) start_seconds: f64,
}

impl Server {
    /// Start it on a free port and wait until it is ready. What it prints goes to the end of `log`.
    pub(super) fn start(mut kithd: Command, log: &Path) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let log = File::options().create(true).append(true).open(log)?;
        kithd.env("KITH__SERVER__LISTEN", address.to_string()).stdout(log.try_clone()?).stderr(log);
        let began = Instant::now();
        let child = kithd.spawn().context("cannot start kithd")?;
        let mut server = Self { child, address, start_seconds: 0.0 };
        while !is_ready(address) {
            if let Some(status) = server.child.try_wait()? {
                bail!("kithd ended with {status}; its log is in target/load");
            }
            if began.elapsed() > PATIENCE {
                bail!("kithd does not become ready");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        server.start_seconds = began.elapsed().as_secs_f64();
        Ok(server)
    }

    /// Its process: `taskset` becomes the program that it starts.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its resident memory in KiB.
    pub(super) fn resident_kib(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?;
        Ok(kib.parse()?)
    }

    /// Stop it as an operator does, and wait until it has ended.
    pub(super) fn stop(mut self) -> Result<()> {
        let status = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status()?;
        if !status.success() {
            bail!("kithd cannot be stopped: {status}");
        }
        let began = Instant::now();
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("kithd ended with {status}"),
                None if began.elapsed() > PATIENCE => bail!("kithd does not stop"),
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After a stop it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_ready(address: SocketAddr) -> bool {
    let asked = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    asked().unwrap_or(false)
}
