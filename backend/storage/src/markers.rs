//! How far everybody has a conversation. Markers only ever grow: merge is max.

use async_trait::async_trait;
use protocol::frame::{Mark, MarkStored};
use protocol::model::Marker;
use protocol::{ConversationId, UserId};

use crate::Result;

/// What became of a `mark`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkOutcome {
    /// The person never was a member, or there is no such conversation.
    NotAMember,
    /// The effective values now stored, whether or not this `mark` moved them.
    Stored(MarkStored),
}

/// How far everybody has a conversation. Only this trait writes the marker rows.
#[async_trait]
pub trait MarkerStore: Send + Sync {
    /// Merge the values into the person's markers, clamped to the head as the person sees it, and
    /// hand out [`crate::Change::Marked`] if that moved them. Durable when it returns. Read implies
    /// delivered, and the effective marker is at least the current period's `joined_seq`.
    async fn mark(&self, user: UserId, mark: Mark) -> Result<MarkOutcome>;

    /// The effective markers of current members by user id, from the first one after `after` on, at
    /// most `limit`.
    async fn markers(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: u64,
    ) -> Result<Vec<Marker>>;
}
