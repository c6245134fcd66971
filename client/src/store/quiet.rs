//! The part of `outbox.db` that keeps notifications from coming twice, or from coming at all: up to
//! where each conversation was settled, and until when it is muted.

use std::collections::BTreeMap;

use protocol::{ConversationId, Millis};
use rusqlite::{OptionalExtension, params};

use super::{OutboxFile, OutboxWrite, StoreError};

/// Since version 2 of the schema.
pub(super) const TABLES: &str = "
    CREATE TABLE noticed (conversation BLOB PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE mutes (conversation BLOB PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
";

impl OutboxFile {
    /// Up to where each conversation is settled.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn noticed(&self) -> Result<BTreeMap<ConversationId, u64>, StoreError> {
        self.numbers("SELECT conversation, seq FROM noticed")
    }

    /// Until when each muted conversation is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn mutes(&self) -> Result<BTreeMap<ConversationId, Millis>, StoreError> {
        self.numbers("SELECT conversation, until FROM mutes")
    }

    fn numbers<T: rusqlite::types::FromSql>(
        &self,
        sql: &str,
    ) -> Result<BTreeMap<ConversationId, T>, StoreError> {
        let mut query = self.db.prepare(sql)?;
        let rows = query.query_map([], |row| {
            Ok((ConversationId(uuid::Uuid::from_bytes(row.get(0)?)), row.get(1)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether what was there at first has been settled.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn began_to_notice(&self) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM meta WHERE key = 'noticing'";
        Ok(self.db.prepare_cached(sql)?.query_row([], |_| Ok(())).optional()?.is_some())
    }
}

impl OutboxWrite<'_> {
    /// A conversation is settled up to this seq.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn notice(&self, of: ConversationId, seq: u64) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO noticed VALUES (?, ?)";
        self.0.prepare_cached(sql)?.execute(params![of.bytes(), seq])?;
        Ok(())
    }

    /// What was there at first has been settled.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn begin_to_notice(&self) -> Result<(), StoreError> {
        self.0.execute("INSERT OR REPLACE INTO meta VALUES ('noticing', '1')", [])?;
        Ok(())
    }

    /// A conversation is muted until then, or no more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn mute(&self, of: ConversationId, until: Option<Millis>) -> Result<(), StoreError> {
        match until {
            Some(until) => self
                .0
                .prepare_cached("INSERT OR REPLACE INTO mutes VALUES (?, ?)")?
                .execute(params![of.bytes(), until])?,
            None => self
                .0
                .prepare_cached("DELETE FROM mutes WHERE conversation = ?")?
                .execute([of.bytes()])?,
        };
        Ok(())
    }
}
