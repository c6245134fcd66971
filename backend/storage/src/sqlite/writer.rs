//! The one writer. Whatever waits at the moment when it is free becomes one transaction and one
//! commit: under load commits grow by themselves, and nobody ever waits for a timer.

use std::sync::Arc;

use protocol::ConversationId;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::blocks::Blocks;
use super::checkpoint::Checkpoints;
use super::keys::{self, Keys};
use super::rows::{Failure, Work, is_corrupt, whole};
use crate::{Blocking, Change, Committed, Result, StorageError};

/// The most pieces of work in one commit.
const GROUP: usize = 1024;

/// What a piece of work does its writing with.
pub(super) struct Commit<'c> {
    /// Inside the transaction.
    pub(super) db: &'c Connection,
    /// This commit's number.
    pub(super) number: i64,
    keys: &'c Keys,
    fresh: Vec<(ConversationId, i64)>,
    relations: bool,
    changes: Vec<Change>,
}

impl Commit<'_> {
    /// The conversation's key, if it has one.
    pub(super) fn key(&self, conversation: ConversationId) -> Work<Option<i64>> {
        match self.keys.get(conversation) {
            Some(key) => Ok(Some(key)),
            None => keys::stored(self.db, conversation),
        }
    }

    /// The conversation's key, given now if it has none.
    pub(super) fn key_or_new(&mut self, conversation: ConversationId) -> Work<i64> {
        if let Some(key) = self.key(conversation)? {
            return Ok(key);
        }
        let mut insert =
            self.db.prepare_cached("INSERT INTO conversation (id) VALUES (?1) RETURNING key")?;
        let key = insert.query_row([conversation.bytes()], |row| row.get(0))?;
        self.fresh.push((conversation, key));
        Ok(key)
    }

    /// Who knows or blocks whom has changed.
    pub(super) fn relations_changed(&mut self) {
        self.relations = true;
    }

    /// Hand this out when the commit has succeeded.
    pub(super) fn tell(&mut self, change: Change) {
        self.changes.push(change);
    }
}

