//! A store for tests that writes row by row, as a store without transactions does.
//!
//! It writes in the order of effects, the higher position wins on every cell, and before each row a
//! [`Gate`] may wait, let it be written, or end the writer there. A gate may also wait before each
//! read, so that others write between two reads that belong together. Handles made by
//! [`Memory::with_gate`] share the tables, each with a gate of its own: two owners of one partition.
//! Handles made by [`Memory::for_node`] are those of the nodes of a cluster: they hand their changes to
//! the inbox, and the list is made of rows.

mod history;
mod list;
mod markers;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use protocol::{ClientRef, ConversationId, Millis, UserId};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::{
    Batch, Change, Committed, ConversationRow, EventRow, FoldStore, Head, Loaded, MemberRow,
    MessageRow, Position, RefRow, Result, StorageError, Tell,
};

pub use list::Row as ListedRow;

/// The row that is about to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// (1) An event.
    Event(ConversationId, u64),
    /// (1) A dedup row.
    Ref(ConversationId, UserId, ClientRef),
    /// (2) A head.
    Head(ConversationId),
    /// (3) A conversation's row.
    Conversation(ConversationId),
    /// (3) A member.
    Member(ConversationId, UserId),
    /// (3) A message's state.
    Message(ConversationId, u64),
    /// (4) The changes are handed out.
    Changes(u32),
    /// (5) Where the partition is to be taken up.
    Restart(u32),
    /// A person's markers.
    Marker(ConversationId, UserId),
    /// How much of a person's markers the others were told.
    Told(ConversationId, UserId),
    /// A row of a person's list.
    Listed(ConversationId, UserId),
}

/// Whether a row is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Go,
    /// The writer ends here; what it wrote before stays.
    Crash,
}

/// What the sequencer is about to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// Where the partition is to be taken up.
    Restart(u32),
    /// A conversation's head.
    Head(ConversationId),
    /// A conversation's own row, after its head.
    Conversation(ConversationId),
    /// A conversation's members, after its own row.
    Members(ConversationId),
    /// Dedup rows.
    Refs,
    /// Events and message states.
    Events(ConversationId),
}

/// Asked before each row and each read, and may take its time.
#[async_trait]
pub trait Gate: Send + Sync {
    /// What becomes of this row.
    async fn before_row(&self, step: Step) -> Verdict;

    /// Others may write before this read. At once, unless the gate says otherwise.
    async fn before_read(&self, _: Read) {}
}

/// Lets everything through at once.
pub struct Open;

#[async_trait]
impl Gate for Open {
    async fn before_row(&self, _: Step) -> Verdict {
        Verdict::Go
    }
}

/// All rows of the fold as they are, to be compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// (1)
    pub events: BTreeMap<(ConversationId, u64), EventRow>,
    /// (1)
    pub refs: BTreeMap<(ConversationId, UserId, ClientRef), RefRow>,
    /// (2)
    pub heads: BTreeMap<ConversationId, Head>,
    /// (3)
    pub conversations: BTreeMap<ConversationId, ConversationRow>,
    /// (3)
    pub members: BTreeMap<(ConversationId, UserId), MemberRow>,
    /// (3)
    pub messages: BTreeMap<(ConversationId, u64), MessageRow>,
    /// (5)
    pub restarts: BTreeMap<u32, Position>,
}

/// What is beside the fold's rows: markers, and which commit changed what.
#[derive(Default)]
struct Tables {
    rows: Rows,
    markers: BTreeMap<(ConversationId, UserId), markers::Held>,
    /// How much of them the others were told.
    told: BTreeMap<(ConversationId, UserId), markers::Held>,
    /// The partition that a conversation's head was written from.
    partitions: BTreeMap<ConversationId, u32>,
    /// A cluster's list rows.
    lists: BTreeMap<(UserId, ConversationId), list::Row>,
    commit: u64,
    conversation_changed: BTreeMap<ConversationId, u64>,
    person_changed: BTreeMap<(ConversationId, UserId), u64>,
}

/// A store that can be stopped between any two rows.
#[derive(Clone)]
pub struct Memory {
    database: Uuid,
    tables: Arc<Mutex<Tables>>,
    gate: Arc<dyn Gate>,
    outgoing: Outgoing,
}

