//! A batch, in the order of effects. Each step is acknowledged by a quorum before the next begins; if
//! one fails, what was written stays, and whoever takes the batch up again writes the same.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt;
use protocol::model::EventKind;
use protocol::{ConversationId, Millis};
use scylla::SerializeRow;

use super::cells::{self, Cell, HeadCell, damaged, int, whole};
use super::requests::{Write, in_order};
use super::{Scylla, bucket};
use crate::{Batch, EventRow, Head, Position, RefRow, Result};

/// The timestamp is the value.
#[derive(SerializeRow)]
struct Restart {
    log_partition: i64,
    position: i64,
}

/// The position is the end of the key and the timestamp.
#[derive(SerializeRow)]
struct RefValues {
    conversation_id: uuid::Uuid,
    sender: uuid::Uuid,
    client_ref: uuid::Uuid,
    position: i64,
    outcome: Cell,
}

impl Scylla {
    /// All steps.
    pub(super) async fn write_batch(&self, batch: Batch) -> Result<()> {
        // (1) Written once: events and dedup rows.
        let mut writes = Vec::new();
        for row in self.unstored(&batch.events).await? {
            writes.push(self.put_event(row)?);
        }
        for row in &batch.events {
            // Again if need be: the last writer may have ended between an event and its title.
            if let EventKind::Created { title, .. } | EventKind::Renamed { title } = &row.event.kind
            {
                writes.push(self.put_title(row, title)?);
            }
        }
        for row in &batch.refs {
            writes.push(self.put_ref(row)?);
        }
        self.step(writes).await?;
        // (2) Heads, which only now may point at the events.
        let taken = |row: &EventRow| ((row.conversation, row.event.seq), row.event.at);
        let taken: BTreeMap<_, _> = batch.events.iter().map(taken).collect();
        let mut writes = Vec::new();
        for (conversation, head) in &batch.heads {
            let at = match taken.get(&(*conversation, head.seq)) {
                Some(at) => *at,
                None => self.event_at(*conversation, head.seq).await?.event.at,
            };
            writes.push(self.put_head(*conversation, *head, at, batch.partition)?);
        }
        self.step(writes).await?;
        // (3) Overwritten rows, which so are never ahead of the head.
        self.step(self.overwrite(&batch)?).await?;
        // (4) What people have to hear of.
        if !batch.changes.is_empty() {
            self.tell.tell(batch.changes).await?;
        }
        // (5) Where the partition is to be taken up: nothing before it is to be done again.
        let position = int(batch.restart)?;
        let restart = Restart { log_partition: batch.partition.into(), position };
        self.write(&self.statements.put_restart, restart).await
    }

