//! Somebody with an app: talks, sends again what is not answered, fills holes, says how far they are,
//! and comes back at another node when a connection ends. All of it as an app does it on the wire, and
//! all of it written down.

mod outbox;
mod talk;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use client::connect::{Connector, Socket};
use futures_util::{SinkExt, StreamExt};
use protocol::frame::{Hello, Mark, Marked};
use protocol::model::Range;
use protocol::{ClientFrame, ConversationId, Event, ServerFrame, UserId, VERSION, wire};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, sleep, timeout};

use crate::history::{Fact, What};
use crate::town::{Held, Phase, Progress, Town};
use outbox::Outbox;
use talk::Talk;

/// How often somebody looks at what is to be done.
const TICK: Duration = Duration::from_millis(50);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(4);
/// How long something may be unanswered before the connection counts as dead: it was sent again once.
const DEAD: Duration = Duration::from_secs(15);
/// A marker is sent at most so often.
const MARK: Duration = Duration::from_millis(400);
/// And again after this time without an answer.
const AGAIN: Duration = Duration::from_secs(10);

/// Somebody.
pub struct Person {
    number: usize,
    town: Arc<Town>,
    random: StdRng,
    outbox: Outbox,
    talk: Talk,
    held: BTreeMap<ConversationId, Held>,
    marking: BTreeMap<ConversationId, Marking>,
    marks: BTreeMap<(ConversationId, UserId), (u64, u64)>,
    cursor: Option<String>,
    connections: usize,
    slowest: Duration,
    /// Stretches that were asked for, and have not come.
    asked: BTreeMap<ConversationId, Instant>,
    ranges: mpsc::UnboundedSender<(ConversationId, Option<Range>)>,
    came: mpsc::UnboundedReceiver<(ConversationId, Option<Range>)>,
}

/// How far one's own markers are.
#[derive(Default)]
struct Marking {
    stored: (u64, u64),
    /// What was sent and is not answered: when, and at which line first.
    sent: Option<(Instant, u64)>,
    last: Option<Instant>,
}

