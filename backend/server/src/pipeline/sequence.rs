//! One lane: one partition of the conversation log, batch after batch. It folds records into events
//! and stores them in the order of effects.
//!
//! Replay, zombies and retries all meet one rule, command by command. A record above the head is
//! folded; one at or below it was folded before, and only what its events did to overwritten rows
//! is done again, where a row is older. A command whose ref was seen in another record is a second
//! copy: its sender is answered and nothing is written. Ownership is never assumed to be exclusive:
//! two owners compute the same outcomes and write the same cells.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use lru::LruCache;
use protocol::{ClientRef, Code, ConversationId, Entry, Event, UserId, wire};
use sha2::{Digest, Sha256};
use storage::sabotage::{self, Case};
use storage::{
    Batch, Change, EventRow, FoldStore, Head, Loaded, Outcome, Position, RefRow, StorageError,
};
use tokio::time::Instant;

use super::dead::Dead;
use super::record::Record;
use super::state::{State, Touched};
use super::{fan_out, fold, stage, version};

/// Conversations whose state a lane keeps between batches.
const STATES: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");
/// Messages of a conversation that stay in its kept state.
const MESSAGES: usize = 64;

/// Why a lane stops. Its state is dropped and it starts again at the committed position.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A replay came to another outcome than the one that was stored.
    #[error("{conversation}: a replay came to another outcome at position {position}")]
    Diverged {
        /// Where.
        conversation: ConversationId,
        /// The record.
        position: Position,
    },
    /// Garbage could not be copied to where an operator finds it.
    #[error("garbage at position {0} could not be copied: {1}")]
    Unburied(Position, String),
    /// A record of a version that was raised and that this program does not know.
    #[error("the record at position {0} is of fold version {1}, which is newer than this program")]
    Newer(Position, u32),
    /// Rows stay ahead of the head that explains them, however often they are loaded.
    #[error("rows are ahead of their head")]
    Ahead,
}

enum Stop {
    /// A newer owner has written further than this record.
    Overtaken(ConversationId, Position),
    Halt(Halt),
}

impl From<Halt> for Stop {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl From<StorageError> for Stop {
    fn from(error: StorageError) -> Self {
        Self::Halt(error.into())
    }
}

type RefKey = (ConversationId, UserId, ClientRef);

/// The state of one lane. It never survives a revoke or a halt.
pub struct Lane {
    partition: u32,
    store: Arc<dyn FoldStore>,
    states: LruCache<ConversationId, State>,
    skipped: u64,
    /// Where copies of garbage go.
    dead: Option<Dead>,
}

/// What is at hand while a batch is folded.
#[derive(Default)]
struct Work {
    states: BTreeMap<ConversationId, State>,
    refs: BTreeMap<RefKey, RefRow>,
    events: BTreeMap<(ConversationId, u64), EventRow>,
    touched: BTreeMap<ConversationId, Touched>,
    heads: BTreeMap<ConversationId, Head>,
    batch: Batch,
}

impl Lane {
    /// A lane that knows nothing yet.
    #[must_use]
    pub fn new(partition: u32, store: Arc<dyn FoldStore>) -> Self {
        Self { partition, store, states: LruCache::sparse(STATES), skipped: 0, dead: None }
    }

    /// One that copies what is garbage there, before it goes on.
    #[must_use]
    pub fn burying(self, dead: Dead) -> Self {
        Self { dead: Some(dead), ..self }
    }

    /// Fold and store these records, which follow one another in the partition. When it returns,
    /// everything below the last record's position + 1 has been dealt with.
    ///
    /// # Errors
    /// See [`Halt`]; the lane is not to be used again.
    pub async fn process(&mut self, records: &[(Position, Bytes)]) -> Result<(), Halt> {
        let mut overtaken = BTreeMap::new();
        let (known, newer) = version::known(&*self.store, records).await?;
        let records = &records[..known];
        loop {
            match self.attempt(records).await {
                // What stands before it is dealt with.
                Ok(()) => {
                    return newer.map_or(Ok(()), |(at, version)| Err(Halt::Newer(at, version)));
                }
                Err(Stop::Halt(halt)) => return Err(halt),
                Err(Stop::Overtaken(conversation, position)) => {
                    tracing::warn!(%conversation, position, "overtaken by a newer owner");
                    self.states.clear();
                    // A head is written before the rows that it explains: loaded anew, it is not
                    // below this record any more.
                    let before = overtaken.insert(conversation, position);
                    if before.is_some_and(|before| before >= position) {
                        return Err(Halt::Ahead);
                    }
                }
            }
        }
    }

