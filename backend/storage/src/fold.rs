//! What the sequencer writes and needs.

use async_trait::async_trait;
use protocol::model::{ConversationKind, Period};
use protocol::{ClientRef, Code, ConversationId, Event, MessageState, Millis, Role, UserId};

use crate::{Change, Position, Result};

/// A conversation's last accepted event. One cell: it is written whole or not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Its seq; 0 before the first.
    pub seq: u64,
    /// Its ord.
    pub ord: u64,
    /// The position of the record that made it.
    pub position: Position,
}

/// An event as stored: written once, never overwritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Where.
    pub conversation: ConversationId,
    /// The event; its `seq` is the row's key.
    pub event: Event,
    /// The record that made it.
    pub position: Position,
}

/// What became of a command: written once, kept at least 90 days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefRow {
    /// Where.
    pub conversation: ConversationId,
    /// Whose command.
    pub sender: UserId,
    /// Which.
    pub client_ref: ClientRef,
    /// The record in which it came first.
    pub position: Position,
    /// What became of it.
    pub outcome: Outcome,
    /// Of the command as the app sent it.
    pub hash: [u8; 16],
    /// When it was taken, for pruning.
    pub at: Millis,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It became the event with this seq.
    Accepted(u64),
    /// It was rejected.
    Rejected(Code),
}

/// A conversation's own row, overwritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationRow {
    /// Its id.
    pub conversation: ConversationId,
    /// Two people or a group.
    pub kind: ConversationKind,
    /// A group's name, else empty.
    pub title: String,
    /// Whether members may read from the start.
    pub history_open: bool,
    /// The seqs of its pinned messages.
    pub pins: Vec<u64>,
    /// The record that wrote it last.
    pub position: Position,
}

/// One member, past or present; never deleted. Also the row of the member's list of conversations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// Where.
    pub conversation: ConversationId,
    /// Who.
    pub user: UserId,
    /// The last role.
    pub role: Role,
    /// All memberships, oldest first, at least one.
    pub periods: Vec<Period>,
    /// The record that wrote it last.
    pub position: Position,
}

/// A message's `state` cell, overwritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// Where.
    pub conversation: ConversationId,
    /// The state; its `seq` is the row's key.
    pub state: MessageState,
    /// The record that wrote it last.
    pub position: Position,
}

/// All that a number of records of one partition decided. Within each list a key comes once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The partition of the conversation log.
    pub partition: u32,
    /// (1) Written once.
    pub events: Vec<EventRow>,
    /// (1) Written once.
    pub refs: Vec<RefRow>,
    /// (2) After every row of (1).
    pub heads: Vec<(ConversationId, Head)>,
    /// (3) After every head. Last write wins on `position`.
    pub conversations: Vec<ConversationRow>,
    /// (3) As above.
    pub members: Vec<MemberRow>,
    /// (3) As above.
    pub messages: Vec<MessageRow>,
    /// (4) Handed out once all of the above is stored.
    pub changes: Vec<Change>,
    /// (5) Where the partition is to be taken up again: the last record's position + 1.
    pub restart: Position,
}

/// What a lane needs to know of a conversation before it folds its first record of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Its head, read before everything else here.
    pub head: Head,
    /// Its row, if it exists.
    pub conversation: Option<ConversationRow>,
    /// Every member row, by user id.
    pub members: Vec<MemberRow>,
}

/// What the sequencer writes and needs.
///
/// Every write is idempotent and carries a position. On one cell the higher position wins and the
/// order of arrival does not matter; equal positions carry equal values.
#[async_trait]
pub trait FoldStore: Send + Sync {
    /// Where the partition is to be taken up: what the last batch said. `None` before the first.
    async fn restart(&self, partition: u32) -> Result<Option<Position>>;

    /// The conversation as stored: head first, then its rows.
    async fn load(&self, conversation: ConversationId) -> Result<Loaded>;

    /// The dedup rows of these refs, those that exist, in any order.
    async fn refs(
        &self,
        conversation: ConversationId,
        refs: &[(UserId, ClientRef)],
    ) -> Result<Vec<RefRow>>;

    /// As [`FoldStore::refs`], for refs of any number of conversations: one read for a whole batch of
    /// records.
    async fn refs_of(&self, refs: Vec<(ConversationId, UserId, ClientRef)>) -> Result<Vec<RefRow>> {
        let mut found = Vec::new();
        for (conversation, user, client_ref) in refs {
            found.extend(self.refs(conversation, &[(user, client_ref)]).await?);
        }
        Ok(found)
    }

    /// These events, and for messages among them their states; those that exist, ascending.
    async fn events(
        &self,
        conversation: ConversationId,
        seqs: &[u64],
    ) -> Result<Vec<(EventRow, Option<MessageRow>)>>;

    /// Store a batch in the order of effects. Returns when all of it is durable.
    ///
    /// # Errors
    /// [`crate::StorageError::CommitFailed`]: the atomic store has stored nothing, another one any
    /// prefix. The lane drops its state and starts again at [`FoldStore::restart`].
    async fn apply(&self, batch: Batch) -> Result<()>;

    /// Forget dedup rows taken before this moment, at most a few thousand a call; how many went.
    async fn prune_refs(&self, before: Millis) -> Result<u64>;

    /// Whether [`FoldStore::prune_refs`] has anything to do. Not where dedup rows expire by themselves, at
    /// least 90 days after they were written.
    fn prunes_refs(&self) -> bool {
        true
    }
}
