//! A client that is running for one command: started, listened to, waited for.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use client::api::{Answers, Nothing};
use client::connect::Network;
use client::secrets::FileSecrets;
use client::view::{AccountView, Connection, Notification};
use client::{Client, Environment, Options};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::arguments::Arguments;
use crate::failure::Failure;

/// A client that is running for one command.
pub(crate) struct Bot {
    /// What does the work.
    pub(crate) client: Client,
    account: Option<AccountView>,
    told: mpsc::Receiver<Notification>,
    connection: Connection,
    idle: bool,
    patience: Duration,
}

impl Bot {
    /// Open the account's folder and begin to connect, if somebody is signed in.
    ///
    /// # Errors
    /// When the folder cannot be used, for one because another program uses it.
    pub(crate) async fn start(arguments: &Arguments) -> Result<Self, Failure> {
        let folder = folder(arguments)?;
        let network = Network::new().map_err(|e| Failure::local("network", e.to_string()))?;
        let client = Client::start(Options {
            secrets: Arc::new(FileSecrets::new(folder.join("secrets.json"))),
            data: folder,
            environment: Environment::system(),
            connector: Arc::new(network),
            service: "kith-bot".into(),
            device_name: "kith-bot".into(),
            platform: "bot".into(),
        })
        .await?;
        // On the one thread of this program nothing was told yet, so nothing was missed.
        let told = client.subscribe();
        let account = client.get_state(Nothing {}).await?.account;
        Ok(Self {
            client,
            account,
            told,
            connection: Connection::Connecting,
            idle: false,
            patience: Duration::from_secs(arguments.timeout),
        })
    }

    /// Who is signed in, if anybody is.
    pub(crate) fn account(&self) -> Option<&AccountView> {
        self.account.as_ref()
    }

    /// Nothing can be done while nobody is signed in.
    ///
    /// # Errors
    /// Then, and it says how to sign in.
    pub(crate) fn needs_account(&self, arguments: &Arguments) -> Result<(), Failure> {
        match self.account {
            Some(_) => Ok(()),
            None => {
                let name = &arguments.name;
                let how = format!("nobody is signed in; kith-bot --as {name} sign-in does it");
                Err(Failure::signed_out(how))
            }
        }
    }

    /// How it is connected, as far as it was told.
    pub(crate) fn connection(&self) -> Connection {
        self.connection
    }

    /// Whether it is connected and has done and fetched all that there was to do and to fetch.
    pub(crate) fn is_done(&self) -> bool {
        self.connection.is_live() && self.idle
    }

    /// From now on, how long to wait before giving up.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.patience
    }

    /// The next thing that the client tells.
    ///
    /// # Errors
    /// When the session is over.
    pub(crate) async fn hears(&mut self) -> Result<Notification, Failure> {
        let told = self.told.recv().await;
        let told = told.ok_or_else(|| Failure::local("ended", "the client has ended"))?;
        match &told {
            Notification::Idle { idle } => self.idle = *idle,
            Notification::State { state } => {
                self.connection = state.connection;
                if state.account.is_none() {
                    return Err(Failure::signed_out("the session was ended; sign in again"));
                }
            }
            _ => {}
        }
        Ok(told)
    }

    /// The next thing that the client tells before the deadline.
    ///
    /// # Errors
    /// When the session is over.
    pub(crate) async fn hears_before(
        &mut self,
        deadline: Instant,
    ) -> Result<Option<Notification>, Failure> {
        timeout_at(deadline, self.hears()).await.ok().transpose()
    }

    /// Wait until the server has told all that is new. Whether it is there at all: when not, what is
    /// here is all there is.
    ///
    /// # Errors
    /// When the session is over.
    pub(crate) async fn synced(&mut self) -> Result<bool, Failure> {
        let deadline = self.deadline();
        while !self.is_done() && self.connection != Connection::Offline {
            if self.hears_before(deadline).await?.is_none() {
                break;
            }
        }
        Ok(self.connection.is_live())
    }
}

/// Print a line of JSON.
///
/// # Errors
/// When standard output is gone.
pub(crate) fn print(line: &impl Serialize) -> Result<(), Failure> {
    let gone = |error: std::io::Error| Failure::local("output", error.to_string());
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, line).map_err(|error| gone(error.into()))?;
    out.write_all(b"\n").and_then(|()| out.flush()).map_err(gone)
}

/// The account's folder; the client makes it when it is not there.
fn folder(arguments: &Arguments) -> Result<PathBuf, Failure> {
    let data = match &arguments.data {
        Some(data) => data.clone(),
        None => dirs::data_dir()
            .ok_or_else(|| Failure::local("storage", "no folder for data; --data names one"))?
            .join("kith-bot"),
    };
    Ok(data.join(&arguments.name))
}
