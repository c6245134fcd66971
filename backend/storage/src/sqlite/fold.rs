//! What the sequencer writes and needs. One batch is one part of a transaction.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use protocol::{ClientRef, ConversationId, Millis, UserId};
use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{self, Work, bound, int, place, whole};
use super::writer::Commit;
use super::{Reader, Sqlite};
use crate::{
    Batch, ConversationRow, EventRow, FoldStore, Head, Loaded, MemberRow, MessageRow, Outcome,
    Position, RefRow, Result,
};

/// The most dedup rows that one call forgets.
const PRUNED: i64 = 4_000;

#[async_trait]
impl FoldStore for Sqlite {
    async fn restart(&self, partition: u32) -> Result<Option<Position>> {
        self.read(move |reader| {
            let mut find =
                reader.db.prepare_cached("SELECT position FROM restart WHERE partition = ?1")?;
            let position: Option<i64> = find.query_row([partition], |row| row.get(0)).optional()?;
            Ok(position.map(whole))
        })
        .await
    }

    async fn load(&self, conversation: ConversationId) -> Result<Loaded> {
        self.read(move |reader| load(reader, conversation)).await
    }

    async fn refs(
        &self,
        conversation: ConversationId,
        refs: &[(UserId, ClientRef)],
    ) -> Result<Vec<RefRow>> {
        let refs: Vec<_> = refs.iter().map(|(user, of)| (conversation, *user, *of)).collect();
        self.refs_of(refs).await
    }

    async fn refs_of(&self, refs: Vec<(ConversationId, UserId, ClientRef)>) -> Result<Vec<RefRow>> {
        self.read(move |reader| {
            let mut find = reader.db.prepare_cached(
                "SELECT sender, client_ref, position, seq, code, hash, at FROM ref
                 WHERE client_ref = ?1 AND sender = ?2 AND conversation = ?3",
            )?;
            let mut found = Vec::new();
            for (conversation, sender, client_ref) in refs {
                let Some(key) = reader.key(conversation)? else { continue };
                let mut rows = find.query(params![client_ref.bytes(), sender.bytes(), key])?;
                if let Some(row) = rows.next()? {
                    found.push(rows::reference(conversation, row)?);
                }
            }
            Ok(found)
        })
        .await
    }

    async fn events(
        &self,
        conversation: ConversationId,
        seqs: &[u64],
    ) -> Result<Vec<(EventRow, Option<MessageRow>)>> {
        let mut seqs = seqs.to_vec();
        seqs.sort_unstable();
        seqs.dedup();
        self.read(move |reader| {
            let Some(key) = reader.key(conversation)? else { return Ok(Vec::new()) };
            let head = head(reader.db, conversation, key)?.map_or(0, |(head, _)| head.seq);
            let mut found = Vec::with_capacity(seqs.len());
            for seq in seqs.into_iter().filter(|seq| *seq > 0) {
                match event(reader.db, conversation, key, seq)? {
                    Some(row) => found.push(row),
                    None if seq <= head => return Err(rows::damaged(conversation, seq).into()),
                    None => {}
                }
            }
            Ok(found)
        })
        .await
    }

    async fn apply(&self, batch: Batch) -> Result<()> {
        let batch = Arc::new(batch);
        self.write(move |commit| apply(commit, &batch)).await
    }

    async fn prune_refs(&self, before: Millis) -> Result<u64> {
        self.write(move |commit| {
            let mut delete = commit.db.prepare_cached(
                "DELETE FROM ref WHERE (client_ref, sender, conversation) IN (
                   SELECT client_ref, sender, conversation FROM ref WHERE at < ?1 LIMIT ?2)",
            )?;
            Ok(delete.execute([before, PRUNED])? as u64)
        })
        .await
    }
}

fn load(reader: &Reader<'_>, conversation: ConversationId) -> Work<Loaded> {
    let Some(key) = reader.key(conversation)? else { return Ok(Loaded::default()) };
    let mut find = reader.db.prepare_cached(&format!(
        "SELECT {}, {} FROM conversation WHERE key = ?1",
        rows::HEAD,
        rows::CONVERSATION
    ))?;
    let mut found = find.query([key])?;
    let Some(row) = found.next()? else { return Ok(Loaded::default()) };
    let head = rows::head(conversation, row, 0)?.map(|(head, _)| head).unwrap_or_default();
    let own = rows::conversation(conversation, row, 5)?;
    let mut find = reader.db.prepare_cached(&format!(
        "SELECT {} FROM member WHERE conversation = ?1 ORDER BY user",
        rows::MEMBER
    ))?;
    let mut found = find.query([key])?;
    let mut members = Vec::new();
    while let Some(row) = found.next()? {
        members.push(rows::member(conversation, row, 0)?);
    }
    Ok(Loaded { head, conversation: own, members })
}

