//! `cache.db`: what the server has told. It may be deleted at any time; then it is rebuilt.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use protocol::model::{Event, MessageState};
use protocol::request::Person;
use protocol::{ConversationId, Millis, UserId};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{StoreError, file_error, remove_stray_log, set_aside};
use crate::sync::{Conversation, LARGEST_SEQ, Ranges};

/// The version of this schema, in `user_version`. Any other version is set aside: rebuilding from
/// the server is simpler, and tested more often, than migrating.
const SCHEMA: i64 = 2;
/// Files up to this size are checked as a whole when they are opened; that takes milliseconds.
/// Damage in larger ones shows when it is read.
const CHECKED_BYTES: u64 = 16 * 1024 * 1024;

const TABLES: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE conversations (
        id BLOB PRIMARY KEY, state TEXT NOT NULL, roster TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE ranges (
        conversation BLOB NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        PRIMARY KEY (conversation, first)) WITHOUT ROWID;
    CREATE TABLE events (
        conversation BLOB NOT NULL, seq INTEGER NOT NULL, ord INTEGER NOT NULL,
        mine INTEGER NOT NULL, counts INTEGER NOT NULL, client_ref BLOB NOT NULL,
        event TEXT NOT NULL, PRIMARY KEY (conversation, seq)) WITHOUT ROWID;
    CREATE INDEX own_refs ON events (client_ref) WHERE mine = 1;
    CREATE INDEX own_messages ON events (conversation, seq) WHERE mine = 1 AND counts = 1;
    CREATE TABLE states (
        conversation BLOB NOT NULL, seq INTEGER NOT NULL, state_seq INTEGER NOT NULL,
        pinned INTEGER NOT NULL, state TEXT NOT NULL,
        PRIMARY KEY (conversation, seq)) WITHOUT ROWID;
    CREATE INDEX pins ON states (conversation, seq) WHERE pinned = 1;
    CREATE TABLE people (
        id BLOB PRIMARY KEY, person TEXT NOT NULL, fetched INTEGER NOT NULL) WITHOUT ROWID;
";

/// The open file.
pub struct Cache {
    pub(super) db: Connection,
}

impl Cache {
    /// Open the cache, making it if it is not there. One that is damaged, truncated or of another
    /// version is set aside and begun anew; then the second value is `true`.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn open(path: &Path) -> Result<(Self, bool), StoreError> {
        remove_stray_log(path)?;
        let existed = path.exists();
        match Self::open_as_it_is(path) {
            Ok(cache) => Ok((cache, false)),
            Err(error) if existed && error.is_damage() => {
                tracing::warn!(%error, "the cache is set aside");
                set_aside(path)?;
                Ok((Self::open_as_it_is(path)?, true))
            }
            Err(error) => Err(error),
        }
    }

    fn open_as_it_is(path: &Path) -> Result<Self, StoreError> {
        let size = match std::fs::metadata(path) {
            Ok(meta) => meta.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => return Err(file_error(path)(error)),
        };
        let db = Connection::open(path)?;
        db.busy_timeout(Duration::from_secs(2))?;
        // A power cut may lose the newest commits; the cursor is lost with them.
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             PRAGMA journal_size_limit = 4194304; PRAGMA cache_size = -2048;",
        )?;
        let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if size == 0 {
            let made = format!("BEGIN; {TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;");
            db.execute_batch(&made)?;
        } else if version != SCHEMA {
            return Err(damage(format!("schema version {version}")));
        } else if size <= CHECKED_BYTES {
            let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            // The check looks at the index last, so all else is well when it complains of that.
            if verdict.to_lowercase().contains("fts5") {
                tracing::warn!(verdict, "the search index is made anew");
                super::search::begin(&db)?;
            } else if verdict != "ok" {
                return Err(damage(verdict));
            }
        }
        super::search::open(&db)?;
        db.set_prepared_statement_cache_capacity(64);
        let cache = Self { db };
        // Everything that a start reads, so that damage in it shows here.
        cache.conversations()?;
        Ok(cache)
    }

    /// Set the file aside and begin anew, after damage showed while it was in use.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn rebuild(&mut self, path: &Path) -> Result<(), StoreError> {
        // The old file is closed before it is moved: on Windows an open file cannot be.
        self.db = Connection::open_in_memory()?;
        set_aside(path)?;
        *self = Self::open_as_it_is(path)?;
        Ok(())
    }

    /// Begin a transaction; nothing of it is kept unless it is committed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn begin(&mut self) -> Result<CacheWrite<'_>, StoreError> {
        Ok(CacheWrite(self.db.transaction_with_behavior(TransactionBehavior::Immediate)?))
    }

    /// All conversations.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn conversations(&self) -> Result<BTreeMap<ConversationId, Conversation>, StoreError> {
        let mut all = BTreeMap::new();
        let mut rows = self.db.prepare("SELECT state, roster FROM conversations")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let mut conversation: Conversation =
                serde_json::from_str(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?;
            conversation.roster =
                serde_json::from_str(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?;
            all.insert(conversation.id, conversation);
        }
        let mut rows = self.db.prepare("SELECT conversation, first, last FROM ranges")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let id = ConversationId(uuid::Uuid::from_bytes(row.get(0)?));
            if let Some(conversation) = all.get_mut(&id) {
                conversation.held.insert(row.get(1)?, row.get(2)?);
            }
        }
        Ok(all)
    }

    /// Everybody that was ever met, and when the server was asked about them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn people(&self) -> Result<BTreeMap<UserId, (Person, Millis)>, StoreError> {
        let mut all = BTreeMap::new();
        let mut rows = self.db.prepare("SELECT person, fetched FROM people")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let person: Person = serde_json::from_str(&row.get::<_, String>(0)?)?;
            all.insert(person.id, (person, row.get(1)?));
        }
        Ok(all)
    }

    /// A value: `cursor`, `account_version`, `complete`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        let mut query = self.db.prepare_cached("SELECT value FROM meta WHERE key = ?")?;
        Ok(query.query_row([key], |row| row.get(0)).optional()?)
    }
}

