//! Backups: whole copies of the database, made while it is used.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::{durable, open, unavailable};
use crate::{Result, StorageError};

/// The folder of backups, beside the database.
const FOLDER: &str = "backups";
/// So many are kept.
const KEPT: usize = 7;

/// Copy the folder's database into `backups/kith-<time>.db` with SQLite's backup API, and keep only the
/// newest seven. Works whether or not a server has it open. `now` is in Unix milliseconds.
///
/// # Errors
/// When it cannot be read or written; then no half backup is left.
pub fn backup(folder: &Path, now: i64) -> Result<PathBuf> {
    let kept_in = folder.join(FOLDER);
    let failed = |error: &dyn std::fmt::Display| unavailable("the backup failed", error);
    fs::create_dir_all(&kept_in).map_err(|e| failed(&e))?;
    let from = open::reading(folder)?;
    let time: String = from
        .query_row("SELECT strftime('%Y%m%dT%H%M%fZ', ?1 / 1000.0, 'unixepoch')", [now], |row| {
            row.get(0)
        })
        .map_err(|e| failed(&e))?;
    let path = kept_in.join(format!("kith-{time}.db"));
    let partial = kept_in.join(format!("kith-{time}.partial"));
    let done = copy(&from, &partial).and_then(|()| {
        fs::File::open(&partial).and_then(|file| file.sync_all()).map_err(|e| failed(&e))?;
        fs::rename(&partial, &path).map_err(|e| failed(&e))?;
        durable::sync_folder(&kept_in).map_err(|e| failed(&e))
    });
    if let Err(error) = done {
        // Whatever is left of it is no backup; when even that cannot be removed, its name says so.
        let _ = fs::remove_file(&partial);
        return Err(error);
    }
    let all = self::backups(folder);
    for old in &all[..all.len().saturating_sub(KEPT)] {
        if let Err(error) = fs::remove_file(old) {
            tracing::warn!(path = %old.display(), %error, "an old backup could not be removed");
        }
    }
    Ok(path)
}

/// All in one step: a copy in several would begin anew with every commit in between.
fn copy(from: &Connection, to: &Path) -> Result<()> {
    let sqlite = |e: rusqlite::Error| unavailable("the backup failed", e);
    let mut to = Connection::open(to).map_err(sqlite)?;
    {
        let copy = Backup::new(from, &mut to).map_err(sqlite)?;
        match copy.step(-1).map_err(sqlite)? {
            StepResult::Done => {}
            other => {
                return Err(StorageError::Unavailable(format!("the backup failed: {other:?}")));
            }
        }
    }
    to.close().map_err(|(_, e)| sqlite(e))
}

/// The folder's backups, oldest first.
#[must_use]
pub fn backups(folder: &Path) -> Vec<PathBuf> {
    let is_backup = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("kith-") && name.ends_with(".db")
    };
    let mut paths: Vec<_> = fs::read_dir(folder.join(FOLDER))
        .map(|entries| entries.filter_map(|e| Some(e.ok()?.path())).filter(is_backup).collect())
        .unwrap_or_default();
    paths.sort();
    paths
}
