//! The index of all messages in the cache, for search without the network. It is written in the
//! transaction that stores the message, and can always be made anew from what is stored.

use std::borrow::Cow;

use protocol::model::{Event, MessageState};
use protocol::{ConversationId, Millis};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Cache, CacheWrite, StoreError};
use crate::search::{Query, tokens, units};
use crate::text;

/// The version of the index and of how texts are cut. Any other is made anew.
const VERSION: &str = "1";
/// Where the version is kept, and the place up to which the index was made anew.
const VERSION_KEY: &str = "search_version";
const NEXT_KEY: &str = "search_next";

/// The text is not in the index but beside it, as part of the message's state. A row's id is when
/// the message was sent, so that the newest hits come first without sorting. Short beginnings of
/// words have lists of their own; those of the long ones are short enough without. Parts of the
/// index are merged by eights: half the work of the default when much comes in.
const TABLES: &str = "
    CREATE TABLE search_rows (
        id INTEGER PRIMARY KEY, conversation BLOB NOT NULL, seq INTEGER NOT NULL,
        UNIQUE (conversation, seq));
    CREATE VIRTUAL TABLE search_words USING fts5 (
        words, content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '1 2 3 4');
    INSERT INTO search_words (search_words, rank) VALUES ('automerge', 8);
";

/// Milliseconds since 1970 that fit beside [`SAME_TIME`] in an id: until the year 2109.
const LATEST: i64 = (1 << 42) - 1;
/// Bits of an id that tell messages of one millisecond apart.
const SAME_TIME: u32 = 20;

/// A hit: the row's id, and which message it is.
pub(crate) struct Hit {
    pub(crate) id: i64,
    pub(crate) conversation: ConversationId,
    pub(crate) seq: u64,
}

/// Begin the index if there is none, or another. What was there already is indexed step by step:
/// see [`Cache::index_step`].
pub(super) fn open(db: &Connection) -> Result<(), StoreError> {
    let version: Option<String> = db
        .query_row("SELECT value FROM meta WHERE key = ?", [VERSION_KEY], |row| row.get(0))
        .optional()?;
    if version.as_deref() == Some(VERSION) { Ok(()) } else { begin(db) }
}

/// An empty index, to be filled from the start with what is here.
pub(super) fn begin(db: &Connection) -> Result<(), StoreError> {
    db.execute_batch(&format!(
        "BEGIN;
         DROP TABLE IF EXISTS search_words;
         DROP TABLE IF EXISTS search_rows;
         {TABLES}
         INSERT OR REPLACE INTO meta VALUES ('{VERSION_KEY}', '{VERSION}');
         INSERT OR REPLACE INTO meta SELECT '{NEXT_KEY}', '' WHERE EXISTS (SELECT 1 FROM events);
         COMMIT;"
    ))
    .inspect_err(|_| drop(db.execute_batch("ROLLBACK")))?;
    Ok(())
}

impl Cache {
    /// Begin the index anew, after damage showed in it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn begin_index(&mut self) -> Result<(), StoreError> {
        begin(&self.db)
    }

    /// Whether messages that are here are still missing in the index.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn is_indexing(&self) -> Result<bool, StoreError> {
        Ok(self.meta(NEXT_KEY)?.is_some())
    }

    /// Index up to `most` more of the messages that were here before the index was. `false` when
    /// nothing is left to do.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn index_step(&mut self, most: u32) -> Result<bool, StoreError> {
        let Some(next) = self.meta(NEXT_KEY)? else { return Ok(false) };
        let (after, seq) = place(&next);
        let write = self.begin()?;
        let sql = "SELECT conversation, seq, event FROM events
            WHERE counts = 1 AND (conversation, seq) > (?, ?)
            ORDER BY conversation, seq LIMIT ?";
        let some: Vec<(ConversationId, u64, String)> = write
            .0
            .prepare_cached(sql)?
            .query_map(params![after, seq, most], |row| {
                let id = ConversationId(uuid::Uuid::from_bytes(row.get(0)?));
                Ok((id, row.get(1)?, row.get(2)?))
            })?
            .collect::<Result<_, _>>()?;
        for (conversation, seq, event) in &some {
            let event: Event = serde_json::from_str(event)?;
            write.index(*conversation, *seq, Some(&event), None)?;
        }
        match some.last() {
            Some((conversation, seq, _)) if some.len() == most as usize => {
                write.set_meta(NEXT_KEY, &format!("{conversation} {seq}"))?;
            }
            _ => {
                write.0.execute("DELETE FROM meta WHERE key = ?", [NEXT_KEY])?;
            }
        }
        write.commit()?;
        self.is_indexing()
    }

    /// Up to `most` messages with what is searched for, the newest first, from below the id
    /// `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn find(
        &self,
        query: &Query,
        conversation: Option<ConversationId>,
        before: i64,
        most: usize,
    ) -> Result<Vec<Hit>, StoreError> {
        let sql = "SELECT r.id, r.conversation, r.seq
            FROM search_words w CROSS JOIN search_rows r ON r.id = w.rowid
            WHERE w.words MATCH ? AND w.rowid < ? ORDER BY w.rowid DESC LIMIT ?";
        let mut find = self.db.prepare_cached(sql)?;
        let words = query.expression(conversation);
        let hits = find.query_map(params![words, before, most], |row| {
            let conversation = ConversationId(uuid::Uuid::from_bytes(row.get(1)?));
            Ok(Hit { id: row.get(0)?, conversation, seq: row.get(2)? })
        })?;
        Ok(hits.collect::<Result<_, _>>()?)
    }
}

