//! A world with several servers over the same services: a log and an inbox that keep their records, and
//! a store that writes row by row. Servers crash between any two of their effects, freeze and go on as
//! zombies, and lose partitions with and without a word.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use client::connect::{Connector, Lost, Socket, SocketError, socket_over};
use parking_lot::Mutex;
use protocol::model::is_current;
use rand::RngExt;
use rand::rngs::StdRng;
use server::app::App;
use server::parts::simulated::{Effects, Services, Topic};
use storage::Activity;

use crate::node::Node;
use crate::place::{Place, Start};
use crate::simulated::{Setting, Simulated, Stored, folder, in_virtual_time};

/// How many nodes there are.
pub const NODES: usize = 3;
/// The longest time that an effect takes, in milliseconds: a good network in one world, a bad one in the
/// next.
const EFFECTS: [u64; 2] = [2, 20];
/// How long records may wait for somebody once all is well.
const REST: Duration = Duration::from_secs(60);
/// After so long without a sign of life others get a node's partitions.
const SILENCE: Duration = Duration::from_secs(6);

/// A world with several nodes.
pub struct Cluster {
    setting: Setting,
    latency: u64,
    pub services: Services,
    nodes: Arc<Nodes>,
    /// Each device comes to another node first.
    next: AtomicUsize,
    data: tempfile::TempDir,
}

/// The nodes that run.
#[derive(Default)]
struct Nodes {
    slots: [Mutex<Option<Running>>; NODES],
}

/// A node that runs.
#[derive(Clone)]
struct Running {
    member: String,
    effects: Arc<Effects>,
    node: Arc<Node>,
}

impl Cluster {
    /// What a node does to the services, if it runs.
    pub fn effects(&self, node: usize) -> Option<Arc<Effects>> {
        self.nodes.slots[node].lock().as_ref().map(|running| running.effects.clone())
    }

    /// The node that owns a partition of a topic.
    pub fn owner(&self, topic: Topic, partition: u32) -> usize {
        let owner = self.services.owner(topic, partition).expect("an owner");
        let is = |slot: &Mutex<Option<Running>>| {
            slot.lock().as_ref().is_some_and(|running| running.member == owner)
        };
        self.nodes.slots.iter().position(is).expect("the owner runs")
    }

    /// Start a node that does not run.
    pub async fn starts(&self, node: usize) {
        if self.nodes.slots[node].lock().is_some() {
            return;
        }
        let (mut config, environment) = self.setting.server(self.data.path());
        config.server.node = format!("node-{node}");
        let parts = self.services.node(Effects::new(self.setting.number(), self.latency));
        let effects = parts.effects.clone();
        let app = App::start_as(&parts, config, environment).expect("the node starts");
        let running = Running {
            member: parts.member().to_owned(),
            effects: effects.clone(),
            node: Node::new(app, Some(effects.clone())),
        };
        *self.nodes.slots[node].lock() = Some(running.clone());
        let nodes = self.nodes.clone();
        // Whoever ends between two effects is dead as a whole.
        tokio::spawn(async move {
            effects.ended().cancelled().await;
            nodes.slots[node].lock().take_if(|there| there.member == running.member);
            running.node.kill().await;
        });
    }

    /// Kill a node where it stands.
    pub async fn dies(&self, node: usize) {
        let running = self.nodes.slots[node].lock().take();
        if let Some(running) = running {
            running.node.kill().await;
        }
    }

    /// A node does nothing more until it is thawed. When it has been silent for long, others get its
    /// partitions.
    pub fn freezes(&self, node: usize) {
        let Some(running) = self.nodes.slots[node].lock().clone() else { return };
        running.effects.freeze();
        let services = self.services.clone();
        tokio::spawn(async move {
            tokio::time::sleep(SILENCE).await;
            if running.effects.is_frozen() {
                services.evict(&running.member);
            }
        });
    }

    /// Others get a node's partitions now.
    pub fn is_given_up(&self, node: usize) {
        if let Some(running) = &*self.nodes.slots[node].lock() {
            self.services.evict(&running.member);
        }
    }

    /// A node goes on as if nothing had been.
    pub fn thaws(&self, node: usize) {
        if let Some(effects) = self.effects(node) {
            effects.thaw();
        }
    }

    /// Let time pass until every record was dealt with.
    pub async fn comes_to_rest(&self) {
        let deadline = self.elapsed() + REST;
        while !self.services.are_quiet() {
            assert!(self.elapsed() < deadline, "records stay that nobody deals with");
            self.passes(Duration::from_millis(100)).await;
        }
    }
}

impl Simulated for Cluster {
    fn run<T>(seed: u64, scene: impl AsyncFnOnce(&Self) -> T) -> T {
        in_virtual_time(seed, async {
            let (setting, data) = (Setting::new(seed), folder());
            let (_, environment) = setting.server(data.path());
            let services = Services::begin(data.path(), &environment).expect("services");
            let latency = EFFECTS[usize::from(seed / 2 % 2 == 1)];
            let (nodes, next) = (Arc::default(), AtomicUsize::new(0));
            let world = Self { setting, latency, services, nodes, next, data };
            world.start().await;
            let result = scene(&world).await;
            world.kill().await;
            result
        })
    }

