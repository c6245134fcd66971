//! All the stores in one SQLite file: one writer that commits in groups, readers beside it.
//!
//! The writer's rules are in `writer.rs`, what keeps checkpoints out of its way in `checkpoint.rs`,
//! and why a damaged file is refused in `durable.rs`. Every trait has a file of its own here.

mod accounts;
mod backup;
mod blocks;
mod check;
mod checkpoint;
mod durable;
mod find;
mod fold;
mod friends;
mod history;
mod keys;
mod markers;
mod open;
mod pages;
mod push;
mod readers;
mod rows;
mod sessions;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use uuid::Uuid;

pub use backup::{backup, backups};
pub use check::{Finding, check};

use crate::{Blocking, Committed, Result, StorageError};
use blocks::Blocks;
use keys::Keys;
use push::Subscribers;
use readers::Readers;
use rows::Work;
use writer::{Commit, Queue};

/// How a database is opened.
#[derive(Clone)]
pub struct Options {
    /// Where `kith.db` and everything beside it lives. Made when it is not there.
    pub folder: PathBuf,
    /// The id that the database gets when this call makes it.
    pub new_database: Uuid,
    /// Where blocking work runs. Inline there is no thread of any kind.
    pub blocking: Blocking,
    /// Where each commit's changes go, in commit order; commits without changes are not told.
    /// Whoever drains it must not wait for a write of this store: see [`Committed`].
    pub committed: mpsc::Sender<Committed>,
    /// Unix milliseconds: for the names of backups, and inline for the pace of the side file.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// Called when the disk fails in a way after which nothing may be acknowledged: the process has
    /// to end. Everything that is asked for afterwards is refused.
    pub fatal: Arc<dyn Fn(&str) + Send + Sync>,
    /// How many connections read, at least one.
    pub readers: usize,
    /// Take commits for durable that are not: for the sabotage tests, and for simulated worlds, in
    /// which no power is ever cut.
    pub synchronous_off: bool,
    /// The most pages of 4 KiB that the file may have, so that a test can fill the disk.
    pub max_pages: Option<u32>,
}

/// All the stores in one SQLite file.
pub struct Sqlite {
    folder: PathBuf,
    database: Uuid,
    blocking: Blocking,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    queue: Queue,
    readers: Arc<Readers>,
    keys: Arc<Keys>,
    blocks: Arc<Blocks>,
    subscribers: Subscribers,
    writer: Mutex<Option<tokio::task::JoinHandle<()>>>,
    /// Held until this store is closed or dropped: one process at a time.
    lock: Mutex<Option<std::fs::File>>,
}

impl Sqlite {
    /// Open the folder's database, or make it. Called inside a tokio runtime.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] in words for an operator: another process has it open, a newer
    /// version wrote it, the folder cannot be written, or it is damaged or older than the side file
    /// says. A damaged database is never opened, and the message names the newest backup.
    pub fn open(options: Options) -> Result<Arc<Self>> {
        open::open(options).map(Arc::new)
    }

    /// Finish what waits, move everything into the one file, and let go of it. Whatever is asked for
    /// afterwards is refused. Dropping a store without this is what a kill is: nothing that was
    /// acknowledged is lost, and what waited is forgotten.
    pub async fn close(&self) {
        self.queue.close().await;
        let writer = self.writer.lock().take();
        if let Some(writer) = writer
            && let Err(error) = writer.await
        {
            tracing::error!(%error, "the writer had ended before");
        }
        self.readers.close();
        drop(self.lock.lock().take());
    }

    /// What SIGKILL is, as far as a process can do it to itself: the writer stops where it stands, and
    /// whatever is asked for afterwards is refused.
    #[cfg(feature = "testing")]
    pub async fn kill(&self) {
        let writer = self.writer.lock().take();
        if let Some(writer) = writer {
            writer.abort();
            let _ = writer.await;
        }
        self.readers.close();
        drop(self.lock.lock().take());
    }

    /// What `PRAGMA synchronous` says on the connection that writes: 2 is FULL.
    ///
    /// # Errors
    /// When the store is closed.
    pub async fn writer_synchronous(&self) -> Result<i64> {
        self.write(|commit| Ok(commit.db.query_row("PRAGMA synchronous", [], |row| row.get(0))?))
            .await
    }

    /// The number of the last commit.
    ///
    /// # Errors
    /// When the store is closed.
    pub async fn last_commit(&self) -> Result<u64> {
        self.read(|reader| {
            let number =
                reader.db.query_row("SELECT commit_number FROM meta", [], |row| row.get(0))?;
            Ok(rows::whole(number))
        })
        .await
    }

    /// Make a backup now, named after the moment, and keep only the newest seven.
    ///
    /// # Errors
    /// When it cannot be written; then no half backup is left.
    pub async fn backup(&self) -> Result<PathBuf> {
        let (folder, now) = (self.folder.clone(), (self.clock)());
        self.blocking.run(move || backup::backup(&folder, now)).await
    }

    /// The full check of everything stored; no finding means that all is well. Reads everything.
    ///
    /// # Errors
    /// When the file cannot even be read.
    pub async fn check(&self) -> Result<Vec<Finding>> {
        let folder = self.folder.clone();
        self.blocking.run(move || check::check(&folder)).await
    }

    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Commit<'_>) -> Work<T> + Send + 'static,
    {
        self.queue.ask(work).await
    }

    async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Reader<'_>) -> Work<T> + Send + 'static,
    {
        let (readers, keys) = (self.readers.clone(), self.keys.clone());
        let permit = readers.permit().await?;
        self.blocking
            .run(move || {
                let _permit = permit;
                readers.snapshot(|db| work(&Reader { db, keys: &keys }))
            })
            .await
            .map_err(rows::Failure::into_error)
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.lock().take() {
            writer.abort();
        }
    }
}

/// What reading is done with: one moment of the database.
struct Reader<'r> {
    db: &'r rusqlite::Connection,
    keys: &'r Keys,
}

impl Reader<'_> {
    fn key(&self, conversation: protocol::ConversationId) -> Work<Option<i64>> {
        self.keys.find(self.db, conversation)
    }
}

/// What cannot be opened, in words for an operator.
fn unavailable(what: &str, error: impl std::fmt::Display) -> StorageError {
    StorageError::Unavailable(format!("{what}: {error}"))
}