/// Where changes go.
#[derive(Clone)]
enum Outgoing {
    /// Numbered. Locked while a number is given and its changes are handed out, so that they go in
    /// order.
    Commits(Arc<tokio::sync::Mutex<mpsc::Sender<Committed>>>),
    /// Without numbers: whoever reads lists knows what is new by their rows.
    Inbox(Arc<dyn Tell>),
}

impl Memory {
    /// An empty store whose first handle writes without delay.
    #[must_use]
    pub fn new(database: Uuid, committed: mpsc::Sender<Committed>) -> Self {
        Self {
            database,
            tables: Arc::default(),
            gate: Arc::new(Open),
            outgoing: Outgoing::Commits(Arc::new(tokio::sync::Mutex::new(committed))),
        }
    }

    /// The tables as a node of a cluster has them: its changes go into the inbox.
    #[must_use]
    pub fn for_node(&self, gate: Arc<dyn Gate>, inbox: Arc<dyn Tell>) -> Self {
        Self { gate, outgoing: Outgoing::Inbox(inbox), ..self.clone() }
    }

    /// Another writer of the same tables.
    #[must_use]
    pub fn with_gate(&self, gate: Arc<dyn Gate>) -> Self {
        Self { gate, ..self.clone() }
    }

    /// All rows of the fold as they are now.
    #[must_use]
    pub fn rows(&self) -> Rows {
        self.tables.lock().rows.clone()
    }

    /// A conversation's head as it is now, without asking the gate.
    #[must_use]
    pub fn head_now(&self, conversation: ConversationId) -> Head {
        self.tables.lock().rows.heads.get(&conversation).copied().unwrap_or_default()
    }

    async fn pass(&self, step: Step) -> Result<()> {
        match self.gate.before_row(step).await {
            Verdict::Go => Ok(()),
            Verdict::Crash => Err(StorageError::CommitFailed(format!("stopped before {step:?}"))),
        }
    }

    /// Give the next number, let `note` write down what it changed, and hand the changes out.
    async fn hand_out(
        &self,
        changes: Vec<Change>,
        note: impl FnOnce(&mut Tables, u64),
    ) -> Result<()> {
        let committed = match &self.outgoing {
            Outgoing::Commits(committed) => committed.lock().await,
            Outgoing::Inbox(_) if changes.is_empty() => return Ok(()),
            Outgoing::Inbox(inbox) => return inbox.tell(changes).await,
        };
        let commit = {
            let mut tables = self.tables.lock();
            tables.commit += 1;
            let commit = tables.commit;
            note(&mut tables, commit);
            commit
        };
        if !changes.is_empty() {
            // Nobody listens any more when a test is about to end.
            let _ = committed.send(Committed { commit, changes }).await;
        }
        Ok(())
    }
}

/// Replace the value unless the stored one has at least this position.
fn newer<K: Ord, V>(
    rows: &mut BTreeMap<K, V>,
    key: K,
    value: V,
    position: impl Fn(&V) -> Position,
) {
    if rows.get(&key).is_none_or(|stored| position(&value) > position(stored)) {
        rows.insert(key, value);
    }
}

#[async_trait]
impl FoldStore for Memory {
    async fn restart(&self, partition: u32) -> Result<Option<Position>> {
        self.gate.before_read(Read::Restart(partition)).await;
        Ok(self.tables.lock().rows.restarts.get(&partition).copied())
    }

    async fn load(&self, conversation: ConversationId) -> Result<Loaded> {
        self.gate.before_read(Read::Head(conversation)).await;
        let head = self.tables.lock().rows.heads.get(&conversation).copied().unwrap_or_default();
        self.gate.before_read(Read::Conversation(conversation)).await;
        let own = self.tables.lock().rows.conversations.get(&conversation).cloned();
        self.gate.before_read(Read::Members(conversation)).await;
        let members = self.tables.lock().rows.members_of(conversation).cloned().collect();
        Ok(Loaded { head, conversation: own, members })
    }

