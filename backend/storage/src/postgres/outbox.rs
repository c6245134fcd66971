//! What people have to hear of, kept from the commit until it was told.
//!
//! A process can end between the two. Its rows stay, and any node tells them a little later. What is
//! told twice harms nobody: an account's version and an ended session are what they are.

use std::sync::Arc;

use protocol::{SessionId, UserId};
use tokio_postgres::Row;
use uuid::Uuid;

use super::work::{Failure, Work, int, whole};
use super::{Lease, Postgres};
use crate::{Change, Result, StorageError};

/// So many rows are told at a time.
const AT_ONCE: i64 = 500;

impl Postgres {
    /// Tell what was committed more than 5 s ago and not told, as far as anybody knows; how many. To be
    /// called at start and every few seconds.
    ///
    /// # Errors
    /// When the primary does not answer, or telling fails: the next call goes on.
    pub async fn tell_leftovers(&self) -> Result<u64> {
        let mut told = 0;
        loop {
            let rows = self
                .read(|db: Arc<Lease>| async move {
                    db.query(
                        "SELECT id, person, version, session FROM outbox
                         WHERE at < clock_timestamp() - interval '5 seconds'
                         ORDER BY id LIMIT $1",
                        &[&AT_ONCE],
                    )
                    .await
                })
                .await?;
            if rows.is_empty() {
                return Ok(told);
            }
            self.tell.tell(rows.iter().filter_map(change).collect()).await?;
            let ids: &Vec<i64> = &rows.iter().map(|row| row.get(0)).collect();
            self.read(|db: Arc<Lease>| async move { remove(&db, ids).await }).await?;
            told += rows.len() as u64;
        }
    }

    /// Forget what was told. That this is not done is no error: it is told again.
    pub(super) async fn told(&self, ids: &[i64]) {
        if let Err(error) = self.read(|db: Arc<Lease>| async move { remove(&db, ids).await }).await
        {
            tracing::debug!(%error, "what was told will be told again");
        }
    }
}

/// Write down what this transaction has told; the rows' numbers.
pub(super) async fn keep(db: &Lease, changes: &[Change]) -> Work<Vec<i64>> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let mut columns: (Vec<Uuid>, Vec<Option<i64>>, Vec<Option<Uuid>>) = Default::default();
    for change in changes {
        let (user, version, session) = match change {
            Change::Account { user, version } => (user, Some(int(*version)?), None),
            Change::SessionEnded { user, session } => (user, None, Some(session.0)),
            Change::Frame { .. } | Change::Marked { .. } => {
                return Err(Failure::Own(StorageError::CommitFailed("not a person's".into())));
            }
        };
        columns.0.push(user.0);
        columns.1.push(version);
        columns.2.push(session);
    }
    let rows = db
        .query(
            "INSERT INTO outbox (person, version, session)
             SELECT * FROM unnest($1::uuid[], $2::int8[], $3::uuid[]) RETURNING id",
            &[&columns.0, &columns.1, &columns.2],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Nobody waits for this to reach the disk: the setting holds for this one statement.
async fn remove(db: &Lease, ids: &[i64]) -> Work<u64> {
    db.execute(
        "DELETE FROM outbox
         WHERE id = ANY($1) AND set_config('synchronous_commit', 'off', true) = 'off'",
        &[&ids],
    )
    .await
}

fn change(row: &Row) -> Option<Change> {
    let user = UserId(row.get(1));
    let version: Option<i64> = row.get(2);
    let session: Option<Uuid> = row.get(3);
    match (version, session) {
        (Some(version), _) => Some(Change::Account { user, version: whole(version) }),
        (None, Some(session)) => Some(Change::SessionEnded { user, session: SessionId(session) }),
        // The schema forbids it.
        (None, None) => None,
    }
}
