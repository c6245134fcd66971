//! What somebody has said and no answer came to: one batch of a room in flight at most, sent again
//! unchanged after a time and at each new connection.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use protocol::{ClientFrame, ClientRef, Command, ConversationId, Entry, Submit, UserId};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use tokio::time::Instant;

use crate::history::{self, What};
use crate::town::Town;

/// Sent again after this time without an answer.
const AGAIN: Duration = Duration::from_secs(6);

/// All of it.
pub(super) struct Outbox {
    rooms: BTreeMap<ConversationId, Queue>,
}

#[derive(Default)]
struct Queue {
    peer: Option<UserId>,
    entries: VecDeque<(Entry, Instant)>,
    /// So many of the first ones are in flight.
    in_flight: usize,
    /// When they are to be sent, or sent again.
    due: Option<Instant>,
    /// Since when they are in flight on this connection.
    since: Option<Instant>,
    /// Something that was answered, to be sent once more.
    again: Option<Entry>,
}

impl Outbox {
    pub(super) fn new(town: &Town, number: usize) -> Self {
        let rooms = town.rooms.iter().filter(|room| room.people.contains(&number));
        let queue = |room: &crate::town::Room| {
            let other = room.people.iter().find(|other| **other != number);
            let peer = other.filter(|_| room.id.is_direct()).map(|n| town.people[*n].user);
            (room.id, Queue { peer, ..Queue::default() })
        };
        Self { rooms: rooms.map(queue).collect() }
    }

    pub(super) fn len(&self) -> usize {
        self.rooms.values().map(|queue| queue.entries.len()).sum()
    }

    pub(super) fn len_of(&self, room: ConversationId) -> usize {
        self.rooms.get(&room).map_or(0, |queue| queue.entries.len())
    }

    /// Since when the oldest batch is in flight on this connection.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.rooms.values().filter_map(|queue| queue.since).min()
    }

    /// Say something, and write down that it goes out.
    pub(super) fn push(
        &mut self,
        town: &Town,
        number: usize,
        room: ConversationId,
        command: Command,
        random: &mut StdRng,
    ) {
        let mut tail = [0; 10];
        random.fill_bytes(&mut tail);
        let id = uuid::Builder::from_unix_timestamp_millis(1_700_000_000_000, &tail);
        let client_ref = ClientRef(id.into_uuid());
        let (sender, text) = (town.people[number].user, history::text(&command));
        town.recorder.note(What::Sent { room, sender, client_ref, text });
        let queue = self.rooms.entry(room).or_default();
        queue.entries.push_back((Entry { client_ref, command }, Instant::now()));
    }

    /// The connection is another one: what is in flight is sent again.
    pub(super) fn forget_connection(&mut self) {
        for queue in self.rooms.values_mut().filter(|queue| queue.in_flight > 0) {
            (queue.due, queue.since) = (None, None);
        }
    }

    /// What has to go out now.
    pub(super) fn due(&mut self, random: &mut StdRng) -> Vec<ClientFrame> {
        let (mut frames, now) = (Vec::new(), Instant::now());
        for (room, queue) in &mut self.rooms {
            if queue.entries.is_empty() || queue.due.is_some_and(|due| due > now) {
                continue;
            }
            if queue.in_flight == 0 {
                queue.in_flight = queue.entries.len().min(random.random_range(1..=8));
            }
            (queue.due, queue.since) = (Some(now + AGAIN), queue.since.or(Some(now)));
            let first = queue.entries.iter().take(queue.in_flight);
            let mut commands: Vec<Entry> = first.map(|(entry, _)| entry.clone()).collect();
            // An app whose disk forgot sends something that it had an answer to.
            commands.extend(queue.again.take());
            let submit = Submit { conversation: *room, peer: queue.peer, commands };
            frames.push(ClientFrame::Submit(submit));
        }
        frames
    }

    /// An answer has come. How long it took, if it was waited for.
    pub(super) fn answered(&mut self, room: ConversationId, of: ClientRef) -> Option<Duration> {
        let queue = self.rooms.get_mut(&room)?;
        let at = queue.entries.iter().position(|(entry, _)| entry.client_ref == of)?;
        let (entry, since) = queue.entries.remove(at)?;
        queue.in_flight = queue.in_flight.saturating_sub(1);
        queue.since = Some(Instant::now());
        if queue.in_flight == 0 {
            (queue.due, queue.since) = (None, None);
            queue.again = of.0.as_u128().is_multiple_of(8).then_some(entry);
        }
        Some(since.elapsed())
    }

    /// Send the batch of a room again after that time.
    pub(super) fn wait(&mut self, room: ConversationId, time: Duration) {
        if let Some(queue) = self.rooms.get_mut(&room) {
            queue.due = Some(Instant::now() + time);
        }
    }
}
