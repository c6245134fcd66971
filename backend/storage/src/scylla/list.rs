//! List rows. Each of their two cells has an order of its own, so each is a write of its own.

use async_trait::async_trait;
use protocol::{ConversationId, UserId};
use scylla::SerializeRow;
use uuid::Uuid;

use super::Scylla;
use super::cells::{int, whole};
use crate::{Activity, ListRow, ListStore, Result};

/// A list row as it is stored.
pub(super) type Columns = (Uuid, Option<(i64, i64, i64)>, Option<i64>);

/// What a list row says; nothing if there is none.
#[derive(Clone, Copy, Default)]
pub(super) struct Row {
    pub(super) activity: Option<Activity>,
    pub(super) changed: u64,
}

impl From<Columns> for Row {
    fn from((_, activity, changed): Columns) -> Self {
        let activity = activity.map(|(seq, ord, at)| (whole(seq), whole(ord), at));
        Self {
            activity: activity.map(|(seq, ord, at)| Activity { seq, ord, at }),
            changed: changed.map_or(0, whole),
        }
    }
}

/// The timestamp is the value.
#[derive(SerializeRow)]
struct Changed {
    changed: i64,
    user_id: Uuid,
    conversation_id: Uuid,
}

#[async_trait]
impl ListStore for Scylla {
    async fn note(&self, rows: Vec<ListRow>) -> Result<()> {
        let mut writes = Vec::with_capacity(2 * rows.len());
        for row in rows {
            let (UserId(user_id), ConversationId(conversation_id)) = (row.user, row.conversation);
            if let Some(Activity { seq, ord, at }) = row.activity {
                let cell = (int(seq)?, int(ord)?, at);
                let values = (int(seq)?, cell, user_id, conversation_id);
                writes.push(self.write(&self.statements.put_activity, values));
            }
            let values = Changed { changed: int(row.changed)?, user_id, conversation_id };
            writes.push(self.write(&self.statements.put_changed, values));
        }
        self.step(writes).await
    }
}