/// A piece of work. It may run more than once: when another one's failure makes the writer roll
/// back, those that did not fail run again.
trait Job: Send {
    /// Do the work and keep what came of it.
    fn run(&mut self, commit: &mut Commit<'_>) -> Work<()>;
    /// It failed, for good.
    fn fail(&mut self, error: StorageError);
    /// Whether it failed for good.
    fn has_failed(&self) -> bool;
    /// Tell who asked.
    fn answer(self: Box<Self>);
}

struct Asked<T, F> {
    work: F,
    came: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnMut(&mut Commit<'_>) -> Work<T> + Send> Job for Asked<T, F> {
    fn run(&mut self, commit: &mut Commit<'_>) -> Work<()> {
        self.came = Some(Ok((self.work)(commit)?));
        Ok(())
    }

    fn fail(&mut self, error: StorageError) {
        self.came = Some(Err(error));
    }

    fn has_failed(&self) -> bool {
        matches!(self.came, Some(Err(_)))
    }

    fn answer(self: Box<Self>) {
        if let Some(came) = self.came {
            // Whoever asked may have gone; the work is done all the same.
            let _ = self.reply.send(came);
        }
    }
}

enum Ask {
    Job(Box<dyn Job>),
    Close,
}

/// Where work is handed to the writer. Bounded: asking waits while it is full.
#[derive(Clone)]
pub(super) struct Queue {
    asks: mpsc::Sender<Ask>,
}

impl Queue {
    /// Have `work` done in a commit; returns once that is durable and its changes are handed out.
    pub(super) async fn ask<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Commit<'_>) -> Work<T> + Send + 'static,
    {
        let closed = || StorageError::Unavailable("it is closed".into());
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Asked { work, came: None, reply });
        self.asks.send(Ask::Job(job)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Let the writer finish what waits and end.
    pub(super) async fn close(&self) {
        let _ = self.asks.send(Ask::Close).await;
    }
}

/// What the writer needs while it is inside a commit.
pub(super) struct Writer {
    pub(super) db: Connection,
    pub(super) keys: Arc<Keys>,
    pub(super) blocks: Arc<Blocks>,
    pub(super) checkpoints: Checkpoints,
    pub(super) fatal: Arc<dyn Fn(&str) + Send + Sync>,
    /// Why nothing can be written any more.
    pub(super) dead: Option<String>,
}

/// How a whole commit failed.
struct Failed {
    reason: String,
    /// What was written may or may not be on the disk: nothing after it could be trusted.
    fatal: bool,
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        let io = error.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure);
        Self { fatal: io || is_corrupt(&error), reason: error.to_string() }
    }
}

/// Start the writer's task; it ends after [`Queue::close`], when all senders are gone, or when it is
/// aborted.
pub(super) fn start(
    writer: Writer,
    blocking: Blocking,
    committed: mpsc::Sender<Committed>,
) -> (Queue, tokio::task::JoinHandle<()>) {
    let (asks, queue) = mpsc::channel(GROUP);
    let task = tokio::spawn(serve(writer, blocking, committed, queue));
    (Queue { asks }, task)
}

/// Changes are handed out *before* those who asked are answered: the answer to a lane lets it commit
/// its log position, and the answer to a `mark` promises that the others will hear of it. While the
/// channel is full nothing is answered and nothing else committed, which is how a slow fan-out slows
/// down everything before it. So whoever drains the channel must never wait for a write of this store.
///
/// After a commit of several the writer rests for half as long as that took, so that the next group is
/// worth its write to the disk. A slow disk makes groups larger by itself, and whoever writes alone
/// never waits.
async fn serve(
    mut writer: Writer,
    blocking: Blocking,
    committed: mpsc::Sender<Committed>,
    mut queue: mpsc::Receiver<Ask>,
) {
    let mut asks = Vec::new();
    let mut rested = Instant::now();
    while queue.recv_many(&mut asks, GROUP).await > 0 {
        if rested > Instant::now() {
            sleep_until(rested).await;
        }
        let begun = Instant::now();
        // Whoever is ready to ask as well does so now: under load that makes one commit of many.
        tokio::task::yield_now().await;
        while asks.len() < GROUP
            && let Ok(ask) = queue.try_recv()
        {
            asks.push(ask);
        }
        let mut jobs = Vec::with_capacity(asks.len());
        for ask in asks.drain(..) {
            match ask {
                Ask::Job(job) => jobs.push(job),
                Ask::Close => queue.close(),
            }
        }
        let done = blocking.run(move || {
            let handed_out = writer.commit(&mut jobs);
            (writer, jobs, handed_out)
        });
        let handed_out;
        (writer, jobs, handed_out) = done.await;
        if let Some(handed_out) = handed_out {
            // Nobody listens any more when the process is about to end; what is stored is stored.
            let _ = committed.send(handed_out).await;
            // Append and deliver have their turns: what a session is told of its own marker then goes
            // out in one write with the answer to it.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        }
        if jobs.len() > 1 {
            let now = Instant::now();
            rested = now + (now - begun) / 2;
        }
        for job in jobs {
            job.answer();
        }
    }
    blocking.run(move || writer.checkpoints.finish(&writer.db)).await;
}

impl Writer {
    /// Do all of it in one commit. What is to be handed out: nothing for a commit without changes,
    /// since nobody needs to hear of those.
    fn commit(&mut self, jobs: &mut [Box<dyn Job>]) -> Option<Committed> {
        if let Some(reason) = &self.dead {
            jobs.iter_mut().for_each(|job| job.fail(StorageError::Unavailable(reason.clone())));
            return None;
        }
        match self.transaction(jobs) {
            Ok(None) => None,
            Ok(Some(committed)) => {
                if let Err(error) = self.checkpoints.after(&self.db, committed.commit) {
                    self.die(&error);
                }
                (!committed.changes.is_empty()).then_some(committed)
            }
            Err(failed) => {
                tracing::error!(reason = failed.reason, "a commit failed");
                if !self.db.is_autocommit() {
                    // A rollback that fails leaves a transaction in which the next BEGIN fails too.
                    let _ = self.db.execute_batch("ROLLBACK");
                }
                for job in jobs {
                    job.fail(StorageError::CommitFailed(failed.reason.clone()));
                }
                if failed.fatal {
                    self.die(&failed.reason);
                }
                None
            }
        }
    }

    fn die(&mut self, reason: &str) {
        tracing::error!(reason, "nothing more can be stored");
        self.dead = Some(reason.to_owned());
        (self.fatal)(reason);
    }

    /// One transaction; again without the one that failed, when that had written something.
    /// `None` when there was nothing to store.
    fn transaction(
        &self,
        jobs: &mut [Box<dyn Job>],
    ) -> std::result::Result<Option<Committed>, Failed> {
        loop {
            let Some(done) = self.attempt(jobs)? else {
                self.db.prepare_cached("ROLLBACK")?.execute([])?;
                continue;
            };
            if done.changed {
                self.db.prepare_cached("COMMIT")?.execute([])?;
            } else {
                self.db.prepare_cached("ROLLBACK")?.execute([])?;
                return Ok(None);
            }
            for (conversation, key) in done.fresh {
                self.keys.keep(conversation, key);
            }
            if done.relations {
                self.blocks.forget();
            }
            return Ok(Some(Committed { commit: whole(done.number), changes: done.changes }));
        }
    }

    /// `None` when a job failed after it had written something.
    fn attempt(&self, jobs: &mut [Box<dyn Job>]) -> std::result::Result<Option<Attempt>, Failed> {
        let db = &self.db;
        db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let number = db
            .prepare_cached(
                "UPDATE meta SET commit_number = commit_number + 1 RETURNING commit_number",
            )?
            .query_row([], |row| row.get(0))?;
        let keys = &*self.keys;
        let (fresh, changes) = (Vec::new(), Vec::new());
        let mut commit = Commit { db, number, keys, fresh, relations: false, changes };
        let begin = db.total_changes();
        for job in jobs.iter_mut().filter(|job| !job.has_failed()) {
            let (before, told) = (db.total_changes(), commit.changes.len());
            let Err(failure) = job.run(&mut commit) else { continue };
            match failure {
                Failure::Sqlite(error) if spoils_all(&error, db) => return Err(error.into()),
                failure => job.fail(failure.into_error()),
            }
            if db.total_changes() != before {
                return Ok(None);
            }
            commit.changes.truncate(told);
        }
        let Commit { fresh, relations, changes, .. } = commit;
        // What is told needs a commit's number, also when every row was there already: whoever wrote
        // them may have ended before it told anybody.
        let changed = db.total_changes() != begin || !changes.is_empty();
        Ok(Some(Attempt { number, changed, fresh, relations, changes }))
    }
}

struct Attempt {
    number: i64,
    changed: bool,
    fresh: Vec<(ConversationId, i64)>,
    relations: bool,
    changes: Vec<Change>,
}

/// Whether this is about the database and not about the one piece of work that met it.
fn spoils_all(error: &rusqlite::Error, db: &Connection) -> bool {
    use rusqlite::ErrorCode as E;
    let code = error.sqlite_error_code();
    db.is_autocommit()
        || is_corrupt(error)
        || matches!(code, Some(E::DiskFull | E::SystemIoFailure | E::OutOfMemory | E::ReadOnly))
}
