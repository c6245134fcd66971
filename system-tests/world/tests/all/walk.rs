//! A random walk: three people and a second device do what people do, while lines are cut, answers
//! get lost, apps are started anew, partitions move, and the server is killed, or nodes of a cluster
//! crash between two effects, freeze and go on, and share a partition. In the end everything
//! heals, and then nothing that was shown as sent is missing, nothing is there twice, and everybody
//! has one order without gaps. A seed that fails is printed, and `KITH_WALK_SEED=n` plays it again;
//! `KITH_WALK_SEEDS=n` walks so many.

use std::sync::Arc;
use std::time::Duration;

use client::api::{Answers, EditMessage, InConversation, MarkRead, OneMessage, React, SendMessage};
use client::view::{MessageView, Progress, Row};
use parking_lot::Mutex;
use protocol::ConversationId;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::cluster::Cluster;
use crate::device::Device;
use crate::history::Auditor;
use crate::model::{Said, Witness, complaints, difference};
use crate::place::{another_device, joins, joins_behind_a_proxy};
use crate::simulated::Simulated;
use crate::world::World;

/// What devices tell, with the moments.
pub struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    /// Write down from now on what these devices tell.
    pub fn of(world: &impl Simulated, devices: &[&Device]) -> Self {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        for device in devices {
            let (mut told, lines) = (device.client.subscribe(), lines.clone());
            let (name, clock) = (device.name.clone(), world.clock().clone());
            tokio::spawn(async move {
                while let Some(notification) = told.recv().await {
                    lines.lock().push(format!("{} {name} {notification:?}", clock.now()));
                }
            });
        }
        Self(lines)
    }

    /// What was written down.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().clone()
    }
}

/// Longer than the longest pause before a client tries again, and than a resend.
const HEALING: Duration = Duration::from_secs(120);

struct Walk<'w, W> {
    world: &'w W,
    random: StdRng,
    devices: Vec<Device>,
    rooms: Vec<ConversationId>,
    said: Vec<Said>,
    witness: Witness,
}

impl<'w, W: Simulated> Walk<'w, W> {
    async fn begin(world: &'w W, seed: u64) -> Self {
        let ada = joins(world, "ada").await;
        let grace = joins(world, "grace").await;
        let alan = joins_behind_a_proxy(world, "alan").await;
        let tablet = another_device(world, &ada).await;
        let direct = ada.direct(grace.user).await;
        let group = ada.creates("Engine room", &[grace.user, alan.user]).await;
        ada.sends(direct, "the first").await;
        for (device, room) in [(&grace, direct), (&grace, group), (&alan, group), (&tablet, group)]
        {
            device.waits_for("the room", async || device.head(room).await > 0).await;
        }
        tablet.sees(direct, &["the first"]).await;
        // A message may come before the page that says who is in the conversation.
        tablet
            .waits_for("the members", async || {
                let here = InConversation { conversation: direct };
                tablet.client.conversation_details(here).await.is_ok_and(|details| details.member)
            })
            .await;
        let mut witness = Witness::default();
        let devices = vec![ada, grace, alan, tablet];
        devices.iter().for_each(|device| witness.watch(device, world.storage()));
        let random = StdRng::seed_from_u64(seed);
        Self { world, random, devices, rooms: vec![direct, group], said: Vec::new(), witness }
    }

    /// A device, and a room that it is in.
    fn anybody(&mut self) -> (usize, ConversationId) {
        let device = self.random.random_range(0..self.devices.len());
        // Alan is in the group alone.
        let room = if device == 2 { 1 } else { self.random.random_range(0..2) };
        (device, self.rooms[room])
    }

    async fn step(&mut self, number: usize) {
        let (at, room) = self.anybody();
        match self.random.random_range(0..100) {
            0..35 => self.says(at, room, number).await,
            35..40 => self.changes_a_queued_message(at, room, number).await,
            40..50 => self.changes_a_sent_message(at, room, number).await,
            50..58 => {
                let seq = self.devices[at].head(room).await;
                let mark = MarkRead { conversation: room, seq };
                let _ = self.devices[at].client.mark_read(mark).await;
            }
            58..63 => self.devices[at].line.cut(),
            63..67 => self.devices[at].line.down(true),
            67..74 => self.devices[at].line.heal(),
            74..78 => self.devices[at].line.mute(),
            78..81 => self.devices[at].line.freeze(true),
            81..85 => {
                let (requests, answers) =
                    (self.random.random_range(0..3), self.random.random_range(0..3));
                self.devices[at].line.lose(requests, answers);
            }
            85..89 => {
                let environment = self.world.environment();
                self.devices[at].restarts(environment).await;
                self.witness.watch(&self.devices[at], self.world.storage());
            }
            89..92 => self.world.moves(&mut self.random),
            92..95 => self.kills_when_something_is_shown().await,
            95..98 => {
                self.world.crashes(&mut self.random).await;
                self.sleeps(3_000).await;
                self.world.start().await;
            }
            98 => self.world.restarts(&mut self.random).await,
            _ => self.world.clock().leaps(self.random.random_range(-3_600_000..3_600_000)),
        }
        self.world.suffers(&mut self.random).await;
        self.sleeps(400).await;
    }