    /// How many records this lane has met that were garbage.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    async fn attempt(&mut self, records: &[(Position, Bytes)]) -> Result<(), Stop> {
        let Some((last, _)) = records.last() else { return Ok(()) };
        let mut decoded = Vec::with_capacity(records.len());
        for (position, bytes) in records {
            match Record::decode(bytes) {
                Some(record) => decoded.push((*position, record)),
                None => self.skip(*position, bytes).await?,
            }
        }
        let began = Instant::now();
        let mut work = self.gather(&decoded).await?;
        for (position, record) in &decoded {
            work.record(*position, record)?;
        }
        work.finish(self.partition, last + 1);
        follow(stage::SEQUENCE, &decoded, began);
        let began = Instant::now();
        let Work { mut batch, states, .. } = work;
        if let Some(early) = told_early(&mut batch, records[0].0) {
            self.store.apply(early).await?;
        }
        self.store.apply(batch).await?;
        follow(stage::STORE, &decoded, began);
        for (conversation, mut state) in states {
            if state.messages.len() > MESSAGES {
                state.messages.clear();
            }
            self.states.put(conversation, state);
        }
        Ok(())
    }

    /// Garbage: every node skips it, and whoever may want to know why it was there finds a copy.
    async fn skip(&mut self, position: Position, bytes: &Bytes) -> Result<(), Halt> {
        self.skipped += 1;
        tracing::error!(
            partition = self.partition,
            position,
            bytes = bytes.len(),
            skipped = self.skipped,
            "garbage in the log: skipped"
        );
        let Some(dead) = &self.dead else { return Ok(()) };
        let buried =
            dead.bury("log", (self.partition, position), "it is no record of the log", bytes);
        buried.await.map_err(|error| Halt::Unburied(position, format!("{error:#}")))
    }

    /// Everything that folding these records may need: heads first, then rows.
    async fn gather(&mut self, records: &[(Position, Record)]) -> Result<Work, Stop> {
        let mut work = Work::default();
        let mut refs = Vec::new();
        let mut seqs: BTreeMap<ConversationId, BTreeSet<u64>> = BTreeMap::new();
        for (_, record) in records {
            let id = record.conversation;
            if let btree_map::Entry::Vacant(place) = work.states.entry(id) {
                place.insert(match self.states.pop(&id) {
                    Some(state) => state,
                    None => State::new(self.load(id).await?),
                });
            }
            for entry in &record.commands {
                refs.push((id, record.sender, entry.client_ref));
                seqs.entry(id).or_default().extend(entry.command.target());
            }
        }
        for row in self.store.refs_of(refs).await? {
            if let Outcome::Accepted(seq) = row.outcome {
                seqs.entry(row.conversation).or_default().insert(seq);
            }
            work.refs.insert((row.conversation, row.sender, row.client_ref), row);
        }
        for (conversation, wanted) in seqs {
            self.load_events(&mut work, conversation, wanted).await?;
        }
        Ok(work)
    }

    async fn load(&self, conversation: ConversationId) -> Result<Loaded, StorageError> {
        let mut loaded = self.store.load(conversation).await?;
        if sabotage::is(Case::ForgetHead) {
            loaded.head = Head::default();
        }
        Ok(loaded)
    }

