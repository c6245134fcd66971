//! Who talks where, and what is known of how far everybody is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail};
use parking_lot::Mutex;
use protocol::model::Range;
use protocol::{ConversationId, UserId, direct_conversation};
use tokio::sync::watch;

use crate::api::{Account, Api, is_refusal};
use crate::checker::Periods;
use crate::history::{Fact, Recorder, What};

/// How many people there are.
pub const PEOPLE: usize = 8;

/// A conversation.
#[derive(Clone, Debug)]
pub struct Room {
    /// Its id.
    pub id: ConversationId,
    /// Numbers of its people; the first of a group begins it.
    pub people: Vec<usize>,
    /// The last of the people is removed and added again, over and over.
    pub revolves: bool,
}

/// What everybody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Talk.
    Talk,
    /// Say nothing new, and finish what was begun.
    Finish,
    /// Go.
    Go,
}

/// How far somebody is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// What is not answered yet.
    pub queued: usize,
    /// Everything up to here is held, or closed.
    pub upto: BTreeMap<ConversationId, u64>,
    /// What was told of markers, `(delivered, read)`.
    pub marks: BTreeMap<(ConversationId, UserId), (u64, u64)>,
    /// How often there was a new connection.
    pub connections: usize,
    /// The longest that an answer took, in milliseconds.
    pub slowest: u64,
}

/// What all people share.
pub struct Town {
    /// Asks the nodes.
    pub api: Api,
    /// Where nodes are reached.
    pub nodes: Vec<String>,
    /// Everybody.
    pub people: Vec<Account>,
    /// All conversations.
    pub rooms: Vec<Room>,
    /// Where it is written down.
    pub recorder: Recorder,
    /// What everybody does.
    pub phase: watch::Sender<Phase>,
    /// How far everybody is, by their number.
    pub progress: Mutex<Vec<Progress>>,
    /// How many messages were taken by the server.
    pub answered: AtomicU64,
}

/// What is stored of a room.
#[derive(Default)]
pub struct Stored {
    /// The events, each with its message's text.
    pub events: Vec<(Fact, Option<String>)>,
    /// Who is a member when.
    pub periods: Periods,
    /// Markers, `(delivered, read)`.
    pub marks: BTreeMap<UserId, (u64, u64)>,
}

impl Town {
    /// People with accounts, and rooms in which nothing was said yet.
    ///
    /// # Errors
    /// When there are no accounts.
    pub async fn build(nodes: Vec<String>, recorder: Recorder, seed: u64) -> Result<Arc<Self>> {
        let api = Api::new()?;
        let people = api.accounts(&nodes[0], PEOPLE).await?;
        let mut rooms = Vec::new();
        // The two of each come in at different nodes: what they say crosses in both directions.
        for (a, b) in [(0, 1), (2, 3), (4, 5), (6, 7)] {
            let both = [people[a].user, people[b].user];
            let id = direct_conversation(both[0], both[1]);
            recorder.note(What::Direct { room: id, people: both });
            rooms.push(Room { id, people: vec![a, b], revolves: false });
        }
        for (n, (people, revolves)) in
            [((0..PEOPLE).collect(), false), (vec![3, 4, 5], false), (vec![1, 2, 6, 7], true)]
                .into_iter()
                .enumerate()
        {
            let mut tail = [0; 10];
            tail[..8].copy_from_slice(&seed.to_be_bytes());
            tail[8] = u8::try_from(n)?;
            tail[9] = people.len() as u8;
            let id = uuid::Builder::from_unix_timestamp_millis(1_700_000_000_000, &tail);
            let id = ConversationId(id.into_uuid());
            rooms.push(Room { id, people, revolves });
        }
        let (phase, _) = watch::channel(Phase::Talk);
        let progress = Mutex::new(vec![Progress::default(); PEOPLE]);
        let answered = AtomicU64::new(0);
        Ok(Arc::new(Self { api, nodes, people, rooms, recorder, phase, progress, answered }))
    }

    /// How many messages were taken.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Whether everybody has everything that is stored, and everybody knows so. What is missing, if not.
    ///
    /// # Errors
    /// What is missing.
    pub async fn settled(&self) -> Result<BTreeMap<ConversationId, Stored>> {
        let waiting: usize = self.progress.lock().iter().map(|one| one.queued).sum();
        if waiting > 0 {
            bail!("{waiting} commands are not answered");
        }
        let mut all = BTreeMap::new();
        for (n, room) in self.rooms.iter().enumerate() {
            let node = &self.nodes[n % self.nodes.len()];
            let stored = self.stored(node, room).await?;
            self.compare(room, &stored)?;
            all.insert(room.id, stored);
        }
        Ok(all)
    }

