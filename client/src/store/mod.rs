//! What the client keeps on disk. Two SQLite files per account: `cache.db`, which the server can
//! always give again, and `outbox.db`, which holds what only this device knows. One small JSON file
//! says which account is current.

mod cache;
mod history;
mod outbox;
mod profile;
mod quiet;
mod search;

use std::path::{Path, PathBuf};

pub use cache::{Cache, CacheWrite, StateChange};
pub use outbox::{Draft, Failure, Identity, OutboxFile, OutboxWrite, Stored};
pub use profile::{Profile, ProfileFile, account_folder};
pub(crate) use search::Hit;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite says no.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The file system says no.
    #[error("{path}: {error}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What it says.
        error: std::io::Error,
    },
    /// A row does not read as what it should be.
    #[error("a damaged row: {0}")]
    Damaged(#[from] serde_json::Error),
    /// Another program, or another window of this one, has the account open.
    #[error("the account is open in another program")]
    InUse,
}

impl StoreError {
    /// Whether the file itself is broken, so that it has to be set aside.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match self {
            Self::Damaged(_) => true,
            Self::Sqlite(rusqlite::Error::SqliteFailure(error, _)) => {
                matches!(error.code, DatabaseCorrupt | NotADatabase)
                    // A missing table or column is a file that something else has written.
                    || error.code == rusqlite::ErrorCode::Unknown
            }
            Self::Sqlite(
                rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..),
            ) => true,
            _ => false,
        }
    }

    /// Whether it is the search index that is broken, and nothing else as far as is known.
    #[must_use]
    pub fn is_index_damage(&self) -> bool {
        matches!(self, Self::Sqlite(rusqlite::Error::SqliteFailure(error, _))
            if error.extended_code == rusqlite::ffi::SQLITE_CORRUPT_VTAB)
    }
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |error| StoreError::File { path, error }
}

/// Move a database that cannot be used, with its log, out of the way. The newest such copy is kept.
fn set_aside(path: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut from = path.as_os_str().to_owned();
        from.push(suffix);
        let mut to = path.as_os_str().to_owned();
        to.push(format!(".damaged{suffix}"));
        match std::fs::rename(&from, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // A log of an older damaged copy must not stay beside a newer copy.
                let _ = std::fs::remove_file(&to);
            }
            Err(error) => return Err(file_error(path)(error)),
        }
    }
    Ok(())
}

/// A log without its database belongs to nothing.
fn remove_stray_log(path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        return Ok(());
    }
    for suffix in ["-wal", "-shm", "-journal"] {
        let mut log = path.as_os_str().to_owned();
        log.push(suffix);
        match std::fs::remove_file(&log) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(file_error(path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}