    /// Load events and message states, and what those events name in turn.
    async fn load_events(
        &self,
        work: &mut Work,
        conversation: ConversationId,
        mut wanted: BTreeSet<u64>,
    ) -> Result<(), Stop> {
        let accepted: BTreeSet<u64> = work
            .refs
            .values()
            .filter(|row| row.conversation == conversation)
            .filter_map(|row| match row.outcome {
                Outcome::Accepted(seq) => Some(seq),
                Outcome::Rejected(_) => None,
            })
            .collect();
        // Once for what is wanted, once for what the found events name.
        for _ in 0..2 {
            let Some(state) = work.states.get_mut(&conversation) else { return Ok(()) };
            wanted.retain(|seq| !state.messages.contains_key(seq) || accepted.contains(seq));
            if wanted.is_empty() {
                return Ok(());
            }
            let seqs: Vec<u64> = std::mem::take(&mut wanted).into_iter().collect();
            for (event, row) in self.store.events(conversation, &seqs).await? {
                if let Some(row) = row
                    && !state.messages.contains_key(&event.event.seq)
                {
                    state.remember(&event, row);
                }
                wanted.extend(event.event.kind.names());
                work.events.insert((conversation, event.event.seq), event);
            }
        }
        Ok(())
    }
}

impl Work {
    fn record(&mut self, position: Position, record: &Record) -> Result<(), Stop> {
        let Some(mut state) = self.states.remove(&record.conversation) else { return Ok(()) };
        let result = if position > state.head.position {
            self.fold(position, record, &mut state)
        } else {
            self.replay(position, record, &mut state)
        };
        self.states.insert(record.conversation, state);
        result
    }

    /// A record above the head: decide its commands.
    fn fold(&mut self, position: Position, record: &Record, state: &mut State) -> Result<(), Stop> {
        // A row at this very position was written by somebody for whom the record is below the head.
        if state.loaded >= position {
            return Err(Stop::Overtaken(record.conversation, position));
        }
        let mut touched = Touched::default();
        for entry in &record.commands {
            let key = (record.conversation, record.sender, entry.client_ref);
            let hash = hash(entry);
            let before = self.refs.get(&key).filter(|_| !sabotage::is(Case::SkipDedup)).cloned();
            match &before {
                Some(row) if row.position > position => {
                    return Err(Stop::Overtaken(record.conversation, position));
                }
                Some(row) if row.position < position => {
                    self.answer(record, state, row, hash);
                    continue;
                }
                _ => {}
            }
            let outcome = self.decide(position, record, entry, state, &mut touched);
            let row = RefRow {
                conversation: record.conversation,
                sender: record.sender,
                client_ref: entry.client_ref,
                position,
                outcome,
                hash,
                at: record.at,
            };
            if before.is_some_and(|stored| stored.outcome != outcome) {
                let conversation = record.conversation;
                return Err(Stop::Halt(Halt::Diverged { conversation, position }));
            }
            self.refs.insert(key, row.clone());
            self.batch.refs.push(row);
        }
        self.merge(record.conversation, touched);
        Ok(())
    }

    fn decide(
        &mut self,
        position: Position,
        record: &Record,
        entry: &Entry,
        state: &mut State,
        touched: &mut Touched,
    ) -> Outcome {
        let kind = match fold::decide(state, record, &entry.command) {
            Ok(kind) => kind,
            Err(code) => {
                self.batch.changes.push(fan_out::rejected(record, entry.client_ref, code));
                return Outcome::Rejected(code);
            }
        };
        let event = Event {
            seq: state.head.seq + 1,
            ord: state.head.ord + u64::from(kind.counts()),
            at: record.at,
            sender: record.sender,
            client_ref: entry.client_ref,
            kind,
        };
        state.head = Head { seq: event.seq, ord: event.ord, position };
        self.heads.insert(record.conversation, state.head);
        let written = sabotage::row_position(position, record.at);
        state.apply(&event, record, &entry.command, written, touched);
        self.batch.changes.extend(fan_out::event(state, record, &event));
        let seq = event.seq;
        let row = EventRow { conversation: record.conversation, event, position };
        self.events.insert((record.conversation, seq), row.clone());
        self.batch.events.push(row);
        Outcome::Accepted(seq)
    }

