//! Where pushes go.

use std::collections::HashSet;

use async_trait::async_trait;
use parking_lot::Mutex;
use protocol::limits::{SUBSCRIPTIONS_PER_SESSION, SUBSCRIPTIONS_PER_USER};
use protocol::{SessionId, SubscriptionId, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::rows::{self, Work, json};
use super::writer::Commit;
use super::{Sqlite, rows::whole};
use crate::{PushStore, Result, StorageError, Subscribed, SubscriptionRow};

/// Who has a subscription, or had one since the start: asked for every message, and hardly anybody is
/// in it. A person is added before whoever subscribes is answered.
pub(super) struct Subscribers {
    known: Mutex<HashSet<UserId>>,
}

impl Subscribers {
    /// Those in this database.
    pub(super) fn read(db: &Connection) -> rusqlite::Result<Self> {
        let mut find = db.prepare("SELECT DISTINCT user FROM push")?;
        let found = find.query_map([], |row| rows::id(row, 0).map(UserId))?;
        Ok(Self { known: Mutex::new(found.collect::<rusqlite::Result<_>>()?) })
    }
}

#[async_trait]
impl PushStore for Sqlite {
    async fn subscribe(&self, row: SubscriptionRow) -> Result<Subscribed> {
        let user = row.user;
        let subscribed = self.write(move |commit| subscribe(commit, &row)).await?;
        if matches!(subscribed, Subscribed::Kept(_)) {
            self.subscribers.known.lock().insert(user);
        }
        Ok(subscribed)
    }

    async fn subscriptions(&self, users: &[UserId]) -> Result<Vec<SubscriptionRow>> {
        let users = users.to_vec();
        self.read(move |reader| {
            let mut find = reader.db.prepare_cached(
                "SELECT id, user, session, target, says, created FROM push WHERE user = ?1
                 ORDER BY created, id",
            )?;
            let mut found = Vec::new();
            for user in &users {
                let mut rows = find.query([user.bytes()])?;
                while let Some(row) = rows.next()? {
                    found.push(subscription(row)?);
                }
            }
            Ok(found)
        })
        .await
    }

    async fn unsubscribe(&self, user: UserId, id: SubscriptionId) -> Result<bool> {
        self.write(move |commit| {
            let mut delete =
                commit.db.prepare_cached("DELETE FROM push WHERE user = ?1 AND id = ?2")?;
            Ok(delete.execute(params![user.bytes(), id.bytes()])? > 0)
        })
        .await
    }

    async fn subscribers(&self, users: &[UserId]) -> Result<Vec<UserId>> {
        let known = self.subscribers.known.lock();
        if known.is_empty() {
            return Ok(Vec::new());
        }
        Ok(users.iter().filter(|user| known.contains(user)).copied().collect())
    }
}

fn subscribe(commit: &mut Commit<'_>, row: &SubscriptionRow) -> Work<Subscribed> {
    let db = commit.db;
    let open = db
        .prepare_cached("SELECT 1 FROM session WHERE id = ?1 AND user = ?2 AND ended IS NULL")?
        .exists(params![row.session.bytes(), row.user.bytes()])?;
    if !open {
        return Ok(Subscribed::Ended);
    }
    let (target, says) = (json(&row.target), json(&row.says));
    let same: Option<SubscriptionId> = db
        .prepare_cached("SELECT id FROM push WHERE session = ?1 AND address = ?2")?
        .query_row(params![row.session.bytes(), row.target.url()], |row| rows::id(row, 0))
        .optional()?
        .map(SubscriptionId);
    if let Some(id) = same {
        db.prepare_cached("UPDATE push SET target = ?2, says = ?3 WHERE id = ?1")?
            .execute(params![id.bytes(), target, says])?;
        return Ok(Subscribed::Kept(id));
    }
    let (of_session, of_user): (i64, i64) = db
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE session = ?2), count(*) FROM push WHERE user = ?1",
        )?
        .query_row(params![row.user.bytes(), row.session.bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    if whole(of_session) >= SUBSCRIPTIONS_PER_SESSION as u64
        || whole(of_user) >= SUBSCRIPTIONS_PER_USER as u64
    {
        return Ok(Subscribed::Full);
    }
    db.prepare_cached(
        "INSERT INTO push (id, user, session, address, target, says, created)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        row.id.bytes(),
        row.user.bytes(),
        row.session.bytes(),
        row.target.url(),
        target,
        says,
        row.created,
    ])?;
    Ok(Subscribed::Kept(row.id))
}

fn subscription(row: &Row<'_>) -> Work<SubscriptionRow> {
    let (target, says): (String, String) = (row.get(3)?, row.get(4)?);
    let read = |error: serde_json::Error| {
        StorageError::Unavailable(format!("a subscription cannot be read: {error}"))
    };
    Ok(SubscriptionRow {
        id: SubscriptionId(rows::id(row, 0)?),
        user: UserId(rows::id(row, 1)?),
        session: SessionId(rows::id(row, 2)?),
        target: serde_json::from_str(&target).map_err(read)?,
        says: serde_json::from_str(&says).map_err(read)?,
        created: row.get(5)?,
    })
}