impl Person {
    /// The person with this number.
    #[must_use]
    pub fn new(town: Arc<Town>, number: usize, seed: u64) -> Self {
        let (ranges, came) = mpsc::unbounded_channel();
        let mut random =
            StdRng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(number as u64));
        Self {
            number,
            outbox: Outbox::new(&town, number),
            talk: Talk::new(&town, number, &mut random),
            town,
            random,
            held: BTreeMap::new(),
            marking: BTreeMap::new(),
            marks: BTreeMap::new(),
            cursor: None,
            connections: 0,
            slowest: Duration::ZERO,
            asked: BTreeMap::new(),
            ranges,
            came,
        }
    }

    /// Talk until it is time to go.
    pub async fn live(mut self) {
        let mut node = self.number;
        while !self.is_over() {
            let address = self.town.nodes[node % self.town.nodes.len()].clone();
            let token = &self.town.people[self.number].access_token;
            let socket = timeout(CONNECT, self.town.api.network.socket(&address, token)).await;
            if let Ok(Ok(socket)) = socket {
                self.connections += 1;
                self.stay(socket).await;
            }
            node += 1;
            sleep(Duration::from_millis(self.random.random_range(50..500))).await;
            self.publish();
        }
    }

    fn is_over(&self) -> bool {
        *self.town.phase.borrow() == Phase::Go
    }

    /// As long as the connection lives.
    async fn stay(&mut self, mut socket: Socket) {
        self.outbox.forget_connection();
        self.marking.values_mut().for_each(|marking| {
            // The answer will not come here; when it was asked first still counts.
            if let Some((at, _)) = &mut marking.sent {
                *at = Instant::now() - AGAIN;
            }
        });
        let mut frames = vec![self.hello()];
        let mut ticks = interval(TICK);
        loop {
            for frame in frames.drain(..) {
                let sent = timeout(CONNECT, socket.sink.send(wire::encode(&frame))).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
            tokio::select! {
                biased;
                frame = socket.stream.next() => {
                    let Some(Ok(text)) = frame else { return };
                    let Ok(Some(frame)) = wire::decode_server(&text) else { continue };
                    match frame {
                        ServerFrame::Goaway(_) | ServerFrame::SessionEnded {} => return,
                        ServerFrame::Resync {} => {
                            self.outbox.forget_connection();
                            frames.push(self.hello());
                        }
                        frame => self.heed(frame),
                    }
                }
                Some((room, range)) = self.came.recv() => self.fill(room, range),
                _ = ticks.tick() => {
                    if self.is_over() || self.outbox.oldest().is_some_and(|at| at.elapsed() > DEAD) {
                        return;
                    }
                    frames = self.act();
                }
            }
        }
    }

    fn hello(&self) -> ClientFrame {
        let cursor = self.cursor.clone();
        ClientFrame::Hello(Hello { version: VERSION, account_version: 0, cursor })
    }

    /// What is to be sent now.
    fn act(&mut self) -> Vec<ClientFrame> {
        let phase = *self.town.phase.borrow();
        if phase == Phase::Talk {
            let began = |room: &ConversationId| self.held.get(room).is_some_and(|h| h.upto > 0);
            let said = self.talk.next(&mut self.random, &self.outbox, began);
            for (room, command) in said {
                self.outbox.push(&self.town, self.number, room, command, &mut self.random);
            }
        }
        let mut frames = self.outbox.due(&mut self.random);
        frames.extend(self.mark(phase));
        self.ask_for_holes();
        self.publish();
        frames
    }

    fn heed(&mut self, frame: ServerFrame) {
        match frame {
            ServerFrame::Page(page) => {
                for page in page.conversations {
                    let room = page.conversation;
                    self.held.entry(room).or_default().reaches(page.head.seq);
                    page.events.iter().for_each(|event| self.see(room, event));
                    for marker in page.markers {
                        self.marked(room, marker.user, marker.delivered, marker.read);
                    }
                }
            }
            ServerFrame::Event(frame) => self.see(frame.conversation, &frame.event),
            ServerFrame::Rejected(rejected) => {
                let room = rejected.conversation;
                if self.outbox.answered(room, rejected.client_ref).is_some() {
                    let (client_ref, code) = (rejected.client_ref, rejected.code);
                    self.town.recorder.note(What::Rejected { room, client_ref, code });
                }
            }
            ServerFrame::SlowDown(slow) => {
                let wait = Duration::from_millis(slow.retry_after_ms);
                self.outbox.wait(slow.conversation, wait);
            }
            ServerFrame::Marked(Marked { conversation, marker, .. }) => {
                self.marked(conversation, marker.user, marker.delivered, marker.read);
            }
            ServerFrame::MarkStored(stored) => {
                let room = stored.conversation;
                let marking = self.marking.entry(room).or_default();
                let Some((_, since)) = marking.sent.take() else { return };
                let (delivered, read) = (stored.delivered, stored.read);
                marking.stored = (delivered, read);
                let by = self.town.people[self.number].user;
                let what = What::MarkStored { by, room, since, delivered, read };
                self.town.recorder.note(what);
                let known = self.marks.entry((room, by)).or_default();
                *known = (known.0.max(delivered), known.1.max(read));
            }
            ServerFrame::Cursor(cursor) => self.cursor = Some(cursor.cursor),
            _ => {}
        }
    }

    fn see(&mut self, room: ConversationId, event: &Event) {
        let (by, fact) = (self.town.people[self.number].user, Fact::from(event));
        self.held.entry(room).or_default().add(fact.seq, fact.seq);
        let (own, client_ref, seq) = (fact.sender == by, fact.client_ref, fact.seq);
        self.town.recorder.note(What::Seen { by, room, fact });
        if own && let Some(took) = self.outbox.answered(room, client_ref) {
            self.slowest = self.slowest.max(took);
            self.town.answered.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if self.random.random_range(0..3) == 0 {
                // What is acknowledged is there for everybody who asks from now on.
                self.ask(room, seq.saturating_sub(10).max(1), seq);
            }
        }
    }

    fn marked(&mut self, room: ConversationId, user: UserId, delivered: u64, read: u64) {
        let by = self.town.people[self.number].user;
        self.town.recorder.note(What::Marked { by, room, user, delivered, read });
        let known = self.marks.entry((room, user)).or_default();
        *known = (known.0.max(delivered), known.1.max(read));
    }

    /// Say how far one is. While one talks, now and then far beyond what there is.
    fn mark(&mut self, phase: Phase) -> Vec<ClientFrame> {
        let (mut frames, now) = (Vec::new(), Instant::now());
        for (room, held) in &self.held {
            let marking = self.marking.entry(*room).or_default();
            let talks = phase == Phase::Talk;
            let far = if talks && self.random.random_range(0..50) == 0 { 1_000 } else { 0 };
            let delivered = held.upto + far;
            let read = if talks { held.upto.saturating_sub(held.upto % 4) } else { held.upto };
            let due = match marking.sent {
                Some((at, _)) => at.elapsed() >= AGAIN,
                None => marking.last.is_none_or(|at| at.elapsed() >= MARK),
            };
            if held.upto > 0 && due && (delivered, read) > marking.stored {
                let first = marking.sent.map(|(_, line)| line);
                marking.sent = Some((now, first.unwrap_or_else(|| self.town.recorder.now())));
                marking.last = Some(now);
                frames.push(ClientFrame::Mark(Mark { conversation: *room, delivered, read }));
            }
        }
        frames
    }

    fn ask_for_holes(&mut self) {
        let holes: Vec<_> =
            self.held.iter().filter_map(|(room, held)| Some((*room, held.hole()?))).collect();
        for (room, (from, to)) in holes {
            // What is on its way in this very moment is no hole.
            let at = *self.asked.entry(room).or_insert_with(Instant::now);
            if at.elapsed() > Duration::from_millis(500) {
                self.asked.insert(room, Instant::now() + CONNECT);
                self.ask(room, from, to);
            }
        }
    }

    /// Read a stretch, at any node.
    fn ask(&mut self, room: ConversationId, from: u64, to: u64) {
        let (town, number, ranges) = (self.town.clone(), self.number, self.ranges.clone());
        let node = self.random.random_range(0..town.nodes.len());
        tokio::spawn(async move {
            let since = town.recorder.now();
            let (who, node) = (&town.people[number], &town.nodes[node]);
            let range = town.api.range(node, who, room, from, Some(to)).await.ok();
            if let Some(range) = &range {
                town.recorder.note_read(who.user, since, to, range);
            }
            let _ = ranges.send((room, range));
        });
    }

    fn fill(&mut self, room: ConversationId, range: Option<Range>) {
        self.asked.remove(&room);
        let Some(range) = range else { return };
        let held = self.held.entry(room).or_default();
        range.events.iter().for_each(|event| held.add(event.seq, event.seq));
        range.closed.iter().for_each(|(from, to)| held.add(*from, *to));
    }

    fn publish(&self) {
        self.town.progress.lock()[self.number] = Progress {
            queued: self.outbox.len(),
            upto: self.held.iter().map(|(room, held)| (*room, held.upto)).collect(),
            marks: self.marks.clone(),
            connections: self.connections,
            slowest: u64::try_from(self.slowest.as_millis()).unwrap_or(u64::MAX),
        };
    }
}
