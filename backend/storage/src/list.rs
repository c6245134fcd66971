//! List rows: how recent each of a person's conversations is. A cache of what the heads say, written by
//! the owner of the person's inbox partition. The embedded store needs none: its list is a join.

use async_trait::async_trait;
use protocol::{ConversationId, Millis, UserId};

use crate::{Position, Result};

/// The newest event that a person's list knows of in one conversation: one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Its seq.
    pub seq: u64,
    /// Its ord.
    pub ord: u64,
    /// When it was taken.
    pub at: Millis,
}

/// What became newer in one row of one person's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListRow {
    /// Whose list.
    pub user: UserId,
    /// Which conversation.
    pub conversation: ConversationId,
    /// The newest event; `None` when only markers changed. The highest seq wins.
    pub activity: Option<Activity>,
    /// The place of the news in the person's inbox partition. The highest wins.
    pub changed: Position,
}

/// Whoever keeps list rows.
#[async_trait]
pub trait ListStore: Send + Sync {
    /// Write these rows, in any order and as often as one likes. Returns when all are durable.
    async fn note(&self, rows: Vec<ListRow>) -> Result<()>;
}
