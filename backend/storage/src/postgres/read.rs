//! Reading: from whom, and from whom else when they do not answer.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use super::work::{Failure, Work};
use super::{Lease, Postgres, Servers};
use crate::Result;

/// So often a read is tried, each time on another connection.
const TRIES: u32 = 3;

impl Postgres {
    /// Read what decides: from the primary alone.
    pub(super) async fn read<T, F>(&self, work: impl Fn(Arc<Lease>) -> F) -> Result<T>
    where
        F: Future<Output = Work<T>>,
    {
        read(&self.primary, &work).await.map_err(Failure::into_error)
    }

    /// Read what may be a moment old: from the replica, or from the primary when that does not answer.
    pub(super) async fn read_soon<T, F>(&self, work: impl Fn(Arc<Lease>) -> F) -> Result<T>
    where
        F: Future<Output = Work<T>>,
    {
        if let Some(replica) = &self.replica {
            match read(replica, &work).await {
                Ok(found) => return Ok(found),
                Err(failure) => tracing::debug!(?failure, "the replica does not answer"),
            }
        }
        self.read(work).await
    }

    /// Read what should be as it is now, and may be a moment old rather than not be read at all: from the
    /// primary, and when that takes long or fails, from the replica. `good` says whether what a replica
    /// knows will do; a row that it does not have may only not have come there yet.
    pub(super) async fn read_now<T, F>(
        &self,
        work: impl Fn(Arc<Lease>) -> F,
        good: impl Fn(&T) -> bool,
    ) -> Result<T>
    where
        F: Future<Output = Work<T>>,
    {
        let Some(replica) = &self.replica else { return self.read(work).await };
        let mut primary = pin!(read(&self.primary, &work));
        let patience = self.primary.limit() / 4;
        let first = tokio::time::timeout(patience, &mut primary).await.ok();
        if let Some(Ok(found)) = first {
            return Ok(found);
        }
        if let Ok(found) = read(replica, &work).await
            && good(&found)
        {
            return Ok(found);
        }
        let last = match first {
            Some(failed) => failed,
            None => primary.await,
        };
        last.map_err(Failure::into_error)
    }
}

async fn read<T, F>(servers: &Servers, work: &impl Fn(Arc<Lease>) -> F) -> Work<T>
where
    F: Future<Output = Work<T>>,
{
    let began = tokio::time::Instant::now();
    for left in (0..TRIES).rev() {
        let lease = Arc::new(servers.lease().await?);
        let outcome = work(lease.clone()).await;
        let Err(failure) = &outcome else {
            give_back(lease);
            return outcome;
        };
        if failure.leaves_a_good_connection() {
            give_back(lease);
        } else {
            drop(lease);
            servers.forget_idle();
        }
        if left == 0 || !failure.may_pass() || began.elapsed() > servers.limit() * 2 {
            return outcome;
        }
    }
    Err(Failure::Slow)
}

/// The work is over, so nobody else holds it.
fn give_back(lease: Arc<Lease>) {
    if let Some(lease) = Arc::into_inner(lease) {
        lease.give_back();
    }
}
