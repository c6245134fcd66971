//! The app as a program: it starts, it has a window or none, it ends.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use programs::{PATIENCE, built, command, free_port};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::patience::until;

/// An app that runs. It ends when this is dropped.
pub struct App {
    profile: String,
    process: Child,
    /// Where a driver gets at its pages.
    inspector: SocketAddr,
}

impl App {
    /// Start `kith --profile PROFILE` with more arguments.
    ///
    /// # Errors
    /// When it is not built.
    pub fn start(profile: &str, arguments: &[&str]) -> Result<Self> {
        Self::start_with(profile, arguments, &[])
    }

    /// As [`App::start`], with variables in its environment.
    ///
    /// # Errors
    /// When it is not built.
    pub fn start_with(
        profile: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        let inspector = free_port()?;
        let mut kith = kith(profile, arguments)?;
        kith.env("TAURI_WEBVIEW_AUTOMATION", "true");
        kith.env("WEBKIT_INSPECTOR_SERVER", inspector.to_string());
        kith.envs(variables.iter().copied());
        Self::spawn(profile, kith, inspector)
    }

    /// Start it as a person has it, with nothing in it that serves a driver: for measuring what it
    /// costs.
    ///
    /// # Errors
    /// When it is not built.
    pub fn start_alone(profile: &str, arguments: &[&str]) -> Result<Self> {
        Self::spawn(profile, kith(profile, arguments)?, free_port()?)
    }

    /// Start it for whoever sits at this screen, with variables in its environment.
    ///
    /// # Errors
    /// When it is not built.
    pub fn start_for_people(profile: &str, variables: &[(&str, &str)]) -> Result<Self> {
        let mut kith = kith(profile, &[])?;
        kith.envs(variables.iter().copied());
        Self::spawn(profile, kith, free_port()?)
    }

    /// Wait, however long it takes, until it ends by itself.
    ///
    /// # Errors
    /// When it does not end well.
    pub async fn goes_on(mut self) -> Result<()> {
        let status = self.process.wait().await?;
        if !status.success() {
            bail!("the app ended with {status}");
        }
        Ok(())
    }

    fn spawn(profile: &str, mut kith: Command, inspector: SocketAddr) -> Result<Self> {
        let process = kith.stdout(Stdio::null()).spawn().context("cannot start kith")?;
        Ok(Self { profile: profile.to_owned(), process, inspector })
    }

    /// Whose app it is.
    #[must_use]
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// What its window is called on the screen when nothing is unread.
    #[must_use]
    pub fn title(&self) -> String {
        format!("Kith ({})", self.profile)
    }

    pub(crate) fn inspector(&self) -> SocketAddr {
        self.inspector
    }

    /// The number of its process.
    ///
    /// # Errors
    /// When it has ended.
    pub fn process(&self) -> Result<u32> {
        self.process.id().context("the app has ended")
    }

    /// Wait until it goes on without a window, with nothing of a web view left: neither in a program
    /// beside it nor in its own memory.
    ///
    /// # Errors
    /// When something stays.
    pub async fn is_without_a_window(&self) -> Result<()> {
        let process = self.process()?;
        until("the web view to be gone", async || {
            let arguments = std::fs::read_to_string(format!("/proc/{process}/cmdline"))?;
            let children = format!("/proc/{process}/task/{process}/children");
            Ok(arguments.contains("--hidden") && std::fs::read_to_string(children)?.is_empty())
        })
        .await
    }

    /// Start the app once more, as a person or the desktop does: that start is handed over to this
    /// one, and ends. It needs no screen for that.
    ///
    /// # Errors
    /// When it is not handed over.
    pub async fn started_again(&self, arguments: &[&str]) -> Result<()> {
        let mut second = kith(&self.profile, arguments)?.env_remove("DISPLAY").spawn()?;
        let status = timeout(PATIENCE, second.wait()).await.context("a second app is open")??;
        if !status.success() {
            bail!("the second start ended with {status}");
        }
        Ok(())
    }

    /// Wait until it ends by itself.
    ///
    /// # Errors
    /// When it goes on, or does not end well.
    pub async fn ends(mut self) -> Result<()> {
        let status = timeout(PATIENCE, self.process.wait()).await.context("the app goes on")??;
        if !status.success() {
            bail!("the app ended with {status}");
        }
        Ok(())
    }

    /// Ask it to end, as the end of a desktop session does, and wait until it has.
    ///
    /// # Errors
    /// When it goes on.
    pub async fn close(self) -> Result<()> {
        let process = self.process()?.to_string();
        let asked = Command::new("kill").args(["-TERM", &process]).status().await?;
        if !asked.success() {
            bail!("process {process} cannot be asked to end");
        }
        self.ends().await
    }
}

/// `kith --profile PROFILE` with more arguments.
fn kith(profile: &str, arguments: &[&str]) -> Result<Command> {
    let mut kith = command(built("kith")?);
    kith.args(["--profile", profile]).args(arguments);
    Ok(kith)
}
