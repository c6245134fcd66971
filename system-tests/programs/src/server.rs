//! A real `kithd` with a data folder of its own.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::process::Child;

use crate::{built, command, listens, own_address};

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The program.
    pub program: PathBuf,
    /// Words before the program: what it runs under.
    pub under: Vec<OsString>,
    /// Its folder: the log is `kithd.log` in it, and its data stand in `data`.
    pub folder: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
    /// More variables for its environment.
    pub variables: Vec<(String, String)>,
}

impl Setup {
    /// The usual: `kithd` on loopback.
    ///
    /// # Errors
    /// When it is not built, or there is no port.
    pub fn new(folder: &Path) -> Result<Self> {
        Ok(Self {
            program: built("kithd")?,
            under: Vec::new(),
            folder: folder.to_owned(),
            address: own_address()?,
            variables: Vec::new(),
        })
    }

    /// Start it, and do not wait for it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self) -> Result<Child> {
        std::fs::create_dir_all(&self.folder)?;
        let log = self.folder.join("kithd.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        let mut command = match self.under.split_first() {
            // What it runs under may be killed before it: the program ends then too.
            Some((first, rest)) => {
                let inner = command(&self.program);
                let mut outer = command(first);
                outer.args(rest).arg(inner.as_std().get_program()).args(inner.as_std().get_args());
                outer
            }
            None => command(&self.program),
        };
        command
            .env("KITH__SERVER__LISTEN", self.address.to_string())
            .env("KITH__SERVER__DATA", self.folder.join("data"))
            .envs(self.variables.iter().cloned())
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .spawn()
            .context("cannot start kithd")
    }

    /// Start it and wait until it listens.
    ///
    /// # Errors
    /// When it cannot be started, or does not come up.
    pub async fn start(&self) -> Result<Server> {
        let mut process = self.spawn()?;
        listens(self.address, &mut process).await?;
        Ok(Server { address: self.address, process })
    }
}

/// A running server; it ends when this is dropped.
pub struct Server {
    address: SocketAddr,
    process: Child,
}

impl Server {
    /// Start one on loopback. Its log goes to `kithd.log` beside its data.
    ///
    /// # Errors
    /// When it is not built, or does not come up.
    pub async fn start(folder: &Path) -> Result<Self> {
        Setup::new(folder)?.start().await
    }

    /// Start one at an address, such as that of one that was stopped.
    ///
    /// # Errors
    /// When it is not built, or does not come up.
    pub async fn start_at(folder: &Path, address: SocketAddr) -> Result<Self> {
        Setup { address, ..Setup::new(folder)? }.start().await
    }

    /// One whose process was started at this address; whether it listens is not known.
    #[must_use]
    pub(crate) fn of(address: SocketAddr, process: Child) -> Self {
        Self { address, process }
    }

    /// Where apps reach it, as a person would type it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> SocketAddr {
        self.address
    }

    /// Its process, or that of what it runs under.
    pub fn process(&mut self) -> &mut Child {
        &mut self.process
    }

    /// End it at once, as a power cut does.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }
}
