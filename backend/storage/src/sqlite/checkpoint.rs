//! Moves what was committed from the write-ahead log into the database's file, out of the way of the
//! commits, and keeps the side file up to date. Measured: with SQLite's default the checkpoints, and
//! not the processor, limit how many messages a server takes.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use super::durable::Durable;
use super::open::BUSY_WAIT;
use super::rows::is_corrupt;

/// The thread looks so often while there are commits, and never while there are none.
const PAUSE: Duration = Duration::from_millis(100);
/// The side file is written at the latest after so many pauses.
const PAUSES: u32 = 5;
/// The thread moves pages once so many wait, 32 MiB: a page that was written many times is moved once.
const STEP: u64 = 8 * 1024;
/// Above so many pages, 64 MiB, the writer starts the log anew itself.
const LIMIT: u64 = 16 * 1024;
/// How long it then waits for readers who are still in the old one.
const RESTART_WAIT: Duration = Duration::from_millis(50);
/// Without a thread: a checkpoint every so many commits, and the side file after so many milliseconds.
const COMMITS: u32 = 256;
const MILLIS: i64 = 1_000;

/// What a simulated world has instead of time.
pub(super) type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The writer's part.
pub(super) struct Checkpoints {
    durable: Arc<Durable>,
    commit: u64,
    mode: Mode,
}

enum Mode {
    /// The writer does it all.
    Inline { clock: Clock, recorded_at: i64, commits: u32 },
    /// A thread does it, and the writer only what the thread cannot.
    Thread { shared: Arc<Shared>, thread: Option<JoinHandle<()>>, limit: u64 },
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    commits: Condvar,
    stop: Condvar,
    /// Held during a checkpoint: SQLite would refuse a second one instead of letting it wait.
    turn: Mutex<()>,
}

#[derive(Default)]
struct State {
    commit: u64,
    /// The length of the log in pages, as the thread last saw it.
    frames: u64,
    stop: bool,
    failed: Option<String>,
}

impl Checkpoints {
    /// The writer does it all.
    pub(super) fn inline(durable: Arc<Durable>, commit: u64, clock: Clock) -> Self {
        let recorded_at = clock();
        Self { durable, commit, mode: Mode::Inline { clock, recorded_at, commits: 0 } }
    }

    /// A thread with this connection of its own does it; it calls `fatal` when the disk fails.
    ///
    /// # Errors
    /// When no thread can be had.
    pub(super) fn thread(
        durable: Arc<Durable>,
        commit: u64,
        db: Connection,
        fatal: Arc<dyn Fn(&str) + Send + Sync>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        shared.state.lock().commit = commit;
        let thread = std::thread::Builder::new().name("checkpoint".into()).spawn({
            let (shared, durable) = (shared.clone(), durable.clone());
            move || {
                if let Err(reason) = watch(&db, &shared, &durable, commit) {
                    fatal(&reason);
                    shared.state.lock().failed = Some(reason);
                }
            }
        })?;
        let mode = Mode::Thread { shared, thread: Some(thread), limit: LIMIT };
        Ok(Self { durable, commit, mode })
    }

    /// After each commit.
    ///
    /// # Errors
    /// The disk failed: nothing may be acknowledged any more.
    pub(super) fn after(&mut self, db: &Connection, commit: u64) -> Result<(), String> {
        self.commit = commit;
        match &mut self.mode {
            Mode::Inline { clock, recorded_at, commits } => {
                *commits += 1;
                let now = clock();
                let full = *commits >= COMMITS;
                if full || now.saturating_sub(*recorded_at) >= MILLIS {
                    *recorded_at = now;
                    if record(&self.durable, commit) && full {
                        *commits = 0;
                        checkpoint(db, "PASSIVE")?;
                    }
                }
                Ok(())
            }
            Mode::Thread { shared, limit, .. } => {
                let frames = {
                    let mut state = shared.state.lock();
                    state.commit = commit;
                    shared.commits.notify_one();
                    if let Some(reason) = &state.failed {
                        return Err(reason.clone());
                    }
                    state.frames
                };
                if frames < *limit {
                    return Ok(());
                }
                let _turn = shared.turn.lock();
                if record(&self.durable, commit) {
                    // Readers that stay long, like a backup, keep the log from starting anew. They hold
                    // up the writer for a moment only, and then it may grow some more before the next.
                    let wait = |time| db.busy_timeout(time).map_err(|error| error.to_string());
                    wait(RESTART_WAIT)?;
                    let done = checkpoint(db, "RESTART")?;
                    wait(BUSY_WAIT)?;
                    *limit = if done.busy { frames + LIMIT / 4 } else { LIMIT };
                    shared.state.lock().frames = 0;
                }
                Ok(())
            }
        }
    }