    /// Those that are not stored yet.
    ///
    /// # Errors
    /// [`crate::StorageError::Damaged`], with an alarm, when another event is there: two owners have
    /// decided differently, and writing over it would give people different histories.
    async fn unstored<'b>(&self, events: &'b [EventRow]) -> Result<Vec<&'b EventRow>> {
        let mut groups: BTreeMap<(ConversationId, u64), Vec<&EventRow>> = BTreeMap::new();
        for row in events {
            groups.entry((row.conversation, bucket(row.event.seq))).or_default().push(row);
        }
        let mut new = Vec::with_capacity(events.len());
        let groups = groups.values().map(|group| self.not_there(group).boxed());
        for found in in_order(groups.collect()).await? {
            new.extend(found);
        }
        let new: BTreeSet<_> = new.into_iter().collect();
        let key = |row: &EventRow| (row.conversation, row.event.seq);
        Ok(events.iter().filter(|row| new.contains(&key(row))).collect())
    }

    /// Of events in one bucket, the keys of those that are not stored yet.
    async fn not_there(&self, group: &[&EventRow]) -> Result<Vec<(ConversationId, u64)>> {
        let by_seq: BTreeMap<_, _> = group.iter().map(|row| (row.event.seq, *row)).collect();
        let (Some((low, first)), Some((high, _))) =
            (by_seq.first_key_value(), by_seq.last_key_value())
        else {
            return Ok(Vec::new());
        };
        let conversation = first.conversation;
        let place = (conversation.0, int(bucket(*low))?, int(*low)?, int(*high)?);
        let mut there = BTreeSet::new();
        type Found = (i64, Option<Cell>, Option<Cell>);
        self.each(&self.statements.events, place, |(seq, event, _): Found| {
            let seq = whole(seq);
            let (Some(cell), Some(row)) = (event, by_seq.get(&seq)) else { return Ok(true) };
            let stored = cells::event(conversation, seq, &cell)?;
            if stored != **row {
                tracing::error!(?row, ?stored, "an event is to be stored where another one is");
                return Err(damaged(conversation, seq));
            }
            there.insert(seq);
            Ok(true)
        })
        .await?;
        let new = by_seq.keys().filter(|seq| !there.contains(seq));
        Ok(new.map(|seq| (conversation, *seq)).collect())
    }

    fn put_event(&self, row: &EventRow) -> Result<Write<'_>> {
        let seq = row.event.seq;
        let place = (row.conversation.0, int(bucket(seq))?, int(seq)?);
        let values = (place.0, place.1, place.2, cells::event_cell(row), int(row.position)?);
        Ok(self.write(&self.statements.put_event, values))
    }

    fn put_title(&self, row: &EventRow, title: &str) -> Result<Write<'_>> {
        let cell = cells::title_cell(row.conversation, row.event.seq, title);
        let values = (row.conversation.0, int(row.event.seq)?, cell, int(row.position)?);
        Ok(self.write(&self.statements.put_title, values))
    }

    fn put_ref(&self, row: &RefRow) -> Result<Write<'_>> {
        let values = RefValues {
            conversation_id: row.conversation.0,
            sender: row.sender.0,
            client_ref: row.client_ref.0,
            position: int(row.position)?,
            outcome: cells::ref_cell(row),
        };
        Ok(self.write(&self.statements.put_ref, values))
    }

    fn put_head(
        &self,
        conversation: ConversationId,
        head: Head,
        at: Millis,
        partition: u32,
    ) -> Result<Write<'_>> {
        let Head { seq, ord, position } = head;
        let cell = HeadCell { seq, ord, position, at, partition };
        let values = (int(position)?, cells::head_cell(conversation, &cell), conversation.0);
        Ok(self.write(&self.statements.put_head, values))
    }

    fn overwrite(&self, batch: &Batch) -> Result<Vec<Write<'_>>> {
        let put = &self.statements;
        let mut writes = Vec::new();
        for row in &batch.conversations {
            let values = (int(row.position)?, cells::own_cell(row), row.conversation.0);
            writes.push(self.write(&put.put_own, values));
        }
        for row in &batch.members {
            let (position, cell) = (int(row.position)?, cells::member_cell(row));
            let values = (position, cell.clone(), row.conversation.0, row.user.0);
            writes.push(self.write(&put.put_member, values));
            let values = (position, cell, row.user.0, row.conversation.0);
            writes.push(self.write(&put.put_membership, values));
        }
        for row in &batch.messages {
            let (seq, cell) = (row.state.seq, cells::state_cell(row));
            let place = (row.conversation.0, int(bucket(seq))?, int(seq)?);
            let values = (int(row.position)?, cell, place.0, place.1, place.2);
            writes.push(self.write(&put.put_state, values));
        }
        Ok(writes)
    }

    /// Where a partition is to be taken up.
    pub(super) async fn restart_of(&self, partition: u32) -> Result<Option<Position>> {
        let row: Option<(Option<i64>,)> =
            self.one(&self.statements.restart, (i64::from(partition),)).await?;
        Ok(row.and_then(|(position,)| position).map(whole))
    }
}
