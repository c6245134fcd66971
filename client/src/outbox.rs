//! What waits to be sent, and when it may be: one unacknowledged batch per conversation, resent
//! unchanged until every entry of it was seen as an event or rejected. Pure; the file behind it is
//! [`crate::store::OutboxFile`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocol::{ClientRef, Command, ConversationId, Entry, Millis, Submit, limits};
use tokio::time::Instant;

use crate::store::{Failure, Stored};

/// A batch that was not answered is sent again after this long.
pub const RESEND_AFTER: Duration = Duration::from_secs(10);
/// What waited longer than this is not sent before the person has said that it is still meant.
pub const TOO_OLD: Millis = 30 * 24 * 3600 * 1000;
/// Room for the frame around the commands.
const FRAME_OVERHEAD: usize = 256;

/// All entries, in the order in which they were written.
#[derive(Default)]
pub struct Queue {
    lines: BTreeMap<ConversationId, Line>,
}

#[derive(Default)]
struct Line {
    entries: Vec<Stored>,
    flight: Option<Flight>,
}

/// A batch that was handed to a connection and is not fully answered.
struct Flight {
    refs: BTreeSet<ClientRef>,
    connection: u64,
    again: Instant,
}

impl Queue {
    /// A queue of these entries, oldest first.
    #[must_use]
    pub fn new(entries: Vec<Stored>) -> Self {
        let mut queue = Self::default();
        entries.into_iter().for_each(|entry| queue.add(entry));
        queue
    }

    /// Put an entry at the end.
    pub fn add(&mut self, entry: Stored) {
        self.lines.entry(entry.conversation).or_default().entries.push(entry);
    }

    /// A conversation's entries, oldest first.
    #[must_use]
    pub fn entries(&self, of: ConversationId) -> &[Stored] {
        self.lines.get(&of).map_or(&[], |line| &line.entries)
    }

    /// All entries.
    pub fn all(&self) -> impl Iterator<Item = &Stored> {
        self.lines.values().flat_map(|line| &line.entries)
    }

    /// Whether nothing waits to be sent. What failed does not wait.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.all().all(|entry| entry.failed.is_some())
    }

    /// One entry.
    #[must_use]
    pub fn get(&self, of: ConversationId, client_ref: ClientRef) -> Option<&Stored> {
        self.entries(of).iter().find(|entry| entry.client_ref == client_ref)
    }

    /// Change one entry.
    pub fn update(
        &mut self,
        of: ConversationId,
        client_ref: ClientRef,
        change: impl FnOnce(&mut Stored),
    ) {
        let Some(line) = self.lines.get_mut(&of) else { return };
        if let Some(entry) = line.entries.iter_mut().find(|e| e.client_ref == client_ref) {
            change(entry);
        }
    }

    /// An entry is not to be sent (any more); the batch it was in goes on without it.
    pub fn fail(&mut self, of: ConversationId, client_ref: ClientRef, why: Failure) {
        self.update(of, client_ref, |entry| entry.failed = Some(why));
        self.land(of, client_ref);
    }

    /// Take an entry out.
    pub fn remove(&mut self, of: ConversationId, client_ref: ClientRef) -> Option<Stored> {
        self.land(of, client_ref);
        let line = self.lines.get_mut(&of)?;
        let at = line.entries.iter().position(|entry| entry.client_ref == client_ref)?;
        let entry = line.entries.remove(at);
        if line.entries.is_empty() {
            self.lines.remove(&of);
        }
        Some(entry)
    }

    fn land(&mut self, of: ConversationId, client_ref: ClientRef) {
        let Some(line) = self.lines.get_mut(&of) else { return };
        if let Some(flight) = &mut line.flight {
            flight.refs.remove(&client_ref);
            if flight.refs.is_empty() {
                line.flight = None;
            }
        }
    }

    /// The server did not take the batch: send it again after `pause`.
    pub fn slow_down(&mut self, of: ConversationId, now: Instant, pause: Duration) {
        if let Some(flight) = self.lines.get_mut(&of).and_then(|line| line.flight.as_mut()) {
            flight.again = now + pause.clamp(Duration::from_millis(50), Duration::from_secs(600));
        }
    }

    /// The refs of the batch that is on its way.
    #[must_use]
    pub fn in_flight(&self, of: ConversationId) -> Vec<ClientRef> {
        let flight = self.lines.get(&of).and_then(|line| line.flight.as_ref());
        flight.map(|flight| flight.refs.iter().copied().collect()).unwrap_or_default()
    }

    /// The batches to hand to a connection now. Their entries count as on their way; the caller has
    /// to commit `handed` for each before the first byte goes.
    pub fn due(&mut self, connection: u64, now: Instant) -> Vec<Submit> {
        let mut batches = Vec::new();
        for (&conversation, line) in &mut self.lines {
            let waits =
                line.flight.as_ref().is_some_and(|f| f.connection == connection && now < f.again);
            if waits {
                continue;
            }
            let batch = line.batch();
            let Some(peer) = batch.first().map(|entry| entry.peer) else { continue };
            let refs = batch.iter().map(|entry| entry.client_ref).collect();
            let commands = batch
                .iter()
                .map(|e| Entry { client_ref: e.client_ref, command: e.command.clone() })
                .collect();
            line.flight = Some(Flight { refs, connection, again: now + RESEND_AFTER });
            batches.push(Submit { conversation, peer, commands });
        }
        batches
    }

    /// Forget that these batches were handed over, since the hand-over could not be committed.
    pub fn not_handed(&mut self, batches: &[Submit]) {
        for batch in batches {
            if let Some(line) = self.lines.get_mut(&batch.conversation) {
                line.flight = None;
            }
        }
    }

    /// When [`Queue::due`] will next have something.
    #[must_use]
    pub fn next_due(&self, connection: u64, now: Instant) -> Option<Instant> {
        let sendable = self.lines.values().filter(|l| l.entries.iter().any(|e| e.failed.is_none()));
        sendable
            .map(|line| match &line.flight {
                Some(flight) if flight.connection == connection => flight.again,
                _ => now,
            })
            .min()
    }
}

