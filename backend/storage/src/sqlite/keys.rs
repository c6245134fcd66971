//! The small integer that stands for a conversation in the tables, kept in memory for those in use.

use lru::LruCache;
use parking_lot::Mutex;
use protocol::ConversationId;
use rusqlite::{Connection, OptionalExtension};

use super::rows::Work;

/// So many conversations' keys are kept: about ten megabytes when full.
const KEPT: usize = 100_000;

/// Keys of conversations. A key is given once and never changes, so what is here is right for ever;
/// only keys whose commit succeeded come in.
pub(super) struct Keys {
    kept: Mutex<LruCache<ConversationId, i64>>,
}

impl Keys {
    pub(super) fn new() -> Self {
        // Bounded by hand: a cache made with a bound would take all of its memory at once.
        Self { kept: Mutex::new(LruCache::unbounded()) }
    }

    /// The key that is kept.
    pub(super) fn get(&self, conversation: ConversationId) -> Option<i64> {
        self.kept.lock().get(&conversation).copied()
    }

    /// Keep a committed key.
    pub(super) fn keep(&self, conversation: ConversationId, key: i64) {
        let mut kept = self.kept.lock();
        kept.put(conversation, key);
        if kept.len() > KEPT {
            kept.pop_lru();
        }
    }

    /// The key of a conversation for a reader, which sees only what is committed.
    pub(super) fn find(&self, db: &Connection, conversation: ConversationId) -> Work<Option<i64>> {
        if let Some(key) = self.get(conversation) {
            return Ok(Some(key));
        }
        let key = stored(db, conversation)?;
        if let Some(key) = key {
            self.keep(conversation, key);
        }
        Ok(key)
    }
}

/// The key in the table.
pub(super) fn stored(db: &Connection, conversation: ConversationId) -> Work<Option<i64>> {
    let mut find = db.prepare_cached("SELECT key FROM conversation WHERE id = ?1")?;
    Ok(find.query_row([conversation.bytes()], |row| row.get(0)).optional()?)
}
