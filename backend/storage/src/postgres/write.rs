//! Writing: one transaction at the primary, what people have to hear of inside it, told once it is
//! committed and before whoever asked is answered.

use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;

use super::outbox;
use super::work::{Failure, Work};
use super::{Lease, Postgres};
use crate::{Change, Result};

/// So often a change is tried, each time on another connection.
const TRIES: u32 = 3;

/// A transaction.
pub(super) struct Tx {
    pub(super) db: Lease,
    changes: Mutex<Vec<Change>>,
}

impl Tx {
    /// Have this told, if the transaction is committed.
    pub(super) fn tell(&self, change: Change) {
        self.changes.lock().push(change);
    }
}

impl Postgres {
    /// Do this at the primary, all or nothing. It is done again from its beginning when another server
    /// took over or others were in the way, as long as no commit was asked for.
    pub(super) async fn write<T, F>(&self, work: impl Fn(Arc<Tx>) -> F) -> Result<T>
    where
        F: Future<Output = Work<T>>,
    {
        let began = tokio::time::Instant::now();
        let mut left = TRIES;
        let (value, changes, kept) = loop {
            left -= 1;
            match self.transaction(&work).await {
                Ok(done) => break done,
                Err(failure) => {
                    let late = began.elapsed() > self.primary.limit() * 2;
                    if left == 0 || late || !failure.may_pass() {
                        return Err(failure.into_error());
                    }
                    tracing::debug!(?failure, "a change is tried again");
                }
            }
        };
        if !changes.is_empty() {
            self.tell.tell(changes).await?;
            self.told(&kept).await;
        }
        Ok(value)
    }

    async fn transaction<T, F>(
        &self,
        work: &impl Fn(Arc<Tx>) -> F,
    ) -> Work<(T, Vec<Change>, Vec<i64>)>
    where
        F: Future<Output = Work<T>>,
    {
        let db = self.primary.lease().await?;
        db.run("BEGIN").await.inspect_err(|_| self.primary.forget_idle())?;
        let tx = Arc::new(Tx { db, changes: Mutex::new(Vec::new()) });
        let worked = work(tx.clone()).await;
        // The work is over, so nobody else holds it.
        let Some(Tx { db, changes }) = Arc::into_inner(tx) else { return Err(Failure::Slow) };
        let changes = changes.into_inner();
        let outcome = match worked {
            Ok(value) => outbox::keep(&db, &changes).await.map(|kept| (value, kept)),
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok((value, kept)) => {
                if let Err(failure) = db.run("COMMIT").await {
                    tracing::warn!(?failure, "a commit was not answered");
                    self.primary.forget_idle();
                    return Err(Failure::Unknown);
                }
                db.give_back();
                Ok((value, changes, kept))
            }
            Err(failure) => {
                if failure.leaves_a_good_connection() && db.run("ROLLBACK").await.is_ok() {
                    db.give_back();
                } else {
                    drop(db);
                    self.primary.forget_idle();
                }
                Err(failure)
            }
        }
    }
}
