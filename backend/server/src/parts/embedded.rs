//! The embedded parts: SQLite and bounded queues in this process. Nothing to install.

use std::sync::Arc;

use anyhow::Context;
use event_log::{MemoryLog, Position};
use storage::Sqlite;
use storage::sabotage::{self, Case};
use tokio::sync::mpsc;

use super::{Engine, Parts, Stores};
use crate::config::Config;
use crate::environment::Environment;
use crate::pipeline::dead::Dead;
use crate::pipeline::deliver::Delivery;

/// Partitions of the conversation log: as many lanes fold while others are committed.
const LANES: u32 = 4;
/// More than any version has ever had, or will have.
const MOST_LANES: u32 = 64;
/// Commits that may wait for the inbox.
const COMMITTED: usize = 1024;
/// Partitions of the push queue. Each is bounded, and one that is full because a receiver does not
/// answer leaves the others alone.
const PUSHES: usize = 16;
/// Connections that read.
const READERS: usize = 4;

/// The parts that are closed one after another.
#[derive(Clone)]
pub struct Embedded {
    pub(crate) log: MemoryLog,
    pub(crate) inbox: MemoryLog,
    pub(crate) database: Arc<Sqlite>,
}

/// Open the data folder.
pub(super) async fn open(config: &Config, environment: &Environment) -> anyhow::Result<Parts> {
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
        push: database.clone(),
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
    Ok(Parts {
        stores,
        log: Arc::new(log.clone()),
        inbox: Some(Arc::new(inbox.clone())),
        delivery: Delivery::after(last_commit),
        changes: Some(changes),
        lists: None,
        pushes: Arc::new(MemoryLog::new(&[0; PUSHES])),
        pushed_from: None,
        dead: Dead::file(config.server.data.join("dead.jsonl"), environment.clone()),
        watch: None,
        engine: Engine::Embedded(Embedded { log, inbox, database }),
    })
}

impl Embedded {
    /// Take no more records, wait until the lanes have stored what there is, and close behind them.
    pub(super) async fn close(&self) {
        self.log.close();
        while !self.log.is_drained() {
            tokio::task::yield_now().await;
        }
        self.database.close().await;
        self.inbox.close();
    }
}

#[cfg(feature = "testing")]
impl Embedded {
    /// Nothing more is stored.
    pub(super) async fn kill(&self) {
        self.database.kill().await;
        self.log.close();
        self.inbox.close();
    }

    /// The conversation log, so that a test can move its partitions.
    #[must_use]
    pub fn conversation_log(&self) -> &MemoryLog {
        &self.log
    }

    /// What `PRAGMA synchronous` says on the connection that writes: 2 is FULL.
    ///
    /// # Errors
    /// When the database is closed.
    pub async fn synchronous(&self) -> storage::Result<i64> {
        self.database.writer_synchronous().await
    }
}
