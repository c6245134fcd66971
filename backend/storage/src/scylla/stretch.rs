//! Events and states, read backwards from a head.
//!
//! Between the moment in which a head moves and the one in which the states of its messages are
//! written, an event may be there without the state that belongs to it. Readers then see the
//! conversation as it was just before it: nobody is ever shown a message without its text.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use protocol::model::EventKind;
use protocol::{ConversationId, MessageState};

use super::cells::{self, Cell, HeadCell, damaged, int, whole};
use super::requests::in_order;
use super::{Scylla, bucket};
use crate::{EventRow, MessageRow, Result, Stretch};

/// How many events are asked for at once: their texts may be long.
const CHUNK: u64 = 64;

/// An event as stored, with the state of the message if it is one and the state is there.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) event: EventRow,
    pub(super) message: Option<MessageRow>,
}

/// Some of them by seq.
pub(super) type Chunk = BTreeMap<u64, Arc<Stored>>;

impl Stored {
    fn state(&self) -> Option<&MessageState> {
        self.message.as_ref().map(|message| &message.state)
    }
}

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) from: u64,
    /// At most the head.
    pub(super) to: u64,
    pub(super) limit: u64,
    pub(super) bytes: usize,
}

/// What was read so far, newest first.
#[derive(Default)]
struct Taken {
    events: Vec<protocol::Event>,
    states: BTreeMap<u64, MessageState>,
    size: usize,
}

impl Taken {
    fn state(&mut self, state: MessageState) {
        let size = state.texts.iter().map(|text| text.text.len()).sum::<usize>();
        if self.states.insert(state.seq, state).is_none() {
            self.size += size;
        }
    }
}

/// What an event needs beside it.
struct Needs {
    /// The seq of a message.
    target: u64,
    /// The last event that must have been applied to it.
    applied: u64,
}

/// For an event itself or what it changed, and for what it names, if the reader may see that.
fn needs(event: &protocol::Event, may_read: &(impl Fn(u64) -> bool + Sync)) -> Vec<Needs> {
    let seq = event.seq;
    let changed = event.kind.changes(seq).map(|target| Needs { target, applied: seq });
    let quoted = match event.kind {
        EventKind::Message { reply_to } => reply_to.map(|target| Needs { target, applied: 0 }),
        _ => None,
    };
    let all = [changed, quoted].into_iter().flatten();
    all.filter(|need| need.target == seq || may_read(need.target)).collect()
}

impl Scylla {
    /// The newest part, read backwards until a limit is met; at least one event when there is any.
    /// Its `to` is lower than asked when what is above it is not complete yet. `may_read` says of a
    /// named message whether its state may go along.
    ///
    /// # Errors
    /// [`crate::StorageError::Damaged`] when a seq is missing: everything up to the head is stored.
    pub(super) async fn read_back(
        &self,
        conversation: ConversationId,
        head: &HeadCell,
        part: Part,
        may_read: impl Fn(u64) -> bool + Sync,
    ) -> Result<Stretch> {
        let (mut to, mut next) = (part.to, part.to);
        let mut taken = Taken::default();
        let (mut known, mut low) = (Chunk::new(), part.to.saturating_add(1));
        while next >= part.from
            && (taken.events.len() as u64) < part.limit
            && (taken.events.is_empty() || taken.size < part.bytes)
        {
            if next < low {
                let most = CHUNK.min(part.limit - taken.events.len() as u64);
                low = part.from.max(next.saturating_sub(most - 1));
                known = self.with_named(conversation, low, next, &may_read).await?;
            }
            let stored: &Stored = known.get(&next).ok_or_else(|| damaged(conversation, next))?;
            let mut states = Vec::new();
            let mut complete = true;
            for need in needs(&stored.event.event, &may_read) {
                let state = known.get(&need.target).and_then(|stored| stored.state());
                match self.settled(conversation, head, stored, &need, state).await? {
                    Settled::Yes(state) => states.extend(state),
                    Settled::NotYet => complete = false,
                }
            }
            if complete {
                states.into_iter().for_each(|state| taken.state(state));
                taken.events.push(stored.event.event.clone());
            } else {
                (to, taken) = (next - 1, Taken::default());
            }
            next -= 1;
        }
        taken.events.reverse();
        let states = taken.states.into_values().collect();
        Ok(Stretch { from: next + 1, to, events: taken.events, states })
    }

