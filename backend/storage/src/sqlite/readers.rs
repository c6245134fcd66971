//! The connections that read: a few, each used for one short transaction at a time.

use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::rows::Work;
use crate::{Result, StorageError};

/// The connections that read.
pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        let permits = Arc::new(Semaphore::new(connections.len()));
        Self { idle: Mutex::new(connections), permits }
    }

    /// The right to use one of them.
    pub(super) async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        let closed = |_| StorageError::Unavailable("it is closed".into());
        self.permits.clone().acquire_owned().await.map_err(closed)
    }

    /// Read from one moment of the database. The caller holds a permit.
    pub(super) fn snapshot<T>(&self, work: impl FnOnce(&Connection) -> Work<T>) -> Work<T> {
        let closed = || StorageError::Unavailable("it is closed".into());
        let lease = Lease { db: self.idle.lock().pop(), readers: self };
        let db = lease.db.as_ref().ok_or_else(closed)?;
        db.prepare_cached("BEGIN")?.execute([])?;
        work(db)
    }

    /// Let go of the file.
    pub(super) fn close(&self) {
        self.permits.close();
        self.idle.lock().clear();
    }
}

/// Gives the connection back, also when the work panicked.
struct Lease<'r> {
    db: Option<Connection>,
    readers: &'r Readers,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let Some(db) = self.db.take() else { return };
        let ended = db.prepare_cached("COMMIT").and_then(|mut end| end.execute([]).map(drop));
        if ended.is_err() && !db.is_autocommit() {
            // A snapshot that stays open would keep the log from ever starting anew.
            let _ = db.execute_batch("ROLLBACK");
        }
        if !self.readers.permits.is_closed() {
            self.readers.idle.lock().push(db);
        }
    }
}
