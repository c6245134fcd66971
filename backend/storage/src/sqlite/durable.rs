//! The side file: which database belongs in this folder, and a commit that is known to be on the disk.
//!
//! SQLite forgets the torn end of a write-ahead log without a word, and opens an older copy of a file
//! gladly. Either way acknowledged messages would be gone and nobody would know. So a small file
//! beside the database says how far it had come, and a database that has not come so far is refused.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::backup;
use crate::{Result, StorageError};

/// The database's file.
pub(super) const DATABASE: &str = "kith.db";
/// The side file.
pub(super) const SIDE: &str = "kith.durable";

/// What the side file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recorded {
    /// The database's id.
    pub(super) database: Uuid,
    /// A commit that was durable when this was written.
    pub(super) commit: u64,
}

/// The side file of an open database.
pub(super) struct Durable {
    folder: PathBuf,
    database: Uuid,
    recorded: Mutex<Option<u64>>,
}

impl Durable {
    pub(super) fn new(folder: &Path, database: Uuid) -> Self {
        Self { folder: folder.to_owned(), database, recorded: Mutex::new(None) }
    }

    /// Replace the file, unless it says that much already. Returns when the new one is on the disk.
    ///
    /// # Errors
    /// The old file is then still there.
    pub(super) fn record(&self, commit: u64) -> io::Result<()> {
        let mut recorded = self.recorded.lock();
        if recorded.is_some_and(|known| known >= commit) {
            return Ok(());
        }
        let says = Recorded { database: self.database, commit };
        let next = self.folder.join(format!("{SIDE}.next"));
        let mut file = File::create(&next)?;
        file.write_all(serde_json::to_string(&says)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&next, self.folder.join(SIDE))?;
        sync_folder(&self.folder)?;
        *recorded = Some(commit);
        Ok(())
    }
}

/// Make a rename in this folder durable. Windows has no such call and needs none.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// What the side file in this folder says; `None` when there is none.
///
/// # Errors
/// When it cannot be read: then nothing is known about the database, so it is not opened.
pub(super) fn read(folder: &Path) -> Result<Option<Recorded>> {
    let bytes = match fs::read(folder.join(SIDE)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StorageError::Unavailable(format!("{SIDE}: {error}"))),
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| refuse(folder, &format!("{SIDE} cannot be read ({error})")))
}

/// The refusal to open this folder's database, with what an operator can do.
pub(super) fn refuse(folder: &Path, why: &str) -> StorageError {
    let newest = match backup::backups(folder).pop() {
        Some(path) => format!("the newest backup is {}", path.display()),
        None => "there is no backup".to_owned(),
    };
    let message = format!(
        "{} is not opened, since it would show a shortened history: {why}; {newest}. To go on from a \
         backup, move {DATABASE}, {DATABASE}-wal and {SIDE} away and copy the backup to {DATABASE}",
        folder.join(DATABASE).display(),
    );
    tracing::error!("{message}");
    StorageError::Unavailable(message)
}
