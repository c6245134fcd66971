//! Reading history from the cache.

use std::collections::{BTreeMap, BTreeSet};

use protocol::model::{Event, MessageState};
use protocol::{ClientRef, ConversationId};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Cache, StoreError};

/// One event.
pub(super) fn event(
    db: &Connection,
    conversation: ConversationId,
    seq: u64,
) -> Result<Option<Event>, StoreError> {
    let sql = "SELECT event FROM events WHERE conversation = ? AND seq = ?";
    let text: Option<String> = db
        .prepare_cached(sql)?
        .query_row(params![conversation.bytes(), bound(seq)], |row| row.get(0))
        .optional()?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}

/// One message's state.
pub(super) fn state(
    db: &Connection,
    conversation: ConversationId,
    seq: u64,
) -> Result<Option<MessageState>, StoreError> {
    let sql = "SELECT state FROM states WHERE conversation = ? AND seq = ?";
    let text: Option<String> = db
        .prepare_cached(sql)?
        .query_row(params![conversation.bytes(), bound(seq)], |row| row.get(0))
        .optional()?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}

impl Cache {
    /// The event at `seq`, if it is here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn event(&self, of: ConversationId, seq: u64) -> Result<Option<Event>, StoreError> {
        event(&self.db, of, seq)
    }

    /// Up to `limit` events of `[from, to]`, the newest of them, ascending.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn newest(
        &self,
        of: ConversationId,
        from: u64,
        to: u64,
        limit: u64,
    ) -> Result<Vec<Event>, StoreError> {
        let mut events = self.events(of, from, to, limit, "DESC")?;
        events.reverse();
        Ok(events)
    }

    /// Up to `limit` events of `[from, to]`, the oldest of them, ascending.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn oldest(
        &self,
        of: ConversationId,
        from: u64,
        to: u64,
        limit: u64,
    ) -> Result<Vec<Event>, StoreError> {
        self.events(of, from, to, limit, "ASC")
    }

    fn events(
        &self,
        of: ConversationId,
        from: u64,
        to: u64,
        limit: u64,
        order: &str,
    ) -> Result<Vec<Event>, StoreError> {
        let sql = format!(
            "SELECT event FROM events WHERE conversation = ? AND seq BETWEEN ? AND ?
             ORDER BY seq {order} LIMIT ?"
        );
        let mut query = self.db.prepare_cached(&sql)?;
        let mut rows = query.query(params![of.bytes(), bound(from), bound(to), bound(limit)])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            events.push(serde_json::from_str(
                row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?,
            )?);
        }
        Ok(events)
    }

    /// The states of the messages in `[from, to]`, by seq.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn states(
        &self,
        of: ConversationId,
        from: u64,
        to: u64,
    ) -> Result<BTreeMap<u64, MessageState>, StoreError> {
        let sql = "SELECT seq, state FROM states WHERE conversation = ? AND seq BETWEEN ? AND ?";
        let mut query = self.db.prepare_cached(sql)?;
        let mut rows = query.query(params![of.bytes(), bound(from), bound(to)])?;
        let mut states = BTreeMap::new();
        while let Some(row) = rows.next()? {
            states.insert(
                row.get(0)?,
                serde_json::from_str(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?,
            );
        }
        Ok(states)
    }

    /// One message's state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn state(&self, of: ConversationId, seq: u64) -> Result<Option<MessageState>, StoreError> {
        state(&self.db, of, seq)
    }

    /// The states of the pinned messages, the newest message first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn pinned(
        &self,
        of: ConversationId,
        limit: usize,
    ) -> Result<Vec<MessageState>, StoreError> {
        let sql = "SELECT state FROM states WHERE conversation = ? AND pinned = 1
            ORDER BY seq DESC LIMIT ?";
        let mut query = self.db.prepare_cached(sql)?;
        let mut rows = query.query(params![of.bytes(), limit])?;
        let mut states = Vec::new();
        while let Some(row) = rows.next()? {
            states.push(serde_json::from_str(
                row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?,
            )?);
        }
        Ok(states)
    }

    /// How many of one's own messages after `after` are here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn own_after(&self, of: ConversationId, after: u64) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM events
            WHERE conversation = ? AND seq > ? AND mine = 1 AND counts = 1";
        let mut query = self.db.prepare_cached(sql)?;
        Ok(query.query_row(params![of.bytes(), bound(after)], |row| row.get(0))?)
    }

    /// The first message of somebody else after `after`, and the last event of somebody else in
    /// `(after, to]`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn first_message_of_others(
        &self,
        of: ConversationId,
        after: u64,
    ) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT seq FROM events
            WHERE conversation = ? AND seq > ? AND mine = 0 AND counts = 1 ORDER BY seq LIMIT 1";
        let mut query = self.db.prepare_cached(sql)?;
        Ok(query.query_row(params![of.bytes(), bound(after)], |row| row.get(0)).optional()?)
    }

    /// The last event of somebody else in `(after, to]`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn last_of_others(
        &self,
        of: ConversationId,
        after: u64,
        to: u64,
    ) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT seq FROM events WHERE conversation = ? AND seq > ? AND seq <= ?
            AND mine = 0 ORDER BY seq DESC LIMIT 1";
        let mut query = self.db.prepare_cached(sql)?;
        Ok(query
            .query_row(params![of.bytes(), bound(after), bound(to)], |row| row.get(0))
            .optional()?)
    }

    /// How many messages there are up to `seq`, by the last event that is here up to it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn ord_at(&self, of: ConversationId, seq: u64) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT ord FROM events WHERE conversation = ? AND seq <= ?
            ORDER BY seq DESC LIMIT 1";
        let mut query = self.db.prepare_cached(sql)?;
        Ok(query.query_row(params![of.bytes(), bound(seq)], |row| row.get(0)).optional()?)
    }

    /// Those of `refs` whose event is here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn known_refs(
        &self,
        refs: impl IntoIterator<Item = ClientRef>,
    ) -> Result<BTreeSet<ClientRef>, StoreError> {
        let mut query =
            self.db.prepare_cached("SELECT 1 FROM events WHERE client_ref = ? AND mine = 1")?;
        let mut known = BTreeSet::new();
        for client_ref in refs {
            if query.exists([client_ref.bytes()])? {
                known.insert(client_ref);
            }
        }
        Ok(known)
    }
}

/// SQLite's integers end at 2^63.
fn bound(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