/// The head and when its event was taken.
pub(super) fn head(
    db: &Connection,
    conversation: ConversationId,
    key: i64,
) -> Work<Option<(Head, i64)>> {
    let mut find =
        db.prepare_cached(&format!("SELECT {} FROM conversation WHERE key = ?1", rows::HEAD))?;
    let mut found = find.query([key])?;
    match found.next()? {
        Some(row) => rows::head(conversation, row, 0),
        None => Ok(None),
    }
}

/// One event, and its state when it is a message.
pub(super) fn event(
    db: &Connection,
    conversation: ConversationId,
    key: i64,
    seq: u64,
) -> Work<Option<(EventRow, Option<MessageRow>)>> {
    let mut find =
        db.prepare_cached(&format!("SELECT {} FROM event WHERE place = ?1", rows::EVENT))?;
    let mut found = find.query([rows::place_or_end(key, seq)])?;
    match found.next()? {
        Some(row) if seq <= u64::from(u32::MAX) => {
            Ok(Some((rows::event(conversation, row)?, rows::state(conversation, row)?)))
        }
        _ => Ok(None),
    }
}

/// The batch in the order of effects. It is one transaction, so the order only matters for those who
/// read this beside the stores in which it does.
fn apply(commit: &mut Commit<'_>, batch: &Batch) -> Work<()> {
    // A message comes with its state, and both go into one row: written together when both are new.
    let mut states: HashMap<_, _> =
        batch.messages.iter().map(|row| ((row.conversation, row.state.seq), row)).collect();
    let mut taken_at = HashMap::with_capacity(batch.events.len());
    for row in &batch.events {
        let at = (row.conversation, row.event.seq);
        taken_at.insert(at, row.event.at);
        if insert_event(commit, row, states.get(&at).copied())? {
            states.remove(&at);
        }
    }
    for row in &batch.refs {
        insert_ref(commit, row)?;
    }
    for (conversation, head) in &batch.heads {
        let at = taken_at.get(&(*conversation, head.seq)).copied();
        raise_head(commit, *conversation, *head, at)?;
    }
    let titles: HashMap<_, _> =
        batch.conversations.iter().map(|row| (row.conversation, &*row.title)).collect();
    for row in &batch.members {
        upsert_member(commit, row, titles.get(&row.conversation).copied().unwrap_or_default())?;
    }
    for row in &batch.conversations {
        update_conversation(commit, row)?;
    }
    for row in &batch.messages {
        if states.contains_key(&(row.conversation, row.state.seq)) {
            update_state(commit, row)?;
        }
    }
    commit
        .db
        .prepare_cached(
            "INSERT INTO restart (partition, position) VALUES (?1, ?2)
             ON CONFLICT (partition) DO UPDATE SET position = excluded.position
             WHERE excluded.position > position",
        )?
        .execute(params![batch.partition, int(batch.restart)?])?;
    for change in &batch.changes {
        commit.tell(change.clone());
    }
    Ok(())
}

/// Whether it was not there yet. Then the state is stored with it.
///
/// # Errors
/// [`crate::StorageError::Damaged`], with an alarm, when another event is there.
fn insert_event(commit: &mut Commit<'_>, row: &EventRow, state: Option<&MessageRow>) -> Work<bool> {
    let key = commit.key_or_new(row.conversation)?;
    let cells = rows::event_cells(row)?;
    let state = state.map(rows::state_cells).transpose()?;
    let (text, position, checksum) = match &state {
        Some((text, position, checksum)) => (Some(&**text), Some(*position), Some(*checksum)),
        None => (None, None, None),
    };
    let event = &row.event;
    let inserted = commit
        .db
        .prepare_cached(
            "INSERT INTO event (place, ord, at, position, sender, client_ref, kind, checksum,
                                state, state_position, state_checksum)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (place) DO NOTHING",
        )?
        .execute(params![
            place(key, event.seq)?,
            cells.ord,
            cells.at,
            cells.position,
            event.sender.bytes(),
            event.client_ref.bytes(),
            cells.kind,
            cells.checksum,
            text,
            position,
            checksum,
        ])?;
    if inserted > 0 {
        return Ok(true);
    }
    match self::event(commit.db, row.conversation, key, event.seq)? {
        Some((there, _)) if there == *row => Ok(false),
        there => {
            tracing::error!(?row, ?there, "an event is to be stored where another one is");
            Err(rows::damaged(row.conversation, event.seq).into())
        }
    }
}

