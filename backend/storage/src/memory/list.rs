//! A cluster's list rows, in the memory store.

use std::collections::BTreeMap;

use async_trait::async_trait;
use protocol::{ConversationId, UserId};

use super::{Memory, Step, Tables};
use crate::{Activity, ListRow, ListStore, Listed, MemberRow, Position, Result};

/// A list row: two cells, each with an order of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The newest event that the list knows of.
    pub activity: Option<Activity>,
    /// The place of the newest news in the person's inbox partition.
    pub changed: Position,
}

#[async_trait]
impl ListStore for Memory {
    async fn note(&self, rows: Vec<ListRow>) -> Result<()> {
        for row in rows {
            self.pass(Step::Listed(row.conversation, row.user)).await?;
            let mut tables = self.tables.lock();
            let stored = tables.lists.entry((row.user, row.conversation)).or_default();
            stored.changed = row.changed.max(stored.changed);
            let known = stored.activity.map_or(0, |activity| activity.seq);
            stored.activity = row.activity.filter(|new| new.seq > known).or(stored.activity);
        }
        Ok(())
    }
}

impl Memory {
    /// All list rows as they are now.
    #[must_use]
    pub fn list_rows(&self) -> BTreeMap<(UserId, ConversationId), Row> {
        self.tables.lock().lists.clone()
    }
}

impl Tables {
    /// One row of a list that is made of rows; `None` when it has nothing newer than `since`. The head
    /// decides: a list row may be missing.
    pub(super) fn listed_by_row(&self, member: &MemberRow, since: Option<u64>) -> Option<Listed> {
        let key = (member.user, member.conversation);
        let row = self.lists.get(&key).copied().unwrap_or_default();
        let known = row.activity.map_or(0, |activity| activity.seq);
        if since.is_some_and(|since| row.changed <= since) && self.end_for(member) <= known {
            return None;
        }
        let (head, at) = self.head_for(member)?;
        Some(Listed { conversation: member.conversation, head, at, changed: row.changed })
    }
}
