//! `kith-bot` as a process: started with words, read as lines of JSON.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use programs::{built, command};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// How long a whole command may take, one that writes hundreds of messages to the disk included,
/// however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(120);

/// The password of everybody here.
const PASSWORD: &str = "correct horse battery";

/// Somebody's bot: one account's folder, one server.
pub(crate) struct Bot {
    name: &'static str,
    folder: PathBuf,
    address: String,
}

/// What came of a command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code.
    pub(crate) code: Option<i32>,
    /// What it printed.
    pub(crate) lines: Vec<Value>,
    /// What it complained of.
    pub(crate) complaint: String,
}

/// A command that still runs; it is killed when this is dropped.
pub(crate) struct Running {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Bot {
    /// Somebody on this server, with a folder in this one.
    pub(crate) fn new(name: &'static str, folder: &Path, address: &str) -> Self {
        Self { name, folder: folder.join("bots"), address: address.to_owned() }
    }

    /// The same person with another folder: another device.
    pub(crate) fn elsewhere(&self) -> Self {
        Self { folder: self.folder.join("elsewhere"), address: self.address.clone(), ..*self }
    }

    /// Somebody on this server who has an account on it from now on.
    pub(crate) async fn registered(
        name: &'static str,
        folder: &Path,
        address: &str,
    ) -> Result<Self> {
        let bot = Self::new(name, folder, address);
        bot.does(&["register"]).await?;
        Ok(bot)
    }

    /// Run a command that has to succeed. What it printed.
    pub(crate) async fn does(&self, words: &[&str]) -> Result<Vec<Value>> {
        self.takes(words, "").await
    }

    /// Run a command with this on its standard input; it has to succeed.
    pub(crate) async fn takes(&self, words: &[&str], input: &str) -> Result<Vec<Value>> {
        let ended = self.ends(words, input).await?;
        anyhow::ensure!(ended.code == Some(0), "{} {words:?}: {ended:?}", self.name);
        Ok(ended.lines)
    }

    /// Run a command to its end, however that is.
    pub(crate) async fn ends(&self, words: &[&str], input: &str) -> Result<Ended> {
        let mut process = self.command(words)?.stderr(Stdio::piped()).spawn()?;
        let mut stdin = process.stdin.take().context("standard input")?;
        // A command that reads nothing may have ended already.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let output = timeout(PATIENCE, process.wait_with_output()).await??;
        Ok(Ended {
            code: output.status.code(),
            lines: lines(&String::from_utf8(output.stdout)?)?,
            complaint: String::from_utf8(output.stderr)?,
        })
    }

    /// Start a command that goes on, with this on its standard input.
    pub(crate) async fn begins(&self, words: &[&str], input: &str) -> Result<Running> {
        let mut process = self.command(words)?.stderr(Stdio::null()).spawn()?;
        let mut stdin = process.stdin.take().context("standard input")?;
        let input = input.to_owned();
        // It reads when it wants, or is killed before.
        tokio::spawn(async move { stdin.write_all(input.as_bytes()).await });
        let stdout = process.stdout.take().context("standard output")?;
        Ok(Running { process, lines: BufReader::new(stdout).lines() })
    }

    fn command(&self, words: &[&str]) -> Result<Command> {
        let mut command = command(built("kith-bot")?);
        command
            .args(["--as", self.name, "--server", &self.address])
            .arg("--data")
            .arg(&self.folder)
            .args(words)
            .env("KITH_BOT_PASSWORD", PASSWORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        Ok(command)
    }
}

impl Running {
    /// The next line.
    pub(crate) async fn line(&mut self) -> Result<Value> {
        let line = timeout(PATIENCE, self.lines.next_line()).await.context("no line came")??;
        Ok(serde_json::from_str(&line.context("it has ended")?)?)
    }

    /// Wait until whatever happens from now on is told.
    pub(crate) async fn listens(&mut self) -> Result<()> {
        while self.line().await?["type"] != "listening" {}
        Ok(())
    }

    /// The next message.
    pub(crate) async fn message(&mut self) -> Result<Value> {
        loop {
            let line = self.line().await?;
            if line["type"] == "message" {
                return Ok(line);
            }
        }
    }

    /// The next message with these texts, each once, in this order.
    pub(crate) async fn reads(&mut self, texts: &[&str]) -> Result<()> {
        for text in texts {
            let message = self.message().await?;
            anyhow::ensure!(message["text"] == *text, "{message} instead of {text}");
        }
        Ok(())
    }

    /// Kill it. The whole lines that it had still printed.
    pub(crate) async fn kill(mut self) -> Result<Vec<Value>> {
        self.process.kill().await?;
        let mut rest = String::new();
        timeout(PATIENCE, self.lines.into_inner().read_to_string(&mut rest)).await??;
        // The last one may have been cut by the kill.
        let whole = rest.rfind('\n').map_or("", |end| &rest[..end]);
        lines(whole)
    }
}

fn lines(text: &str) -> Result<Vec<Value>> {
    text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

/// The texts of the messages among these lines.
pub(crate) fn texts(lines: &[Value]) -> Vec<&str> {
    let messages = lines.iter().filter(|line| line["type"] == "message");
    messages.filter_map(|line| line["text"].as_str()).collect()
}
