//! What readers see. Everything here is clamped to the head, so a half-stored batch is never seen.

use async_trait::async_trait;
use protocol::frame::ConversationPage;
use protocol::model::Member;
use protocol::{ConversationId, Event, MessageState, Millis, UserId};

use crate::{Head, MemberRow, Result};

/// One row of a person's list of conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub conversation: ConversationId,
    /// Its head for this person: for who left, `left_seq` and its ord (position is then 0).
    pub head: Head,
    /// When the head's event was taken.
    pub at: Millis,
    /// The commit that last changed anything in it that this person is told of: events,
    /// membership, and markers that they see.
    pub changed: u64,
}

/// A stretch of stored history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// The first seq that it covers: higher than asked when it would have been too large.
    pub from: u64,
    /// The last seq that it covers: the asked one, or the head if that is lower.
    pub to: u64,
    /// Every event in it, ascending.
    pub events: Vec<Event>,
    /// The current state of every message that `events` contains or names.
    pub states: Vec<MessageState>,
}

/// What readers see.
#[async_trait]
pub trait HistoryStore: Send + Sync {
    /// The id of this database, given when it was made. Cursors carry it.
    fn database(&self) -> uuid::Uuid;

    /// The conversation's head; `None` when it does not exist.
    async fn head(&self, conversation: ConversationId) -> Result<Option<Head>>;

    /// Somebody's member row, also of one who left; `None` for who never was a member.
    async fn member(&self, conversation: ConversationId, user: UserId)
    -> Result<Option<MemberRow>>;

    /// Current members by user id, those after `after`, at most `limit`.
    async fn members(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: u64,
    ) -> Result<Vec<Member>>;

    /// The newest part of `[from, to]`: at most `limit` events and about `bytes` bytes of texts.
    /// `from ≥ 1`. At least one event when there is any and `limit` is not 0; an answer without events
    /// has `from = to + 1`. Who may see which part is the caller's to decide.
    ///
    /// # Errors
    /// [`crate::StorageError::Damaged`] when an event in it fails its checksum or is missing.
    async fn stretch(
        &self,
        conversation: ConversationId,
        from: u64,
        to: u64,
        limit: u64,
        bytes: usize,
    ) -> Result<Stretch>;

    /// The person's conversations, left ones included, most recent event first; with `since`, only
    /// those changed by a later commit.
    async fn listed(&self, user: UserId, since: Option<u64>) -> Result<Vec<Listed>>;

    /// These conversations as they are for this person, in this order, each with up to `events` of
    /// its newest events that the person may see, and about `bytes` bytes of texts: the unbroken
    /// readable run that ends at the person's head, never more than that, and at least one event of
    /// it unless `events` is 0. A quoted or changed message outside what the person may read has
    /// no state there. Those that are not the person's are left out.
    async fn pages(
        &self,
        user: UserId,
        conversations: &[ConversationId],
        events: u64,
        bytes: usize,
    ) -> Result<Vec<ConversationPage>>;
}