fn insert_ref(commit: &mut Commit<'_>, row: &RefRow) -> Work<()> {
    let key = commit.key_or_new(row.conversation)?;
    let (seq, code) = match row.outcome {
        Outcome::Accepted(seq) => (Some(int(seq)?), None),
        Outcome::Rejected(code) => (None, Some(code.as_str())),
    };
    commit
        .db
        .prepare_cached(
            "INSERT INTO ref (client_ref, sender, conversation, position, seq, code, hash, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            row.client_ref.bytes(),
            row.sender.bytes(),
            key,
            int(row.position)?,
            seq,
            code,
            row.hash,
            row.at,
        ])?;
    Ok(())
}

fn raise_head(
    commit: &mut Commit<'_>,
    conversation: ConversationId,
    head: Head,
    at: Option<Millis>,
) -> Work<()> {
    let key = commit.key_or_new(conversation)?;
    let at = match at {
        Some(at) => at,
        None => event(commit.db, conversation, key, head.seq)?
            .map(|(row, _)| row.event.at)
            .ok_or_else(|| rows::damaged(conversation, head.seq))?,
    };
    let cell = [int(head.seq)?, int(head.ord)?, int(head.position)?, at];
    commit
        .db
        .prepare_cached(
            "UPDATE conversation SET head_seq = ?2, head_ord = ?3, head_position = ?4,
                                     head_at = ?5, head_checksum = ?6, changed = ?7
             WHERE key = ?1 AND ?4 > head_position",
        )?
        .execute(params![
            key,
            cell[0],
            cell[1],
            cell[2],
            cell[3],
            rows::head_checksum(conversation, cell),
            commit.number,
        ])?;
    Ok(())
}

fn update_conversation(commit: &mut Commit<'_>, row: &ConversationRow) -> Work<()> {
    let key = commit.key_or_new(row.conversation)?;
    let (kind, pins, position, checksum) = rows::conversation_cells(row)?;
    commit
        .db
        .prepare_cached(
            "UPDATE conversation SET kind = ?2, title = ?3, history_open = ?4, pins = ?5,
                                     position = ?6, checksum = ?7, changed = ?8
             WHERE key = ?1 AND ?6 > position",
        )?
        .execute(params![
            key,
            kind,
            row.title,
            row.history_open,
            pins,
            position,
            checksum,
            commit.number,
        ])?;
    Ok(())
}

/// `title` is what the batch calls the conversation. Who leaves keeps the title of that moment: the
/// stored one, which is at most as new as the leaving, or the batch's when there is none yet.
fn upsert_member(commit: &mut Commit<'_>, row: &MemberRow, title: &str) -> Work<()> {
    let key = commit.key_or_new(row.conversation)?;
    let (role, periods, position, checksum) = rows::member_cells(row)?;
    let last = row.periods.last();
    let joined = last.map_or(0, |period| period.joined_seq);
    let left = last.and_then(|period| period.left_seq).map(int).transpose()?;
    let title = match left {
        None => String::new(),
        Some(_) => commit
            .db
            .prepare_cached("SELECT title FROM conversation WHERE key = ?1 AND position >= 0")?
            .query_row([key], |row| row.get(0))
            .optional()?
            .unwrap_or_else(|| title.to_owned()),
    };
    commit
        .db
        .prepare_cached(
            "INSERT INTO member (conversation, user, role, periods, position, checksum,
                                 joined_seq, left_seq, left_title, changed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (conversation, user) DO UPDATE SET
               role = excluded.role, periods = excluded.periods, position = excluded.position,
               checksum = excluded.checksum, joined_seq = excluded.joined_seq,
               left_seq = excluded.left_seq, left_title = excluded.left_title,
               changed = excluded.changed
             WHERE excluded.position > position",
        )?
        .execute(params![
            key,
            row.user.bytes(),
            role,
            periods,
            position,
            checksum,
            bound(joined),
            left,
            title,
            commit.number,
        ])?;
    Ok(())
}

fn update_state(commit: &mut Commit<'_>, row: &MessageRow) -> Work<()> {
    let key = commit.key_or_new(row.conversation)?;
    let place = place(key, row.state.seq)?;
    let (text, position, checksum) = rows::state_cells(row)?;
    let updated = commit
        .db
        .prepare_cached(
            "UPDATE event SET state = ?2, state_position = ?3, state_checksum = ?4
             WHERE place = ?1 AND (state_position IS NULL OR ?3 > state_position)",
        )?
        .execute(params![place, text, position, checksum])?;
    if updated == 0 && event(commit.db, row.conversation, key, row.state.seq)?.is_none() {
        tracing::error!(?row, "the state of a message that is not there");
        return Err(rows::damaged(row.conversation, row.state.seq).into());
    }
    Ok(())
}
