//! Everything that there is at run time, in one place, each part documented. Built once, handed
//! down; whoever needs less is given less.

use std::sync::Arc;

use anyhow::Context;
use event_log::{EventLog, MemoryLog, Position};
use parking_lot::Mutex;
use storage::Sqlite;
use storage::sabotage::{self, Case};
use storage::{AccountStore, FoldStore, FriendStore, HistoryStore, MarkerStore, SessionStore};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::auth::{Auth, Secret};
use crate::config::Config;
use crate::environment::Environment;
use crate::gateway::poll::Polls;
use crate::pipeline::accept::{Accept, Rate};
use crate::pipeline::deliver::{self, Delivery};
use crate::pipeline::lanes;

/// Partitions of the embedded conversation log: as many lanes fold while others are committed.
const LANES: u32 = 4;
/// More than any version has ever had, or will have.
const MOST_LANES: u32 = 64;
/// Commits that may wait for the inbox.
const COMMITTED: usize = 1024;
/// Connections that read.
const READERS: usize = 4;

/// The stores, each behind its own trait. One database may be behind all of them.
#[derive(Clone)]
pub struct Stores {
    /// What the sequencer writes and needs.
    pub fold: Arc<dyn FoldStore>,
    /// What readers see.
    pub history: Arc<dyn HistoryStore>,
    /// How far everybody is.
    pub markers: Arc<dyn MarkerStore>,
    /// Names, passwords, profiles, settings.
    pub accounts: Arc<dyn AccountStore>,
    /// Signed-in devices.
    pub sessions: Arc<dyn SessionStore>,
    /// Friends and blocks.
    pub friends: Arc<dyn FriendStore>,
}

/// Everything that there is at run time. A cheap handle.
#[derive(Clone)]
pub struct App {
    /// What the operator decided.
    pub config: Arc<Config>,
    /// Time, randomness, threads.
    pub environment: Environment,
    /// The stores.
    pub stores: Stores,
    /// Accounts, sessions and tokens.
    pub auth: Auth,
    /// The first stage.
    pub accept: Arc<Accept>,
    /// The last stage: who is connected.
    pub delivery: Arc<Delivery>,
    /// Long-poll sessions.
    pub polls: Arc<Polls>,
    /// Cancelled when the server begins to stop: nothing new is taken.
    pub stop: CancellationToken,
    /// The tasks of the stages.
    stages: Arc<Mutex<JoinSet<()>>>,
    log: MemoryLog,
    inbox: MemoryLog,
    database: Arc<Sqlite>,
}

impl App {
    /// Open the data folder and start the stages.
    ///
    /// # Errors
    /// When the folder or the database in it cannot be used; the message says what to do.
    pub async fn start(config: Config, environment: Environment) -> anyhow::Result<Self> {
        let (committed, changes) = mpsc::channel(COMMITTED);
        let database = Sqlite::open(storage::sqlite::Options {
            folder: config.server.data.clone(),
            new_database: environment.id(),
            blocking: environment.blocking,
            committed,
            clock: environment.clock(),
            fatal: Arc::new(|why| {
                tracing::error!("the disk fails, nothing can be acknowledged any more: {why}");
                std::process::abort();
            }),
            readers: READERS,
            synchronous_off: sabotage::is(Case::SynchronousOff),
            max_pages: None,
        })
        .context("the data folder cannot be used")?;
        let stores = Stores {
            fold: database.clone(),
            history: database.clone(),
            markers: database.clone(),
            accounts: database.clone(),
            sessions: database.clone(),
            friends: database.clone(),
        };
        // Epoch 1 begins at 2^42; epoch 0 is for imports.
        let mut start: Position = 1 << 42;
        for partition in 0..MOST_LANES {
            start = start.max(stores.fold.restart(partition).await?.unwrap_or_default());
        }
        // All begin where the farthest has come to, so that another number of lanes, which moves
        // conversations between them, moves none to a lower position.
        let starts = [start; LANES as usize];
        let last_commit = database.last_commit().await?;
        let (log, inbox) = (MemoryLog::new(&starts), MemoryLog::new(&[0]));
        let secret = Secret::load(&config.secret_file(), &environment)?;
        let auth = Auth::new(
            &config,
            environment.clone(),
            stores.accounts.clone(),
            stores.sessions.clone(),
            secret,
        )?;
        let rate =
            Rate { per_second: config.limits.sends_per_second, burst: config.limits.send_burst };
        let accept = Accept::new(environment.clone(), stores.clone(), Arc::new(log.clone()), rate);
        let app = Self {
            config: Arc::new(config),
            environment,
            stores,
            auth,
            accept: Arc::new(accept),
            delivery: Arc::new(Delivery::after(last_commit)),
            polls: Arc::default(),
            stop: CancellationToken::new(),
            stages: Arc::default(),
            log,
            inbox,
            database,
        };
        app.run_stages(changes);
        Ok(app)
    }

    fn run_stages(&self, changes: mpsc::Receiver<storage::Committed>) {
        let log: Arc<dyn EventLog> = Arc::new(self.log.clone());
        let inbox: Arc<dyn EventLog> = Arc::new(self.inbox.clone());
        let fold = self.stores.fold.clone();
        let mut stages = self.stages.lock();
        stages.spawn(async move {
            if let Err(error) = lanes::run(log, fold).await {
                tracing::error!("sequencing has ended: {error}");
            }
        });
        stages.spawn(deliver::append(changes, inbox.clone()));
        let delivery = self.delivery.clone();
        stages.spawn(async move {
            if let Err(error) = delivery.run(inbox).await {
                tracing::error!("delivery has ended: {error}");
            }
        });
    }

    /// Tell every live session to go elsewhere, and take no new one.
    pub fn drain(&self) {
        self.stop.cancel();
        for outgoing in self.delivery.all() {
            outgoing.goaway(self.environment.below(2_000));
        }
    }

    /// What SIGKILL is, as far as a process can do it to itself: every stage stops where it stands, and
    /// nothing more is stored.
    #[cfg(feature = "testing")]
    pub async fn kill(&self) {
        self.stop.cancel();
        self.polls.end();
        let mut stages = std::mem::take(&mut *self.stages.lock());
        stages.shutdown().await;
        self.database.kill().await;
        self.log.close();
        self.inbox.close();
    }

    /// The conversation log, so that a test can move its partitions.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn conversation_log(&self) -> &MemoryLog {
        &self.log
    }

    /// What `PRAGMA synchronous` says on the connection that writes: 2 is FULL.
    ///
    /// # Errors
    /// When the database is closed.
    #[cfg(feature = "testing")]
    pub async fn synchronous(&self) -> storage::Result<i64> {
        self.database.writer_synchronous().await
    }

    /// End in order: sessions, log, stages, database. What was accepted is stored before it returns.
    pub async fn stop(self) {
        self.drain();
        self.polls.end();
        self.log.close();
        let mut stages = std::mem::take(&mut *self.stages.lock());
        // The lanes end when the closed log is empty; the store then hands out its last changes.
        let closing = async {
            while !self.log.is_drained() {
                tokio::task::yield_now().await;
            }
            self.database.close().await;
            self.inbox.close();
            while stages.join_next().await.is_some() {}
        };
        let patience = std::time::Duration::from_secs(self.config.server.drain_seconds);
        if tokio::time::timeout(patience, closing).await.is_err() {
            tracing::error!("the stages did not end in time");
        }
    }
}
