//! Where pushes go.

use std::sync::Arc;

use async_trait::async_trait;
use protocol::limits::{SUBSCRIPTIONS_PER_SESSION, SUBSCRIPTIONS_PER_USER};
use protocol::{SessionId, SubscriptionId, UserId};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::accounts::lock;
use super::work::{Work, whole};
use super::write::Tx;
use super::{Lease, Postgres};
use crate::{PushStore, Result, StorageError, Subscribed, SubscriptionRow};

#[async_trait]
impl PushStore for Postgres {
    async fn subscribe(&self, row: SubscriptionRow) -> Result<Subscribed> {
        let row = &row;
        self.write(|tx: Arc<Tx>| async move { subscribe(&tx, row).await }).await
    }

    /// As they are now: one that was ended is to get nothing more.
    async fn subscriptions(&self, users: &[UserId]) -> Result<Vec<SubscriptionRow>> {
        let ids: &Vec<Uuid> = &users.iter().map(|user| user.0).collect();
        let find = |db: Arc<Lease>| async move {
            let find = "SELECT id, person, session, target, says, created FROM push
                        WHERE person = ANY($1) ORDER BY created, id";
            db.query(find, &[ids]).await?.iter().map(subscription).collect()
        };
        self.read_now(find, |_: &Vec<SubscriptionRow>| true).await
    }

    async fn unsubscribe(&self, user: UserId, id: SubscriptionId) -> Result<bool> {
        self.write(|tx: Arc<Tx>| async move {
            let end = "DELETE FROM push WHERE person = $1 AND id = $2";
            Ok(tx.db.execute(end, &[&user.0, &id.0]).await? > 0)
        })
        .await
    }

    /// From the replica: who subscribed a moment ago may miss what was said in that moment.
    async fn subscribers(&self, users: &[UserId]) -> Result<Vec<UserId>> {
        let ids: &Vec<Uuid> = &users.iter().map(|user| user.0).collect();
        let find = |db: Arc<Lease>| async move {
            let find = "SELECT DISTINCT person FROM push WHERE person = ANY($1)";
            let found = db.query(find, &[ids]).await?;
            Ok(found.iter().map(|row| UserId(row.get(0))).collect())
        };
        self.read_soon(find).await
    }
}

async fn subscribe(tx: &Tx, row: &SubscriptionRow) -> Work<Subscribed> {
    // Of two at once for the same person one waits for the other, so that both count right.
    lock(tx, &[row.user]).await?;
    let open = "SELECT 1 FROM session WHERE id = $1 AND person = $2 AND ended IS NULL FOR SHARE";
    if tx.db.first(open, &[&row.session.0, &row.user.0]).await?.is_none() {
        return Ok(Subscribed::Ended);
    }
    let (address, target, says) = (row.target.url(), value(&row.target)?, value(&row.says)?);
    let change = "UPDATE push SET target = $3, says = $4 WHERE session = $1 AND address = $2
                  RETURNING id";
    let same = tx.db.first(change, &[&row.session.0, &address, &target, &says]).await?;
    if let Some(same) = same {
        return Ok(Subscribed::Kept(SubscriptionId(same.get(0))));
    }
    let count = "SELECT count(*) FILTER (WHERE session = $2), count(*) FROM push WHERE person = $1";
    let counted = tx.db.first(count, &[&row.user.0, &row.session.0]).await?;
    let (of_session, of_user) =
        counted.map_or((0, 0), |row| (whole(row.get(0)), whole(row.get(1))));
    if of_session >= SUBSCRIPTIONS_PER_SESSION as u64 || of_user >= SUBSCRIPTIONS_PER_USER as u64 {
        return Ok(Subscribed::Full);
    }
    let keep = "INSERT INTO push (id, person, session, address, target, says, created)
                VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let (id, user, session) = (&row.id.0, &row.user.0, &row.session.0);
    tx.db.execute(keep, &[id, user, session, &address, &target, &says, &row.created]).await?;
    Ok(Subscribed::Kept(row.id))
}

fn subscription(row: &Row) -> Work<SubscriptionRow> {
    Ok(SubscriptionRow {
        id: SubscriptionId(row.get(0)),
        user: UserId(row.get(1)),
        session: SessionId(row.get(2)),
        target: serde_json::from_value(row.get(3)).map_err(unreadable)?,
        says: serde_json::from_value(row.get(4)).map_err(unreadable)?,
        created: row.get(5),
    })
}

fn value<T: serde::Serialize>(said: &T) -> Work<Value> {
    Ok(serde_json::to_value(said).map_err(unreadable)?)
}

fn unreadable(error: serde_json::Error) -> StorageError {
    StorageError::Unavailable(format!("a subscription cannot be read: {error}"))
}
