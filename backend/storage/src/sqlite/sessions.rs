//! Signed-in devices.

use async_trait::async_trait;
use protocol::request::Device;
use protocol::{DeviceId, Millis, SessionId, UserId};
use rusqlite::{OptionalExtension, Row, params};

use super::Sqlite;
use super::rows::{self, Work, bound, int, whole};
use super::writer::Commit;
use crate::{Change, Result, SessionRow, SessionStore};

const COLUMNS: &str =
    "id, user, device, device_name, platform, created, used, generation, ended IS NOT NULL";

#[async_trait]
impl SessionStore for Sqlite {
    async fn begin(&self, session: SessionRow) -> Result<()> {
        self.write(move |commit| begin(commit, &session)).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<SessionRow>> {
        self.read(move |reader| {
            let mut find = reader
                .db
                .prepare_cached(&format!("SELECT {COLUMNS} FROM session WHERE id = ?1"))?;
            Ok(find.query_row([id.bytes()], session).optional()?)
        })
        .await
    }

    async fn advance(&self, id: SessionId, from: u64) -> Result<u64> {
        self.write(move |commit| {
            commit
                .db
                .prepare_cached(
                    "UPDATE session SET generation = generation + 1
                     WHERE id = ?1 AND generation = ?2 AND ended IS NULL",
                )?
                .execute(params![id.bytes(), bound(from)])?;
            let now: Option<i64> = commit
                .db
                .prepare_cached("SELECT generation FROM session WHERE id = ?1")?
                .query_row([id.bytes()], |row| row.get(0))
                .optional()?;
            Ok(now.map_or(0, whole))
        })
        .await
    }

    async fn touch(&self, id: SessionId, at: Millis) -> Result<()> {
        self.write(move |commit| {
            commit
                .db
                .prepare_cached("UPDATE session SET used = ?2 WHERE id = ?1 AND used < ?2")?
                .execute(params![id.bytes(), at])?;
            Ok(())
        })
        .await
    }

    async fn end(&self, user: UserId, ids: &[SessionId], at: Millis) -> Result<u64> {
        let ids = ids.to_vec();
        self.write(move |commit| {
            let mut ended = 0;
            for id in &ids {
                ended += u64::from(end(commit, user, *id, at)?);
            }
            Ok(ended)
        })
        .await
    }

    async fn sessions(&self, user: UserId) -> Result<Vec<SessionRow>> {
        self.read(move |reader| {
            let mut find = reader.db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM session WHERE user = ?1 AND ended IS NULL
                 ORDER BY used DESC, id"
            ))?;
            let found = find.query_map([user.bytes()], session)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn prune(&self, before: Millis) -> Result<u64> {
        self.write(move |commit| {
            let mut delete =
                commit.db.prepare_cached("DELETE FROM session WHERE ended < ?1 OR used < ?1")?;
            Ok(delete.execute([before])? as u64)
        })
        .await
    }
}

fn session(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        id: SessionId(rows::id(row, 0)?),
        user: UserId(rows::id(row, 1)?),
        device: Device {
            id: DeviceId(rows::id(row, 2)?),
            name: row.get(3)?,
            platform: row.get(4)?,
        },
        created: row.get(5)?,
        used: row.get(6)?,
        generation: whole(row.get(7)?),
        ended: row.get(8)?,
    })
}

fn begin(commit: &mut Commit<'_>, session: &SessionRow) -> Work<()> {
    let same_device = (session.user, Some(session.device.id));
    for id in open(commit, same_device, session.id)? {
        end(commit, session.user, id, session.created)?;
    }
    commit
        .db
        .prepare_cached(
            "INSERT INTO session (id, user, device, device_name, platform, created, used,
                                  generation, ended)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            session.id.bytes(),
            session.user.bytes(),
            session.device.id.bytes(),
            session.device.name,
            session.device.platform,
            session.created,
            session.used,
            int(session.generation)?,
            session.ended.then_some(session.created),
        ])?;
    Ok(())
}

/// End the person's sessions but this one.
pub(super) fn end_others(
    commit: &mut Commit<'_>,
    user: UserId,
    keep: SessionId,
    at: Millis,
) -> Work<()> {
    for id in open(commit, (user, None), keep)? {
        end(commit, user, id, at)?;
    }
    Ok(())
}

/// The person's sessions that were not ended, of this device or of all, without `but`.
fn open(
    commit: &Commit<'_>,
    (user, device): (UserId, Option<DeviceId>),
    but: SessionId,
) -> Work<Vec<SessionId>> {
    let mut find = commit.db.prepare_cached(
        "SELECT id FROM session
         WHERE user = ?1 AND (?2 IS NULL OR device = ?2) AND ended IS NULL AND id <> ?3
         ORDER BY id",
    )?;
    let device = device.as_ref().map(DeviceId::bytes);
    let found = find.query_map(params![user.bytes(), device, but.bytes()], |row| {
        rows::id(row, 0).map(SessionId)
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Whether it was not ended yet.
fn end(commit: &mut Commit<'_>, user: UserId, session: SessionId, at: Millis) -> Work<bool> {
    let ended = commit
        .db
        .prepare_cached(
            "UPDATE session SET ended = ?3 WHERE id = ?1 AND user = ?2 AND ended IS NULL",
        )?
        .execute(params![session.bytes(), user.bytes(), at])?;
    if ended > 0 {
        commit.tell(Change::SessionEnded { user, session });
    }
    Ok(ended > 0)
}
