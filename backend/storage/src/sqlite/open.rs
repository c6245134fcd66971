//! Opening: the lock, the checks that keep a damaged file from being served, the connections.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};
use uuid::Uuid;

use super::blocks::Blocks;
use super::checkpoint::Checkpoints;
use super::durable::{self, DATABASE, Durable, Recorded, refuse};
use super::keys::Keys;
use super::push::Subscribers;
use super::readers::Readers;
use super::rows::{bound, is_corrupt, whole};
use super::{Options, Sqlite, unavailable, writer};
use crate::{Blocking, Result, StorageError};

/// All versions of the schema, oldest first. One that was released is never changed.
const SCHEMAS: &[&str] = &[include_str!("schema.sql"), include_str!("push.sql")];
/// How long a connection waits for another process, such as a backup, to let go of a lock.
pub(super) const BUSY_WAIT: Duration = Duration::from_secs(5);
/// Up to this size, in bytes, the whole file is checked at every start: it takes a tenth of a second.
const CHECKED_ALWAYS: u64 = 32 << 20;
/// Up to this size it is checked when the last stop was a kill. Above it `kithd check` is for that.
const CHECKED_AFTER_A_KILL: u64 = 1 << 30;

pub(super) fn open(options: Options) -> Result<Sqlite> {
    let folder = &options.folder;
    fs::create_dir_all(folder).map_err(|e| unavailable(&folder.display().to_string(), e))?;
    let lock = lock(folder)?;
    let path = folder.join(DATABASE);
    let recorded = durable::read(folder)?;
    let existed = fs::metadata(&path).is_ok_and(|m| m.len() > 0);
    if recorded.is_some() && !existed {
        return Err(refuse(folder, "it is missing"));
    }
    if existed {
        verify(folder, recorded)?;
    }
    let mut db = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
        .and_then(|db| writing(&db, &options).map(|()| db))
        .map_err(|e| unavailable(&path.display().to_string(), e))?;
    Migrations::new(SCHEMAS.iter().map(|sql| M::up(sql)).collect())
        .to_latest(&mut db)
        .map_err(|e| unavailable("bringing the schema up to date", e))?;
    let Recorded { database, commit } = identify(&db, &options, recorded)
        .map_err(|e| unavailable(&path.display().to_string(), e))?;
    let subscribers =
        Subscribers::read(&db).map_err(|e| unavailable(&path.display().to_string(), e))?;
    let side = Arc::new(Durable::new(folder, database));
    side.record(commit).map_err(|e| unavailable(durable::SIDE, e))?;

    let readers = (0..options.readers.max(1)).map(|_| reading(folder)).collect::<Result<_>>()?;
    let checkpoints = match options.blocking {
        Blocking::Inline | Blocking::After(_) => {
            Checkpoints::inline(side, commit, options.clock.clone())
        }
        Blocking::Threads => {
            let own = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)
                .and_then(|own| writing(&own, &options).map(|()| own))
                .map_err(|e| unavailable(&path.display().to_string(), e))?;
            Checkpoints::thread(side, commit, own, options.fatal.clone())
                .map_err(|e| unavailable("a thread", e))?
        }
    };
    let (keys, blocks) = (Arc::new(Keys::new()), Arc::new(Blocks::new()));
    let fatal = options.fatal;
    let state = writer::Writer {
        db,
        keys: keys.clone(),
        blocks: blocks.clone(),
        checkpoints,
        fatal,
        dead: None,
    };
    let (queue, task) = writer::start(state, options.blocking, options.committed);
    Ok(Sqlite {
        folder: options.folder,
        database,
        blocking: options.blocking,
        clock: options.clock,
        queue,
        readers: Arc::new(Readers::new(readers)),
        keys,
        blocks,
        subscribers,
        writer: Mutex::new(Some(task)),
        lock: Mutex::new(Some(lock)),
    })
}

/// One process at a time: commit numbers and the side file have one owner.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("kith.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|e| unavailable(&path.display().to_string(), e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(StorageError::Unavailable(format!("another process has {} open", folder.display())))
        }
        Err(TryLockError::Error(error)) => Err(unavailable(&path.display().to_string(), error)),
    }
}