impl Line {
    /// The oldest entries that fit one frame. Those handed before are always among the oldest, so a
    /// resend begins with the same entries in the same order.
    fn batch(&self) -> Vec<&Stored> {
        let mut room = limits::FRAME_BYTES - FRAME_OVERHEAD;
        let mut batch = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.failed.is_none()) {
            let size = entry_size(&entry.command);
            if batch.len() == limits::COMMANDS || size > room {
                break;
            }
            room -= size;
            batch.push(entry);
        }
        batch
    }
}

/// How much of a frame a command takes.
fn entry_size(command: &Command) -> usize {
    // Around the command: the ref, the field names, a comma.
    protocol::wire::encode(command).len() + 80
}

/// Whether a command fits a frame at all. Text of quotes and new lines grows when it is encoded.
#[must_use]
pub fn fits(command: &Command) -> bool {
    entry_size(command) <= limits::FRAME_BYTES - FRAME_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Code;

    const ROOM: ConversationId = ConversationId(uuid::Uuid::from_u128(1));

    fn entry(n: u128, text: &str) -> Stored {
        Stored {
            conversation: ROOM,
            peer: None,
            client_ref: ClientRef(uuid::Uuid::from_u128(n)),
            command: Command::Message { text: text.into(), reply_to: None },
            handed: false,
            failed: None,
            created: 0,
        }
    }

    fn refs(batches: &[Submit]) -> Vec<u128> {
        let commands = batches.iter().flat_map(|b| &b.commands);
        commands.map(|c| c.client_ref.0.as_u128()).collect()
    }

    fn reference(n: u128) -> ClientRef {
        ClientRef(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn one_batch_is_on_its_way_and_a_resend_begins_with_the_same_entries() {
        let now = Instant::now();
        let mut queue = Queue::new(vec![entry(1, "a"), entry(2, "b")]);
        assert_eq!(refs(&queue.due(1, now)), [1, 2]);
        queue.add(entry(3, "c"));
        assert!(queue.due(1, now).is_empty(), "one batch is in flight");
        assert_eq!(queue.next_due(1, now), Some(now + RESEND_AFTER));
        assert_eq!(refs(&queue.due(1, now + RESEND_AFTER)), [1, 2, 3]);
        assert_eq!(refs(&queue.due(2, now)), [1, 2, 3], "another connection");
        queue.remove(ROOM, reference(1));
        assert!(queue.due(2, now).is_empty(), "the rest of the batch is still out");
        queue.remove(ROOM, reference(2));
        queue.remove(ROOM, reference(3));
        assert!(queue.is_done());
        assert_eq!(queue.next_due(2, now), None);
    }

    #[test]
    fn a_rejected_entry_stays_and_those_behind_it_go_on() {
        let now = Instant::now();
        let mut queue = Queue::new(vec![entry(1, "a"), entry(2, "b")]);
        queue.due(1, now);
        queue.fail(ROOM, reference(1), Failure::Rejected(Code::NotAMember));
        assert_eq!(refs(&queue.due(1, now + RESEND_AFTER)), [2]);
        queue.remove(ROOM, reference(2));
        assert!(queue.is_done());
        assert_eq!(queue.entries(ROOM).len(), 1);
    }

    #[test]
    fn slow_down_delays_the_same_batch() {
        let now = Instant::now();
        let mut queue = Queue::new(vec![entry(1, "a")]);
        queue.due(1, now);
        queue.slow_down(ROOM, now, Duration::from_secs(2));
        assert!(queue.due(1, now + Duration::from_secs(1)).is_empty());
        assert_eq!(refs(&queue.due(1, now + Duration::from_secs(2))), [1]);
        queue.slow_down(ROOM, now, Duration::MAX);
        assert!(queue.next_due(1, now).is_some_and(|at| at <= now + Duration::from_secs(600)));
    }

    #[test]
    fn a_batch_holds_fifty_commands_and_fits_a_frame() {
        let now = Instant::now();
        let mut queue = Queue::new((1..=60).map(|n| entry(n, "x")).collect());
        assert_eq!(queue.due(1, now)[0].commands.len(), limits::COMMANDS);
        let long = "\n".repeat(40 * 1024);
        let mut queue = Queue::new((1..=3).map(|n| entry(n, &long)).collect());
        let batch = queue.due(1, now);
        assert_eq!(batch[0].commands.len(), 1);
        let frame = protocol::wire::encode(&protocol::ClientFrame::Submit(batch[0].clone()));
        assert!(frame.len() <= limits::FRAME_BYTES);
        let text = "\"".repeat(limits::BODY_BYTES);
        assert!(!fits(&Command::Message { text, reply_to: None }));
    }
}
