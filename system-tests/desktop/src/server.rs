//! A real `kithd` with a data folder of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::process::Child;

use crate::programs::{built, command, free_port, listens};

/// A running server; it ends when this is dropped.
pub struct Server {
    address: SocketAddr,
    process: Child,
}

impl Server {
    /// Start one on a free port of loopback. Its log goes to `kithd.log` beside its data.
    ///
    /// # Errors
    /// When it is not built, or does not come up.
    pub async fn start(folder: &Path) -> Result<Self> {
        let address = free_port()?;
        Self::start_at(folder, address).await
    }

    /// Start one at an address, such as that of one that was stopped.
    ///
    /// # Errors
    /// When it is not built, or does not come up.
    pub async fn start_at(folder: &Path, address: SocketAddr) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let log = folder.join("kithd.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        let mut process = command(built("kithd")?)
            .env("KITH__SERVER__LISTEN", address.to_string())
            .env("KITH__SERVER__DATA", folder.join("data"))
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .spawn()
            .context("cannot start kithd")?;
        listens(address, &mut process).await?;
        Ok(Self { address, process })
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

    /// End it at once, as a power cut does.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }
}