/// Whether this file may be served, before anything is written to it.
fn verify(folder: &Path, recorded: Option<Recorded>) -> Result<()> {
    let path = folder.join(DATABASE);
    let killed = fs::metadata(folder.join(format!("{DATABASE}-wal"))).is_ok_and(|m| m.len() > 0);
    let size = fs::metadata(&path).map_or(0, |m| m.len());
    let broken = |error: rusqlite::Error| {
        if is_corrupt(&error) {
            refuse(folder, &error.to_string())
        } else {
            unavailable(&path.display().to_string(), error)
        }
    };
    // Not read-only: after a kill SQLite has to read the write-ahead log and build its index.
    let db = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(broken)?;
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(broken)?;
    if usize::try_from(version).map_or(true, |version| version > SCHEMAS.len()) {
        return Err(StorageError::Unavailable(format!(
            "{} was written by a newer version of kithd (schema {version}); run that version",
            path.display()
        )));
    }
    // What the file says of its own length; while a log exists, part of it may be only there.
    let pages: i64 = db.query_row("PRAGMA page_count", [], |row| row.get(0)).map_err(broken)?;
    let page: i64 = db.query_row("PRAGMA page_size", [], |row| row.get(0)).map_err(broken)?;
    if !killed && size < whole(pages) * whole(page) {
        return Err(refuse(folder, "it is shorter than it was"));
    }
    if let Some(recorded) = recorded {
        let found = meta(&db).map_err(|error| refuse(folder, &error.to_string()))?;
        if found.database != recorded.database {
            return Err(refuse(folder, "it is another database than the one that was here"));
        }
        if found.commit < recorded.commit {
            let why = format!(
                "it ends at commit {} and had durably reached {}",
                found.commit, recorded.commit
            );
            return Err(refuse(folder, &why));
        }
    }
    if size <= CHECKED_ALWAYS || killed && size <= CHECKED_AFTER_A_KILL {
        let said: String =
            db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(broken)?;
        if said != "ok" {
            return Err(refuse(folder, &said));
        }
    }
    Ok(())
}

fn meta(db: &Connection) -> rusqlite::Result<Recorded> {
    db.query_row("SELECT database, commit_number FROM meta", [], |row| {
        Ok(Recorded { database: super::rows::id(row, 0)?, commit: whole(row.get(1)?) })
    })
}

/// Which database this is. One without a side file is new, or a copy that somebody put there: it gets
/// another id, so that every cursor of before is foreign to it.
fn identify(
    db: &Connection,
    options: &Options,
    recorded: Option<Recorded>,
) -> rusqlite::Result<Recorded> {
    if recorded.is_none() {
        let database: Uuid = options.new_database;
        db.execute(
            "INSERT INTO meta (id, database, commit_number) VALUES (1, ?1, ?2)
             ON CONFLICT (id) DO UPDATE SET database = excluded.database",
            rusqlite::params![database.as_bytes(), bound(0)],
        )?;
    }
    meta(db)
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(BUSY_WAIT)?;
    db.set_prepared_statement_cache_capacity(128);
    // The last connection would otherwise move and delete the log when it goes, also that of a file
    // which was just refused: what is left of a damaged database is for whoever looks into it.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(db)
}

/// How a connection that writes is set up. No `mmap`: a bad sector would end the process by a signal
/// instead of an error, and the page cache of this size holds what is in use.
fn writing(db: &Connection, options: &Options) -> rusqlite::Result<()> {
    db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))?;
    db.pragma_update(None, "synchronous", if options.synchronous_off { "OFF" } else { "FULL" })?;
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "cache_size", -64 * 1024)?;
    if let Some(pages) = options.max_pages {
        db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(())
}

/// A connection that only reads.
pub(super) fn reading(folder: &Path) -> Result<Connection> {
    let path = folder.join(DATABASE);
    connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .and_then(|db| db.pragma_update(None, "cache_size", -8 * 1024).map(|()| db))
        .map_err(|e| unavailable(&path.display().to_string(), e))
}