    fn compare(&self, room: &Room, stored: &Stored) -> Result<()> {
        let progress = self.progress.lock();
        let head = stored.events.len() as u64;
        let members: BTreeMap<UserId, u64> = stored.periods.current().collect();
        for &person in &room.people {
            let (user, own) = (self.people[person].user, &progress[person]);
            let last = (1..=head).rev().find(|seq| stored.periods.cover(user, *seq));
            let (upto, last) = (own.upto.get(&room.id).copied(), last.unwrap_or_default());
            if upto.unwrap_or_default() < last {
                bail!("person {person} has {upto:?} of {last} in {}", room.id);
            }
            if !members.contains_key(&user) {
                continue;
            }
            for (&of, &joined) in &members {
                let marks = stored.marks.get(&of).copied().unwrap_or_default();
                let told = own.marks.get(&(room.id, of)).copied().unwrap_or_default();
                let seen = told.0.max(told.1).max(joined);
                if seen != head || marks.0.max(marks.1).max(joined) != head {
                    bail!(
                        "person {person} has {told:?} for {of} in {}, stored is {marks:?}, the head \
                         {head}",
                        room.id
                    );
                }
            }
        }
        Ok(())
    }

    /// Everything of a room, read by who was in it from the beginning.
    ///
    /// # Errors
    /// When a node does not answer.
    pub async fn stored(&self, node: &str, room: &Room) -> Result<Stored> {
        let who = &self.people[room.people[0]];
        let mut ranges: Vec<Range> = Vec::new();
        let mut to = None;
        loop {
            let range = match self.api.range(node, who, room.id, 1, to).await {
                Err(error) if is_refusal(&error, "no_conversation") => break,
                range => range?,
            };
            let from = range.from;
            ranges.push(range);
            if from <= 1 {
                break;
            }
            to = Some(from - 1);
        }
        let mut stored = Stored::default();
        if !room.id.is_group() {
            let both = [self.people[room.people[0]].user, self.people[room.people[1]].user];
            stored.periods = Periods::direct(both);
        }
        for range in ranges.iter().rev() {
            let texts: BTreeMap<u64, Option<&str>> =
                range.states.iter().map(|state| (state.seq, state.text())).collect();
            for event in &range.events {
                let fact = Fact::from(event);
                stored.periods.follow(&fact);
                let text = texts.get(&event.seq).copied().flatten().filter(|_| event.kind.counts());
                stored.events.push((fact, text.map(str::to_owned)));
            }
        }
        if !stored.events.is_empty() {
            let markers = self.api.markers(node, who, room.id).await.context("markers")?;
            let of =
                |marker: protocol::model::Marker| (marker.user, (marker.delivered, marker.read));
            stored.marks = markers.into_iter().map(of).collect();
        }
        Ok(stored)
    }

    /// Write down what is stored.
    pub fn record(&self, stored: BTreeMap<ConversationId, Stored>) {
        for (room, Stored { events, marks, .. }) in stored {
            for (fact, text) in events {
                self.recorder.note(What::Stored { room, fact, text });
            }
            for (user, (delivered, read)) in marks {
                self.recorder.note(What::StoredMarks { room, user, delivered, read });
            }
        }
    }
}

/// Which seqs of a room somebody has.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// All up to here.
    pub upto: u64,
    /// And these.
    beyond: BTreeSet<u64>,
    /// There is something up to here.
    head: u64,
}

impl Held {
    /// These too.
    pub fn add(&mut self, from: u64, to: u64) {
        self.head = self.head.max(to);
        if from > self.upto + 1 {
            self.beyond.extend(from..=to);
            return;
        }
        self.upto = self.upto.max(to);
        self.beyond.retain(|seq| *seq > self.upto);
        while self.beyond.remove(&(self.upto + 1)) {
            self.upto += 1;
        }
    }

    /// There is something up to there.
    pub fn reaches(&mut self, head: u64) {
        self.head = self.head.max(head);
    }

    /// The first stretch that is missing.
    #[must_use]
    pub fn hole(&self) -> Option<(u64, u64)> {
        let end = self.beyond.first().map_or(self.head, |first| first - 1);
        (self.upto < end).then_some((self.upto + 1, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_found_and_filled() {
        let mut held = Held::default();
        assert_eq!(held.hole(), None);
        held.add(1, 2);
        held.add(5, 6);
        assert_eq!((held.upto, held.hole()), (2, Some((3, 4))));
        held.add(3, 3);
        held.reaches(9);
        assert_eq!((held.upto, held.hole()), (3, Some((4, 4))));
        held.add(2, 4);
        assert_eq!((held.upto, held.hole()), (6, Some((7, 9))));
    }
}
