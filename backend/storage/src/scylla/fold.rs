//! What the sequencer writes and needs.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;
use protocol::{ClientRef, ConversationId, Millis, UserId};
use uuid::Uuid;

use super::Scylla;
use super::cells::{self, Cell, HeadCell, whole};
use super::requests::in_order;
use super::stretch::Stored;
use crate::{
    Batch, ConversationRow, EventRow, FoldStore, Loaded, MemberRow, MessageRow, Position, RefRow,
    Result, StorageError,
};

#[async_trait]
impl FoldStore for Scylla {
    async fn restart(&self, partition: u32) -> Result<Option<Position>> {
        self.restart_of(partition).await
    }

    async fn load(&self, conversation: ConversationId) -> Result<Loaded> {
        // The head first: rows read after it are at least as new, so a half-done batch or a newer owner
        // shows as a row above the head, never as a row that is too old for it.
        let Some(head) = self.head_of(conversation).await? else { return Ok(Loaded::default()) };
        let everybody = self.member_rows(conversation);
        let (own, members) = futures_util::try_join!(self.own_of(conversation), everybody)?;
        Ok(Loaded { head: head.head(), conversation: own, members })
    }

    async fn refs(
        &self,
        conversation: ConversationId,
        refs: &[(UserId, ClientRef)],
    ) -> Result<Vec<RefRow>> {
        self.refs_of(refs.iter().map(|(user, of)| (conversation, *user, *of)).collect()).await
    }

    async fn refs_of(&self, refs: Vec<(ConversationId, UserId, ClientRef)>) -> Result<Vec<RefRow>> {
        let reads = refs.into_iter().map(|key| self.reference(key).boxed());
        Ok(in_order(reads.collect()).await?.into_iter().flatten().collect())
    }

    /// As stored, whatever is visible to readers: an event without its state is half of a batch that
    /// the caller is about to complete.
    async fn events(
        &self,
        conversation: ConversationId,
        seqs: &[u64],
    ) -> Result<Vec<(EventRow, Option<MessageRow>)>> {
        let mut seqs: Vec<_> = seqs.iter().copied().filter(|seq| *seq > 0).collect();
        seqs.sort_unstable();
        seqs.dedup();
        let reads = seqs.iter().map(|seq| self.event_if_stored(conversation, *seq).boxed());
        let found: Vec<Option<Arc<Stored>>> = in_order(reads.collect()).await?;
        let own = |stored: Arc<Stored>| (stored.event.clone(), stored.message.clone());
        Ok(found.into_iter().flatten().map(own).collect())
    }

    async fn apply(&self, batch: Batch) -> Result<()> {
        self.write_batch(batch).await.map_err(|error| match error {
            StorageError::Unavailable(reason) => StorageError::CommitFailed(reason),
            other => other,
        })
    }

    async fn prune_refs(&self, _: Millis) -> Result<u64> {
        Ok(0)
    }

    fn prunes_refs(&self) -> bool {
        false
    }
}

impl Scylla {
    /// The head; `None` before the first accepted event.
    pub(super) async fn head_of(&self, conversation: ConversationId) -> Result<Option<HeadCell>> {
        let read = async || {
            let row: Option<(Option<Cell>,)> =
                self.one(&self.statements.head, (conversation.0,)).await?;
            row.and_then(|(cell,)| cell).map(|cell| cells::head(conversation, &cell)).transpose()
        };
        self.reads.heads.read(conversation, read).await
    }

    /// The conversation's own row.
    pub(super) async fn own_of(
        &self,
        conversation: ConversationId,
    ) -> Result<Option<ConversationRow>> {
        let read = async || {
            let row: Option<(Option<Cell>,)> =
                self.one(&self.statements.own, (conversation.0,)).await?;
            row.and_then(|(cell,)| cell).map(|cell| cells::own(conversation, &cell)).transpose()
        };
        self.reads.own.read(conversation, read).await
    }

    /// Every member row, by user id.
    async fn member_rows(&self, conversation: ConversationId) -> Result<Vec<MemberRow>> {
        let mut members = Vec::new();
        self.each_member(conversation, Uuid::nil(), |row| {
            members.push(row);
            true
        })
        .await?;
        Ok(members)
    }

    async fn reference(
        &self,
        (conversation, sender, client_ref): (ConversationId, UserId, ClientRef),
    ) -> Result<Option<RefRow>> {
        let row: Option<(i64, Cell)> =
            self.one(&self.statements.reference, (conversation.0, sender.0, client_ref.0)).await?;
        let Some((position, cell)) = row else { return Ok(None) };
        cells::reference((conversation, sender, client_ref), whole(position), &cell).map(Some)
    }
}