    /// After the last commit: everything in one file, and the side file says so.
    pub(super) fn finish(&mut self, db: &Connection) {
        if let Mode::Thread { shared, thread, .. } = &mut self.mode {
            end(shared);
            if thread.take().is_some_and(|thread| thread.join().is_err()) {
                tracing::error!("the checkpoint thread had panicked");
            }
        }
        if record(&self.durable, self.commit)
            && let Err(reason) = checkpoint(db, "TRUNCATE")
        {
            tracing::error!(reason, "the last checkpoint failed; the next start does it again");
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        if let Mode::Thread { shared, .. } = &self.mode {
            end(shared);
        }
    }
}

fn end(shared: &Shared) {
    shared.state.lock().stop = true;
    shared.commits.notify_one();
    shared.stop.notify_one();
}

/// The thread. Sleeps until there is a commit, then looks ten times a second until all is recorded.
fn watch(db: &Connection, shared: &Shared, durable: &Durable, commit: u64) -> Result<(), String> {
    let (mut recorded, mut pauses) = (commit, 0);
    loop {
        let commit = {
            let mut state = shared.state.lock();
            while state.commit == recorded && !state.stop {
                shared.commits.wait(&mut state);
            }
            if !state.stop {
                shared.stop.wait_for(&mut state, PAUSE);
            }
            if state.stop {
                return Ok(());
            }
            state.commit
        };
        pauses += 1;
        let _turn = shared.turn.lock();
        let mut log = checkpoint(db, "NOOP")?;
        let full = log.frames - log.moved.min(log.frames) >= STEP;
        if full || pauses >= PAUSES {
            pauses = 0;
            if record(durable, commit) {
                recorded = commit;
                if full {
                    log = checkpoint(db, "PASSIVE")?;
                }
            }
        }
        shared.state.lock().frames = log.frames;
    }
}

/// Whether the side file is written. A full disk is not the end: the next commits will say it.
fn record(durable: &Durable, commit: u64) -> bool {
    match durable.record(commit) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "the side file could not be written; no checkpoint before it is");
            false
        }
    }
}

/// What SQLite says of the write-ahead log, in pages.
#[derive(Clone, Copy, Debug, Default)]
struct Log {
    /// Whether somebody was in the way.
    busy: bool,
    /// Its length.
    frames: u64,
    /// How much of it is in the database's file too.
    moved: u64,
}

fn checkpoint(db: &Connection, mode: &str) -> Result<Log, String> {
    let done = db.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        let pages = |at| row.get::<_, i64>(at).map(super::rows::whole);
        Ok(Log { busy: row.get(0)?, frames: pages(1)?, moved: pages(2)? })
    });
    done.or_else(|error| {
        let io = error.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure);
        if io || is_corrupt(&error) {
            return Err(format!("checkpoint: {error}"));
        }
        tracing::warn!(%error, "a checkpoint did not succeed; the log keeps what it holds");
        Ok(Log { busy: true, ..Log::default() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scene {
        folder: tempfile::TempDir,
        db: Connection,
        checkpoints: Checkpoints,
    }

    fn scene() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let connect = || {
            let db = Connection::open(folder.path().join("kith.db")).unwrap();
            db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
            db.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
            db
        };
        let db = connect();
        db.execute_batch("CREATE TABLE t (x)").unwrap();
        let durable = Arc::new(Durable::new(folder.path(), uuid::Uuid::nil()));
        let fatal = Arc::new(|reason: &str| panic!("{reason}"));
        let checkpoints = Checkpoints::thread(durable, 1, connect(), fatal).unwrap();
        Scene { folder, db, checkpoints }
    }

    impl Scene {
        /// One commit of a hundred pages and more, after which the log has this many pages.
        fn write(&self) -> u64 {
            self.db.execute("INSERT INTO t VALUES (zeroblob(409600))", []).unwrap();
            checkpoint(&self.db, "NOOP").unwrap().frames
        }

        fn limit(&self) -> u64 {
            match &self.checkpoints.mode {
                Mode::Thread { limit, .. } => *limit,
                Mode::Inline { .. } => 0,
            }
        }

        /// As if the thread had seen so long a log.
        fn after_a_commit(&mut self, commit: u64, frames: u64) {
            if let Mode::Thread { shared, .. } = &self.checkpoints.mode {
                shared.state.lock().frames = frames;
            }
            self.checkpoints.after(&self.db, commit).unwrap();
        }
    }

    #[test]
    fn above_the_limit_the_writer_starts_the_log_anew() {
        let mut scene = scene();
        let (one, two) = (scene.write(), scene.write());
        assert!(two > one + 100);
        scene.after_a_commit(2, LIMIT);
        assert!(scene.write() <= one, "it began at the start again");
        let side = super::super::durable::read(scene.folder.path()).unwrap().unwrap();
        assert_eq!(side.commit, 2, "the side file is written before the checkpoint");
    }

    #[test]
    fn a_reader_that_stays_lets_the_log_grow_and_holds_nobody_up_for_ever() {
        let mut scene = scene();
        scene.write();
        let reader = Connection::open(scene.folder.path().join("kith.db")).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM t").unwrap();
        let before = scene.write();
        scene.after_a_commit(2, LIMIT);
        assert!(scene.write() > before);
        assert_eq!(scene.limit(), LIMIT + LIMIT / 4);
        reader.execute_batch("COMMIT").unwrap();
        scene.after_a_commit(3, LIMIT + LIMIT / 4);
        assert!(scene.write() < before);
        assert_eq!(scene.limit(), LIMIT);
    }

    #[test]
    fn at_the_end_everything_is_in_one_file() {
        let mut scene = scene();
        scene.write();
        scene.after_a_commit(7, 0);
        scene.checkpoints.finish(&scene.db);
        let log = std::fs::metadata(scene.folder.path().join("kith.db-wal")).unwrap();
        let side = super::super::durable::read(scene.folder.path()).unwrap().unwrap();
        assert_eq!((log.len(), side.commit), (0, 7));
    }
}