/// One transaction on the cache.
pub struct CacheWrite<'a>(pub(super) Transaction<'a>);

impl CacheWrite<'_> {
    /// Store a conversation. Its ranges are written only when `ranges` are given: those before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn conversation(
        &self,
        new: &Conversation,
        old: Option<&Conversation>,
    ) -> Result<(), StoreError> {
        let id = *new.id.bytes();
        if old.is_some_and(|old| old.roster == new.roster) {
            if old != Some(new) {
                let sql = "UPDATE conversations SET state = ? WHERE id = ?";
                self.0.prepare_cached(sql)?.execute(params![serde_json::to_string(new)?, id])?;
            }
        } else {
            // The roster of a large group is large, so it is only written when it changed.
            let sql = "INSERT OR REPLACE INTO conversations VALUES (?, ?, ?)";
            let (state, roster) =
                (serde_json::to_string(new)?, serde_json::to_string(&new.roster)?);
            self.0.prepare_cached(sql)?.execute(params![id, state, roster])?;
        }
        let none = Ranges::default();
        let before = old.map_or(&none, |old| &old.held);
        if *before != new.held {
            let was: BTreeMap<u64, u64> = before.iter().collect();
            let is: BTreeMap<u64, u64> = new.held.iter().collect();
            for first in was.keys().filter(|first| !is.contains_key(first)) {
                self.0
                    .prepare_cached("DELETE FROM ranges WHERE conversation = ? AND first = ?")?
                    .execute(params![id, first])?;
            }
            for (first, last) in is.iter().filter(|(first, last)| was.get(first) != Some(last)) {
                self.0
                    .prepare_cached("INSERT OR REPLACE INTO ranges VALUES (?, ?, ?)")?
                    .execute(params![id, first, last])?;
            }
        }
        Ok(())
    }

    /// Store an event. The first copy of a seq stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn event(
        &self,
        conversation: ConversationId,
        event: &Event,
        me: UserId,
    ) -> Result<(), StoreError> {
        let sql = "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?)";
        self.0.prepare_cached(sql)?.execute(params![
            conversation.bytes(),
            event.seq,
            event.ord.min(i64::MAX as u64),
            event.sender == me,
            event.kind.counts(),
            event.client_ref.bytes(),
            serde_json::to_string(event)?
        ])?;
        Ok(())
    }

    /// Store a message's state, unless a newer one is there. One of no possible seq is garbage and
    /// is dropped. Says what is another now than what was there before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn state(
        &self,
        conversation: ConversationId,
        state: &MessageState,
    ) -> Result<StateChange, StoreError> {
        if state.seq > LARGEST_SEQ || state.state_seq > LARGEST_SEQ {
            return Ok(StateChange::default());
        }
        let before = self.read_state(conversation, state.seq)?;
        if before.as_ref().is_some_and(|before| before.state_seq >= state.state_seq) {
            return Ok(StateChange::default());
        }
        let sql = "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?, ?)";
        self.0.prepare_cached(sql)?.execute(params![
            conversation.bytes(),
            state.seq,
            state.state_seq,
            state.pinned,
            serde_json::to_string(state)?
        ])?;
        let (text, pinned) =
            before.as_ref().map_or((None, false), |before| (before.text(), before.pinned));
        let text = text != state.text();
        Ok(StateChange { text, pinned: pinned != state.pinned || (text && pinned) })
    }

    /// An event as it is stored, this transaction's own included.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn read_event(
        &self,
        conversation: ConversationId,
        seq: u64,
    ) -> Result<Option<Event>, StoreError> {
        super::history::event(&self.0, conversation, seq)
    }

    /// A message's state as it is stored, this transaction's own included.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn read_state(
        &self,
        conversation: ConversationId,
        seq: u64,
    ) -> Result<Option<MessageState>, StoreError> {
        super::history::state(&self.0, conversation, seq)
    }

    /// Store somebody.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn person(&self, person: &Person, fetched: Millis) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO people VALUES (?, ?, ?)";
        let json = serde_json::to_string(person)?;
        self.0.prepare_cached(sql)?.execute(params![person.id.bytes(), json, fetched])?;
        Ok(())
    }

    /// Store a value.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_meta(&self, key: &str, value: &str) -> Result<(), StoreError> {
        self.0
            .prepare_cached("INSERT OR REPLACE INTO meta VALUES (?, ?)")?
            .execute([key, value])?;
        Ok(())
    }

    /// Remove all of a conversation.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn remove(&self, conversation: ConversationId) -> Result<(), StoreError> {
        self.forget_all(conversation)?;
        for sql in [
            "DELETE FROM conversations WHERE id = ?",
            "DELETE FROM ranges WHERE conversation = ?",
            "DELETE FROM events WHERE conversation = ?",
            "DELETE FROM states WHERE conversation = ?",
        ] {
            self.0.prepare_cached(sql)?.execute([conversation.bytes()])?;
        }
        Ok(())
    }

    /// Keep all of it.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing is kept.
    pub fn commit(self) -> Result<(), StoreError> {
        Ok(self.0.commit()?)
    }
}

/// What a new state of a message changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateChange {
    /// The text that is shown.
    pub text: bool,
    /// Whether it is pinned, or the text of a pinned one.
    pub pinned: bool,
}

impl Cache {
    /// Give the memory back that holds what was read; it is read again when it is wanted.
    pub(crate) fn let_go(&self) {
        if let Err(error) = self.db.execute_batch("PRAGMA shrink_memory") {
            tracing::debug!(%error, "the cache keeps its memory");
        }
    }
}

fn damage(what: String) -> StoreError {
    StoreError::Damaged(serde::de::Error::custom(what))
}

#[cfg(test)]
impl Cache {
    /// A disk that is full after this many pages more or less.
    pub(crate) fn limit_pages(&self, pages: u32) {
        self.db.pragma_update(None, "max_page_count", pages).unwrap_or_default();
    }
}