impl CacheWrite<'_> {
    /// Bring the index up to date with a message that came or changed. What is not at hand of its
    /// event and its state is read; only a message with both can be found.
    pub(crate) fn index(
        &self,
        conversation: ConversationId,
        seq: u64,
        event: Option<&Event>,
        state: Option<&MessageState>,
    ) -> Result<(), StoreError> {
        let event = match event {
            Some(event) => Some(Cow::Borrowed(event)),
            None => self.read_event(conversation, seq)?.map(Cow::Owned),
        };
        let state = match state {
            Some(state) => Some(Cow::Borrowed(state)),
            None => self.read_state(conversation, seq)?.map(Cow::Owned),
        };
        let (Some(event), Some(state)) = (event, state) else { return Ok(()) };
        let words = state.text().map(text::searchable).unwrap_or_default();
        let found = units(&words);
        let known = self.known_row(conversation, seq)?;
        if found.is_empty() || !event.kind.counts() {
            return known.map_or(Ok(()), |id| self.forget(id));
        }
        let (sql, id) = match known {
            Some(id) => ("INSERT OR REPLACE INTO search_words (rowid, words) VALUES (?, ?)", id),
            None => (
                "INSERT INTO search_words (rowid, words) VALUES (?, ?)",
                self.new_row(conversation, seq, event.at)?,
            ),
        };
        self.0.prepare_cached(sql)?.execute(params![id, tokens(conversation, &found)])?;
        Ok(())
    }

    /// A row for a message that has none: its id is its time, or the next one that is free.
    fn new_row(
        &self,
        conversation: ConversationId,
        seq: u64,
        at: Millis,
    ) -> Result<i64, StoreError> {
        let sql = "INSERT OR IGNORE INTO search_rows VALUES (?, ?, ?)";
        let mut insert = self.0.prepare_cached(sql)?;
        let order = i64::try_from(seq & ((1 << SAME_TIME) - 1)).unwrap_or(0);
        let mut id = (at.clamp(0, LATEST) << SAME_TIME) + order;
        while insert.execute(params![id, conversation.bytes(), seq])? == 0 {
            id += 1;
        }
        Ok(id)
    }

    fn known_row(&self, conversation: ConversationId, seq: u64) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT id FROM search_rows WHERE conversation = ? AND seq = ?";
        let mut known = self.0.prepare_cached(sql)?;
        Ok(known.query_row(params![conversation.bytes(), seq], |row| row.get(0)).optional()?)
    }

    fn forget(&self, id: i64) -> Result<(), StoreError> {
        for sql in
            ["DELETE FROM search_words WHERE rowid = ?", "DELETE FROM search_rows WHERE id = ?"]
        {
            self.0.prepare_cached(sql)?.execute([id])?;
        }
        Ok(())
    }

    /// Remove all of a conversation from the index.
    pub(super) fn forget_all(&self, conversation: ConversationId) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM search_words
             WHERE rowid IN (SELECT id FROM search_rows WHERE conversation = ?)",
            "DELETE FROM search_rows WHERE conversation = ?",
        ] {
            self.0.prepare_cached(sql)?.execute([conversation.bytes()])?;
        }
        Ok(())
    }
}

/// The place after which the index is not made yet; the very beginning for what cannot be read.
fn place(next: &str) -> (Vec<u8>, u64) {
    let read = next.split_once(' ').and_then(|(conversation, seq)| {
        let conversation: uuid::Uuid = conversation.parse().ok()?;
        Some((conversation.as_bytes().to_vec(), seq.parse().ok()?))
    });
    read.unwrap_or_default()
}