    /// A record at or below the head: its events exist; bring older rows up to them and tell again.
    fn replay(
        &mut self,
        position: Position,
        record: &Record,
        state: &mut State,
    ) -> Result<(), Stop> {
        let mut touched = Touched::default();
        for entry in &record.commands {
            let key = (record.conversation, record.sender, entry.client_ref);
            let Some(row) = self.refs.get(&key).cloned() else {
                tracing::error!(%record.conversation, position, "a record below the head is unknown");
                continue;
            };
            if row.position != position {
                self.answer(record, state, &row, hash(entry));
                continue;
            }
            match row.outcome {
                Outcome::Rejected(code) => {
                    self.batch.changes.push(fan_out::rejected(record, entry.client_ref, code));
                }
                Outcome::Accepted(seq) => {
                    let Some(stored) = self.events.get(&(record.conversation, seq)).cloned() else {
                        let conversation = record.conversation;
                        return Err(Stop::Halt(Halt::Diverged { conversation, position }));
                    };
                    let written = sabotage::row_position(position, record.at);
                    state.apply(&stored.event, record, &entry.command, written, &mut touched);
                    self.batch.changes.extend(fan_out::event(state, record, &stored.event));
                }
            }
        }
        self.merge(record.conversation, touched);
        Ok(())
    }

    /// Answer a second copy of a command: only its sender hears of it.
    fn answer(&mut self, record: &Record, state: &State, row: &RefRow, hash: [u8; 16]) {
        let code = match row.outcome {
            _ if row.hash != hash => Code::RefConflict,
            Outcome::Rejected(code) => code,
            Outcome::Accepted(seq) => {
                if let Some(stored) = self.events.get(&(record.conversation, seq)) {
                    self.batch.changes.push(fan_out::again(state, record, &stored.event));
                }
                return;
            }
        };
        self.batch.changes.push(fan_out::rejected(record, row.client_ref, code));
    }

    fn merge(&mut self, conversation: ConversationId, touched: Touched) {
        let all = self.touched.entry(conversation).or_default();
        all.conversation |= touched.conversation;
        all.members.extend(touched.members);
        all.messages.extend(touched.messages);
    }

    /// Collect the last value of every touched row.
    fn finish(&mut self, partition: u32, restart: Position) {
        self.batch.partition = partition;
        self.batch.restart = restart;
        self.batch.heads = self.heads.iter().map(|(id, head)| (*id, *head)).collect();
        for (id, touched) in &self.touched {
            let Some(state) = self.states.get(id) else { continue };
            if touched.conversation {
                self.batch.conversations.extend(state.conversation.clone());
            }
            let members = touched.members.iter().filter_map(|user| state.members.get(user));
            self.batch.members.extend(members.cloned());
            let messages = touched.messages.iter().filter_map(|seq| state.messages.get(seq));
            self.batch.messages.extend(messages.map(|message| message.row.clone()));
        }
    }
}

/// Say that a stage is through with these records.
fn follow(stage: &'static str, records: &[(Position, Record)], began: Instant) {
    if stage::is_followed() {
        for entry in records.iter().flat_map(|(_, record)| &record.commands) {
            stage::passed(stage, entry.client_ref, began.elapsed());
        }
    }
}

/// What a sabotaged lane hands out before it is stored; nothing else does.
fn told_early(batch: &mut Batch, first: Position) -> Option<Batch> {
    let changes = if sabotage::is(Case::PublishBeforeStoring) {
        std::mem::take(&mut batch.changes)
    } else if sabotage::is(Case::AcknowledgeBeforeStoring) {
        let senders: BTreeSet<UserId> = batch.refs.iter().map(|row| row.sender).collect();
        let to_senders = batch.changes.iter().filter_map(|change| match change {
            Change::Frame { recipients, frame } => Some(Change::Frame {
                recipients: recipients.iter().filter(|to| senders.contains(to)).copied().collect(),
                frame: frame.clone(),
            }),
            _ => None,
        });
        to_senders.collect()
    } else {
        return None;
    };
    // The position moves with it: a commit that changes nothing is none, and hands out nothing.
    Some(Batch { partition: batch.partition, restart: first + 1, changes, ..Batch::default() })
}

/// Of the command as the app sent it, never of what accept stamped.
fn hash(entry: &Entry) -> [u8; 16] {
    let digest = Sha256::digest(wire::encode(&entry.command).as_bytes());
    let mut hash = [0; 16];
    hash.copy_from_slice(&digest[..16]);
    hash
}