    async fn sleeps(&mut self, most: u64) {
        let millis = self.random.random_range(0..most);
        self.world.passes(Duration::from_millis(millis)).await;
    }

    /// The moment when a server must not have promised too much.
    async fn kills_when_something_is_shown(&mut self) {
        let mut news = self.witness.news();
        let _ = tokio::time::timeout(Duration::from_secs(3), news.changed()).await;
        self.world.crashes(&mut self.random).await;
        self.sleeps(1_000).await;
        self.world.start().await;
    }

    async fn says(&mut self, at: usize, room: ConversationId, number: usize) {
        let device = &self.devices[at];
        let text = format!("{number} of {}", device.name);
        let last = device.messages(room).await.iter().rev().find_map(|(row, _)| row.seq);
        let reply_to = last.filter(|_| self.random.random_bool(0.2));
        let message = SendMessage { conversation: room, text: text.clone(), reply_to };
        let client_ref = device.client.send_message(message).await.expect("queued").client_ref;
        self.said.push(Said { room, device: at, client_ref, text, gone: false });
    }

    async fn changes_a_queued_message(&mut self, at: usize, room: ConversationId, number: usize) {
        let mine = |said: &&mut Said| said.device == at && said.room == room && !said.gone;
        let Some(said) = self.said.iter_mut().rev().find(mine) else { return };
        if self.random.random_bool(0.5) {
            said.gone = self.devices[at].cancels(room, said.client_ref).await;
            return;
        }
        let text = format!("{number} instead of {}", said.text);
        let edit = EditMessage {
            conversation: room,
            seq: None,
            client_ref: Some(said.client_ref),
            text: text.clone(),
        };
        if self.devices[at].client.edit_message(edit).await.is_ok() {
            said.text = text;
        }
    }

    async fn changes_a_sent_message(&mut self, at: usize, room: ConversationId, number: usize) {
        let device = &self.devices[at];
        let messages = device.messages(room).await;
        let sent: Vec<_> = messages.iter().filter_map(|(row, m)| Some((row.seq?, m))).collect();
        if sent.is_empty() {
            return;
        }
        let (seq, message) = sent[self.random.random_range(0..sent.len())];
        let client = &device.client;
        // What is refused at once, such as an edit of a deleted message, is refused.
        let _ = match self.random.random_range(0..4) {
            0 if message.mine => {
                client.delete_message(OneMessage { conversation: room, seq }).await.map(drop)
            }
            1 | 2 if message.mine => {
                let text = format!("{number} now");
                let edit =
                    EditMessage { conversation: room, seq: Some(seq), client_ref: None, text };
                client.edit_message(edit).await.map(drop)
            }
            _ => {
                let on = self.random.random_bool(0.7);
                let react = React { conversation: room, seq, emoji: "👍".into(), on };
                client.react(react).await.map(drop)
            }
        };
    }

    /// Everything works again; what is wrong after everybody had time to come to agree.
    async fn heals(&mut self) -> Vec<String> {
        self.world.clock().leaps(0);
        self.world.heals().await;
        for device in &self.devices {
            device.line.heal();
            device.line.cut();
        }
        let mut wrong = Vec::new();
        let deadline = self.world.elapsed() + HEALING;
        for (at, device) in self.devices.iter().enumerate() {
            let rooms = if at == 2 { &self.rooms[1..] } else { &self.rooms[..] };
            let auditor = Auditor::of(self.world, device).await;
            for room in rooms {
                while let Some(difference) = difference(device, *room, &auditor).await {
                    if self.world.elapsed() > deadline {
                        wrong.push(difference);
                        break;
                    }
                    self.world.passes(Duration::from_secs(1)).await;
                }
            }
        }
        for said in &mut self.said {
            let messages = self.devices[said.device].messages(said.room).await;
            let failed = |row: &Row, m: &MessageView| {
                row.key == said.client_ref.to_string() && m.progress == Some(Progress::Failed)
            };
            said.gone |= messages.iter().any(|(row, message)| failed(row, message));
        }
        let auditor = Auditor::of(self.world, &self.devices[0]).await;
        for room in &self.rooms {
            let history = auditor.history(*room).await;
            wrong.extend(complaints(*room, &history, &self.said, &self.witness));
        }
        wrong.extend(self.world.complaints().await);
        wrong
    }
}

fn walks<W: Simulated>(seed: u64) {
    W::run(seed, async |world: &W| {
        let mut walk = Walk::begin(world, seed).await;
        for number in 0..120 {
            walk.step(number).await;
        }
        let wrong = walk.heals().await;
        assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
    });
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

fn all_walks<W: Simulated>(some: u64) {
    match number("KITH_WALK_SEED") {
        Some(seed) => walks::<W>(seed),
        None => (0..number("KITH_WALK_SEEDS").unwrap_or(some)).for_each(walks::<W>),
    }
}

#[test]
fn whatever_happens_nothing_is_lost_nothing_is_there_twice_and_all_see_one_order() {
    all_walks::<World>(16);
}

#[test]
fn whatever_happens_to_the_nodes_of_a_cluster_too() {
    all_walks::<Cluster>(8);
}
