//! What readers see. A part that is missing or not as it was written is an error for the whole answer.

use std::collections::BTreeMap;

use async_trait::async_trait;
use protocol::frame::ConversationPage;
use protocol::model::Member;
use protocol::{ConversationId, Event, MessageState, UserId};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::fold::{event, head};
use super::rows::{self, Work, bound, damaged, place_or_end, whole};
use super::{Reader, Sqlite, pages};
use crate::{Head, HistoryStore, Listed, MemberRow, Result, Stretch};

#[async_trait]
impl HistoryStore for Sqlite {
    fn database(&self) -> Uuid {
        self.database
    }

    async fn head(&self, conversation: ConversationId) -> Result<Option<Head>> {
        self.read(move |reader| match reader.key(conversation)? {
            Some(key) => Ok(head(reader.db, conversation, key)?.map(|(head, _)| head)),
            None => Ok(None),
        })
        .await
    }

    async fn member(
        &self,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<Option<MemberRow>> {
        self.read(move |reader| match reader.key(conversation)? {
            Some(key) => member(reader.db, conversation, key, user),
            None => Ok(None),
        })
        .await
    }

    async fn members(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: u64,
    ) -> Result<Vec<Member>> {
        self.read(move |reader| match reader.key(conversation)? {
            Some(key) => members(reader.db, conversation, key, after, limit),
            None => Ok(Vec::new()),
        })
        .await
    }

    async fn stretch(
        &self,
        conversation: ConversationId,
        from: u64,
        to: u64,
        limit: u64,
        bytes: usize,
    ) -> Result<Stretch> {
        self.read(move |reader| {
            let from = from.max(1);
            let Some(key) = reader.key(conversation)? else {
                return Ok(Stretch { from: 1, ..Stretch::default() });
            };
            let end = head(reader.db, conversation, key)?.map_or(0, |(head, _)| head.seq);
            let of = Of { conversation, key };
            read_back(reader.db, of, from, to.min(end), limit, bytes, |_| true)
        })
        .await
    }

    async fn listed(&self, user: UserId, since: Option<u64>) -> Result<Vec<Listed>> {
        self.read(move |reader| listed(reader, user, since)).await
    }

    async fn pages(
        &self,
        user: UserId,
        conversations: &[ConversationId],
        events: u64,
        bytes: usize,
    ) -> Result<Vec<ConversationPage>> {
        let conversations = conversations.to_vec();
        self.read(move |reader| {
            let mut found = Vec::with_capacity(conversations.len());
            for conversation in conversations {
                found.extend(pages::page(reader, user, conversation, events, bytes)?);
            }
            Ok(found)
        })
        .await
    }
}

/// A conversation by both of its names.
#[derive(Clone, Copy)]
pub(super) struct Of {
    pub(super) conversation: ConversationId,
    pub(super) key: i64,
}

/// The newest part of `[from, to]`, read backwards until a limit is met; at least one event when there
/// is any. `to` is at most the head. `may_read` says of a named message whether its state may go along.
///
/// # Errors
/// [`crate::StorageError::Damaged`] when a seq is missing: everything up to the head is stored.
pub(super) fn read_back(
    db: &Connection,
    of: Of,
    from: u64,
    to: u64,
    limit: u64,
    bytes: usize,
    may_read: impl Fn(u64) -> bool,
) -> Work<Stretch> {
    let mut find = db.prepare_cached(&format!(
        "SELECT {} FROM event WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC",
        rows::EVENT
    ))?;
    let (low, high) = (place_or_end(of.key, from), place_or_end(of.key, to));
    let mut found = find.query([low, high])?;
    let mut events: Vec<Event> = Vec::new();
    let mut states: BTreeMap<u64, MessageState> = BTreeMap::new();
    let (mut next, mut size) = (to, 0);
    while next >= from && (events.len() as u64) < limit && (events.is_empty() || size < bytes) {
        let row = found.next()?.ok_or_else(|| damaged(of.conversation, next))?;
        let read = rows::event(of.conversation, row)?.event;
        if read.seq != next {
            return Err(damaged(of.conversation, next).into());
        }
        if !states.contains_key(&next)
            && let Some(message) = rows::state(of.conversation, row)?
        {
            size += rows::state_size(row)?;
            states.insert(next, message.state);
        }
        if let Some(named) = read.kind.names()
            && may_read(named)
            && !states.contains_key(&named)
            && let Some((_, Some(message))) = event(db, of.conversation, of.key, named)?
        {
            size += message.state.texts.iter().map(|text| text.text.len()).sum::<usize>();
            states.insert(named, message.state);
        }
        events.push(read);
        next -= 1;
    }
    events.reverse();
    Ok(Stretch { from: next + 1, to, events, states: states.into_values().collect() })
}

/// Somebody's member row.
pub(super) fn member(
    db: &Connection,
    conversation: ConversationId,
    key: i64,
    user: UserId,
) -> Work<Option<MemberRow>> {
    let mut find = db.prepare_cached(&format!(
        "SELECT {} FROM member WHERE conversation = ?1 AND user = ?2",
        rows::MEMBER
    ))?;
    let mut found = find.query(params![key, user.bytes()])?;
    match found.next()? {
        Some(row) => Ok(Some(rows::member(conversation, row, 0)?)),
        None => Ok(None),
    }
}

/// Current members by user id.
pub(super) fn members(
    db: &Connection,
    conversation: ConversationId,
    key: i64,
    after: Option<UserId>,
    limit: u64,
) -> Work<Vec<Member>> {
    let mut find = db.prepare_cached(&format!(
        "SELECT {} FROM member WHERE conversation = ?1 AND user > ?2 AND left_seq IS NULL
         ORDER BY user LIMIT ?3",
        rows::MEMBER
    ))?;
    let after: &[u8] = after.as_ref().map_or(&[], |user| user.bytes());
    let mut found = find.query(params![key, after, bound(limit)])?;
    let mut members = Vec::new();
    while let Some(row) = found.next()? {
        let row = rows::member(conversation, row, 0)?;
        members.push(Member { user: row.user, role: row.role });
    }
    Ok(members)
}

/// How many messages there are up to a seq, and when its event was taken; zeros before the first.
pub(super) fn ord_at(db: &Connection, of: Of, seq: u64) -> Work<(u64, i64)> {
    if seq == 0 {
        return Ok((0, 0));
    }
    let mut find = db.prepare_cached("SELECT ord, at FROM event WHERE place = ?1")?;
    let found = find
        .query_row([place_or_end(of.key, seq)], |row| Ok((whole(row.get(0)?), row.get(1)?)))
        .optional()?;
    found.ok_or_else(|| damaged(of.conversation, seq).into())
}

fn listed(reader: &Reader<'_>, user: UserId, since: Option<u64>) -> Work<Vec<Listed>> {
    let mut find = reader.db.prepare_cached(&format!(
        "SELECT {}, c.id, c.key, c.changed, c.marks_changed, m.left_seq, m.changed, m.marks_changed
         FROM member m CROSS JOIN conversation c ON c.key = m.conversation WHERE m.user = ?1",
        rows::HEAD
    ))?;
    let mut found = find.query([user.bytes()])?;
    let mut list = Vec::new();
    while let Some(row) = found.next()? {
        let own = row.get::<_, i64>(10)?.max(row.get(11)?);
        let left: Option<i64> = row.get(9)?;
        // Of who left only what concerned them counts: their leaving was the last event.
        let changed = match left {
            Some(_) => own,
            None => own.max(row.get(7)?).max(row.get(8)?),
        };
        if since.is_some_and(|since| whole(changed) <= since) {
            continue;
        }
        let conversation = ConversationId(rows::id(row, 5)?);
        let Some((mut head, mut at)) = rows::head(conversation, row, 0)? else { continue };
        if let Some(left) = left {
            let seq = whole(left);
            let (ord, taken) = ord_at(reader.db, Of { conversation, key: row.get(6)? }, seq)?;
            (head, at) = (Head { seq, ord, position: 0 }, taken);
        }
        list.push(Listed { conversation, head, at, changed: whole(changed) });
    }
    list.sort_by_key(|row| (std::cmp::Reverse(row.at), row.conversation));
    Ok(list)
}