    /// Whether the state that an event needs is as new as the event. If not, the restart position tells
    /// whether its batch is still being stored: it is written after everything else.
    async fn settled(
        &self,
        conversation: ConversationId,
        head: &HeadCell,
        by: &Stored,
        need: &Needs,
        state: Option<&MessageState>,
    ) -> Result<Settled> {
        if let Some(state) = state.filter(|state| state.state_seq >= need.applied) {
            return Ok(Settled::Yes(Some(state.clone())));
        }
        let restart = self.restart_of(head.partition).await?;
        if restart.is_none_or(|restart| restart <= by.event.position) {
            return Ok(Settled::NotYet);
        }
        // It has been stored since, or never will be.
        let now = self.stored(conversation, need.target, need.target).await?;
        let now = now.get(&need.target).and_then(|stored| stored.state()).cloned();
        if now.is_none() && need.target == by.event.event.seq {
            return Err(damaged(conversation, need.target));
        }
        Ok(Settled::Yes(now))
    }

    /// Stored events by seq, and beside them those that they name.
    async fn with_named(
        &self,
        conversation: ConversationId,
        from: u64,
        to: u64,
        may_read: &(impl Fn(u64) -> bool + Sync),
    ) -> Result<Chunk> {
        let mut known = self.stored(conversation, from, to).await?;
        let mut named: Vec<u64> = known
            .values()
            .flat_map(|stored| needs(&stored.event.event, may_read))
            .map(|need| need.target)
            .filter(|target| !known.contains_key(target))
            .collect();
        named.sort_unstable();
        named.dedup();
        let reads = named.into_iter().map(|seq| self.stored(conversation, seq, seq).boxed());
        for one in in_order(reads.collect()).await? {
            known.extend(one);
        }
        Ok(known)
    }

    /// Stored events by seq, those that are there. The stretch is short: it is read without pages.
    async fn stored(&self, conversation: ConversationId, from: u64, to: u64) -> Result<Chunk> {
        let read = async || {
            let mut found = Chunk::new();
            for bucket in bucket(from)..=bucket(to) {
                let place = (conversation.0, int(bucket)?, int(from)?, int(to)?);
                type Row = (i64, Option<Cell>, Option<Cell>);
                for (seq, event, state) in self.few::<Row>(&self.statements.events, place).await? {
                    let (seq, Some(event)) = (whole(seq), event) else { continue };
                    let event = cells::event(conversation, seq, &event)?;
                    let state = state.map(|cell| cells::state(conversation, seq, &cell));
                    found.insert(seq, Arc::new(Stored { event, message: state.transpose()? }));
                }
            }
            Ok(found)
        };
        self.reads.events.read((conversation, from, to), read).await
    }

    /// One event, if there is one.
    ///
    /// # Errors
    /// [`crate::StorageError::Damaged`] when there is none at or below the head.
    pub(super) async fn event_if_stored(
        &self,
        conversation: ConversationId,
        seq: u64,
    ) -> Result<Option<Arc<Stored>>> {
        if i64::try_from(seq).is_err() {
            return Ok(None);
        }
        if let Some(stored) = self.stored(conversation, seq, seq).await?.remove(&seq) {
            return Ok(Some(stored));
        }
        // A head that has it was written after it, so it is there by now.
        match self.head_of(conversation).await? {
            Some(head) if head.seq >= seq => {
                let again = self.stored(conversation, seq, seq).await?.remove(&seq);
                again.map(Some).ok_or_else(|| damaged(conversation, seq))
            }
            _ => Ok(None),
        }
    }

    /// An event that something else says is there.
    ///
    /// # Errors
    /// [`crate::StorageError::Damaged`] when it is not.
    pub(super) async fn event_at(
        &self,
        conversation: ConversationId,
        seq: u64,
    ) -> Result<EventRow> {
        let stored = self.stored(conversation, seq, seq).await?.remove(&seq);
        stored.map(|stored| stored.event.clone()).ok_or_else(|| damaged(conversation, seq))
    }

    /// How many messages there are up to a seq; none before the first event.
    pub(super) async fn ord_at(&self, conversation: ConversationId, seq: u64) -> Result<u64> {
        match seq {
            0 => Ok(0),
            _ => Ok(self.event_at(conversation, seq).await?.event.ord),
        }
    }
}

enum Settled {
    /// The state as it is, if there is one at all.
    Yes(Option<MessageState>),
    NotYet,
}
