//! Signed-in devices.

use std::sync::Arc;

use async_trait::async_trait;
use protocol::request::Device;
use protocol::{DeviceId, Millis, SessionId, UserId};
use tokio_postgres::Row;
use uuid::Uuid;

use super::accounts::lock;
use super::work::{Work, bound, int, text, whole};
use super::write::Tx;
use super::{Lease, Postgres};
use crate::{Change, Result, SessionRow, SessionStore};

const COLUMNS: &str =
    "id, person, device, device_name, platform, created, used, generation, ended IS NOT NULL";
/// So many old sessions are forgotten in one transaction: it has to end within its limit.
const FORGOTTEN_AT_ONCE: i64 = 1_000;

#[async_trait]
impl SessionStore for Postgres {
    async fn begin(&self, session: SessionRow) -> Result<()> {
        let session = &session;
        self.write(|tx: Arc<Tx>| async move { begin(&tx, session).await }).await
    }

    /// From the primary, or from the replica when that does not answer. A session that the replica does
    /// not have is then not known to be none.
    async fn session(&self, id: SessionId) -> Result<Option<SessionRow>> {
        let find = |db: Arc<Lease>| async move {
            let find = format!("SELECT {COLUMNS} FROM session WHERE id = $1");
            Ok(db.first(&find, &[&id.0]).await?.as_ref().map(session))
        };
        self.read_now(find, Option::is_some).await
    }

    async fn advance(&self, id: SessionId, from: u64) -> Result<u64> {
        self.write(|tx: Arc<Tx>| async move {
            // Who comes second waits for the first here, finds another generation, and reads it below.
            let raise = "UPDATE session SET generation = generation + 1
                         WHERE id = $1 AND generation = $2 AND ended IS NULL";
            tx.db.execute(raise, &[&id.0, &bound(from)]).await?;
            let find = "SELECT generation FROM session WHERE id = $1";
            let row = tx.db.first(find, &[&id.0]).await?;
            Ok(row.map_or(0, |row| whole(row.get(0))))
        })
        .await
    }

    async fn touch(&self, id: SessionId, at: Millis) -> Result<()> {
        self.write(|tx: Arc<Tx>| async move {
            let note = "UPDATE session SET used = $2 WHERE id = $1 AND used < $2";
            tx.db.execute(note, &[&id.0, &at]).await?;
            Ok(())
        })
        .await
    }

    async fn end(&self, user: UserId, ids: &[SessionId], at: Millis) -> Result<u64> {
        self.write(|tx: Arc<Tx>| async move {
            let wanted: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
            lock(&tx, &[user]).await?;
            let open = "SELECT id FROM session
                        WHERE person = $1 AND id = ANY($2) AND ended IS NULL
                        ORDER BY id FOR UPDATE";
            let open = tx.db.query(open, &[&user.0, &wanted]).await?;
            let mut open: Vec<SessionId> = open.iter().map(|row| SessionId(row.get(0))).collect();
            // Told in the order in which they were named.
            open.sort_by_key(|id| ids.iter().position(|named| named == id));
            end(&tx, user, &open, at).await
        })
        .await
    }

    /// As they are now: who ended one looks at the list next.
    async fn sessions(&self, user: UserId) -> Result<Vec<SessionRow>> {
        let find = |db: Arc<Lease>| async move {
            let find = format!(
                "SELECT {COLUMNS} FROM session WHERE person = $1 AND ended IS NULL
                 ORDER BY used DESC, id"
            );
            Ok(db.query(&find, &[&user.0]).await?.iter().map(session).collect())
        };
        self.read_now(find, |_: &Vec<SessionRow>| true).await
    }

    async fn prune(&self, before: Millis) -> Result<u64> {
        let mut forgotten = 0;
        for old in ["ended", "used"] {
            // Rows that somebody holds are left for the next time, so this waits for nobody.
            let forget = &format!(
                "DELETE FROM session WHERE id IN
                   (SELECT id FROM session WHERE {old} < $1 ORDER BY {old} LIMIT $2
                    FOR UPDATE SKIP LOCKED)"
            );
            loop {
                let some = self
                    .write(|tx: Arc<Tx>| async move {
                        tx.db.execute(forget, &[&before, &FORGOTTEN_AT_ONCE]).await
                    })
                    .await?;
                forgotten += some;
                if some < FORGOTTEN_AT_ONCE.unsigned_abs() {
                    break;
                }
            }
        }
        Ok(forgotten)
    }
}

fn session(row: &Row) -> SessionRow {
    SessionRow {
        id: SessionId(row.get(0)),
        user: UserId(row.get(1)),
        device: Device { id: DeviceId(row.get(2)), name: row.get(3), platform: row.get(4) },
        created: row.get(5),
        used: row.get(6),
        generation: whole(row.get(7)),
        ended: row.get(8),
    }
}

async fn begin(tx: &Tx, session: &SessionRow) -> Work<()> {
    lock(tx, &[session.user]).await?;
    let device = session.device.id;
    end_others(tx, session.user, Some(device), session.id, session.created).await?;
    tx.db
        .execute(
            "INSERT INTO session (id, person, device, device_name, platform, created, used,
                                  generation, ended)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            &[
                &session.id.0,
                &session.user.0,
                &device.0,
                &text(&session.device.name),
                &text(&session.device.platform),
                &session.created,
                &session.used,
                &int(session.generation)?,
                &session.ended.then_some(session.created),
            ],
        )
        .await?;
    Ok(())
}

/// End the person's sessions, of this device or of all, but `keep`.
pub(super) async fn end_others(
    tx: &Tx,
    user: UserId,
    device: Option<DeviceId>,
    keep: SessionId,
    at: Millis,
) -> Work<()> {
    let open = "SELECT id FROM session
                WHERE person = $1 AND ($2::uuid IS NULL OR device = $2) AND ended IS NULL AND id <> $3
                ORDER BY id FOR UPDATE";
    let open = tx.db.query(open, &[&user.0, &device.map(|device| device.0), &keep.0]).await?;
    let open: Vec<SessionId> = open.iter().map(|row| SessionId(row.get(0))).collect();
    end(tx, user, &open, at).await?;
    Ok(())
}

/// End these sessions, which are held and open; how many.
async fn end(tx: &Tx, user: UserId, open: &[SessionId], at: Millis) -> Work<u64> {
    let ids: Vec<Uuid> = open.iter().map(|id| id.0).collect();
    tx.db.execute("UPDATE session SET ended = $2 WHERE id = ANY($1)", &[&ids, &at]).await?;
    tx.db.execute("DELETE FROM push WHERE session = ANY($1)", &[&ids]).await?;
    for session in open {
        tx.tell(Change::SessionEnded { user, session: *session });
    }
    Ok(open.len() as u64)
}