    fn setting(&self) -> &Setting {
        &self.setting
    }

    async fn start(&self) {
        for node in 0..NODES {
            self.starts(node).await;
        }
    }

    async fn kill(&self) {
        for node in 0..NODES {
            self.dies(node).await;
        }
    }

    async fn stop(&self) {
        for slot in &self.nodes.slots {
            let running = slot.lock().take();
            if let Some(running) = running {
                running.node.stop().await;
            }
        }
    }

    fn moves_everything(&self) {
        for topic in [Topic::Log, Topic::Inbox] {
            for partition in 0..self.services.partitions() {
                self.services.revoke(topic, partition);
            }
        }
    }

    async fn crashes(&self, random: &mut StdRng) {
        let node = random.random_range(0..NODES);
        match (random.random_range(0..10), self.effects(node)) {
            (0, _) => self.kill().await,
            (1..6, Some(effects)) => effects.end_before(random.random_range(1..40)),
            _ => self.dies(node).await,
        }
    }

    async fn restarts(&self, random: &mut StdRng) {
        let node = random.random_range(0..NODES);
        let running = self.nodes.slots[node].lock().take();
        if let Some(running) = running {
            running.effects.thaw();
            running.node.stop().await;
        }
        self.starts(node).await;
    }

    fn moves(&self, random: &mut StdRng) {
        let topic = if random.random_bool(0.7) { Topic::Log } else { Topic::Inbox };
        let partition = random.random_range(0..self.services.partitions());
        if random.random_bool(0.5) {
            self.services.revoke(topic, partition);
        } else {
            self.services.usurp(topic, partition);
        }
    }

    async fn suffers(&self, random: &mut StdRng) {
        let node = random.random_range(0..NODES);
        match random.random_range(0..100) {
            0..5 => self.freezes(node),
            5..8 => {
                self.freezes(node);
                self.is_given_up(node);
            }
            8..11 => {
                if let Some(effects) = self.effects(node) {
                    effects.freeze_before(random.random_range(1..40));
                }
            }
            11..20 => self.thaws(node),
            20..24 => {
                if let Some(effects) = self.effects(node) {
                    effects.lose(random.random_range(0..3), random.random_range(0..3));
                }
            }
            24..30 => self.moves(random),
            30..34 => self.starts(node).await,
            _ => {}
        }
    }

    async fn heals(&self) {
        for effects in (0..NODES).filter_map(|node| self.effects(node)) {
            effects.spare();
        }
        self.start().await;
    }

    fn storage(&self) -> Stored {
        let store = self.services.store().clone();
        Arc::new(move |room, seq| store.head_now(room).seq >= seq)
    }

    async fn complaints(&self) -> Vec<String> {
        self.comes_to_rest().await;
        let (rows, listed) = (self.services.store().rows(), self.services.store().list_rows());
        let mut wrong = Vec::new();
        for ((conversation, user), member) in &rows.members {
            let left = member.periods.last().and_then(|period| period.left_seq);
            let head = rows.heads.get(conversation).map_or(0, |head| head.seq);
            let last = if is_current(&member.periods) { head } else { left.unwrap_or(head) };
            let event = rows.events.get(&(*conversation, last)).map(|row| &row.event);
            let wanted = event.map(|event| Activity { seq: last, ord: event.ord, at: event.at });
            let row = listed.get(&(*user, *conversation)).copied().unwrap_or_default();
            if row.activity != wanted {
                let have = row.activity;
                wrong.push(format!(
                    "the list of {user} says {have:?} of {conversation}: {wanted:?}"
                ));
            }
        }
        wrong
    }
}

impl Place for Cluster {
    fn connector(&self) -> Arc<dyn Connector> {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % NODES;
        Arc::new(Balancer { nodes: self.nodes.clone(), at: AtomicUsize::new(first) })
    }

    fn address(&self) -> String {
        "http://kith.test".into()
    }

    fn environment(&self) -> client::Environment {
        self.setting.client()
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(200)
    }

    fn unused(&self, name: &str) -> String {
        name.to_owned()
    }

    fn device(&self) -> Start {
        self.setting.device(self.connector())
    }
}

/// What is between one device and the nodes: it stays with a node until that is gone or frozen.
struct Balancer {
    nodes: Arc<Nodes>,
    at: AtomicUsize,
}

impl Balancer {
    fn node(&self) -> Result<Arc<Node>, Lost> {
        let at = self.at.load(Ordering::Relaxed);
        for slot in (at..at + NODES).map(|slot| slot % NODES) {
            let running = self.nodes.slots[slot].lock().clone();
            if let Some(running) = running.filter(|running| !running.effects.is_frozen()) {
                self.at.store(slot, Ordering::Relaxed);
                return Ok(running.node);
            }
        }
        Err(Lost("no node takes anything".into()))
    }
}

#[async_trait::async_trait]
impl Connector for Balancer {
    async fn http(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Lost> {
        self.node()?.http(request).await
    }

    async fn socket(&self, address: &str, access_token: &str) -> Result<Socket, SocketError> {
        let node = self.node()?;
        let here = node.connects();
        socket_over(here, address, access_token).await
    }
}