    async fn refs(
        &self,
        conversation: ConversationId,
        refs: &[(UserId, ClientRef)],
    ) -> Result<Vec<RefRow>> {
        self.refs_of(refs.iter().map(|(user, of)| (conversation, *user, *of)).collect()).await
    }

    async fn refs_of(&self, refs: Vec<(ConversationId, UserId, ClientRef)>) -> Result<Vec<RefRow>> {
        self.gate.before_read(Read::Refs).await;
        let rows = &self.tables.lock().rows;
        Ok(refs.iter().filter_map(|key| rows.refs.get(key)).cloned().collect())
    }

    async fn events(
        &self,
        conversation: ConversationId,
        seqs: &[u64],
    ) -> Result<Vec<(EventRow, Option<MessageRow>)>> {
        self.gate.before_read(Read::Events(conversation)).await;
        let rows = &self.tables.lock().rows;
        let mut seqs = seqs.to_vec();
        seqs.sort_unstable();
        seqs.dedup();
        let find = |seq: u64| {
            let event = rows.events.get(&(conversation, seq))?.clone();
            Some((event, rows.messages.get(&(conversation, seq)).cloned()))
        };
        Ok(seqs.into_iter().filter_map(find).collect())
    }

    async fn apply(&self, batch: Batch) -> Result<()> {
        for row in &batch.events {
            let key = (row.conversation, row.event.seq);
            self.pass(Step::Event(key.0, key.1)).await?;
            let mut tables = self.tables.lock();
            if tables.rows.events.entry(key).or_insert_with(|| row.clone()) != row {
                tracing::error!(?row, "an event is to be stored where another one is");
                return Err(StorageError::Damaged { conversation: key.0, seq: key.1 });
            }
        }
        for row in &batch.refs {
            let key = (row.conversation, row.sender, row.client_ref);
            self.pass(Step::Ref(key.0, key.1, key.2)).await?;
            self.tables.lock().rows.refs.entry(key).or_insert_with(|| row.clone());
        }
        for (conversation, head) in &batch.heads {
            self.pass(Step::Head(*conversation)).await?;
            let mut tables = self.tables.lock();
            newer(&mut tables.rows.heads, *conversation, *head, |head| head.position);
            tables.partitions.insert(*conversation, batch.partition);
        }
        for row in &batch.conversations {
            self.pass(Step::Conversation(row.conversation)).await?;
            let rows = &mut self.tables.lock().rows.conversations;
            newer(rows, row.conversation, row.clone(), |row| row.position);
        }
        for row in &batch.members {
            self.pass(Step::Member(row.conversation, row.user)).await?;
            let rows = &mut self.tables.lock().rows.members;
            newer(rows, (row.conversation, row.user), row.clone(), |row| row.position);
        }
        for row in &batch.messages {
            self.pass(Step::Message(row.conversation, row.state.seq)).await?;
            let rows = &mut self.tables.lock().rows.messages;
            newer(rows, (row.conversation, row.state.seq), row.clone(), |row| row.position);
        }
        self.pass(Step::Changes(batch.partition)).await?;
        self.hand_out(batch.changes.clone(), |tables, commit| {
            for (conversation, _) in &batch.heads {
                tables.conversation_changed.insert(*conversation, commit);
            }
            for row in &batch.conversations {
                tables.conversation_changed.insert(row.conversation, commit);
            }
            for row in &batch.members {
                tables.person_changed.insert((row.conversation, row.user), commit);
            }
        })
        .await?;
        self.pass(Step::Restart(batch.partition)).await?;
        let restarts = &mut self.tables.lock().rows.restarts;
        newer(restarts, batch.partition, batch.restart, |position| *position);
        Ok(())
    }

    async fn prune_refs(&self, before: Millis) -> Result<u64> {
        let refs = &mut self.tables.lock().rows.refs;
        let kept = refs.len();
        refs.retain(|_, row| row.at >= before);
        Ok((kept - refs.len()) as u64)
    }
}

impl Rows {
    fn members_of(&self, conversation: ConversationId) -> impl Iterator<Item = &MemberRow> {
        let first = (conversation, UserId(Uuid::nil()));
        let last = (conversation, UserId(Uuid::max()));
        self.members.range(first..=last).map(|(_, row)| row)
    }
}
