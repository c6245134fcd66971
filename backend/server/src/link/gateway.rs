//! The gateway's side: it holds the links to the owners and does what [`Attachments`] decides.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use protocol::{Code, ConversationId, Problem, UserId};
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::attach::{Action, Attachments, Start};
use super::message::{Ask, Asker, PollRequest, Say, Typing};
use super::owner::Owner;
use super::queue::Queue;
use crate::pipeline::deliver::Delivery;

/// How often the time is looked at.
const TICK: Duration = Duration::from_millis(100);
/// How long a forwarded request may take: a poll waits up to 25 s.
const POLLED: Duration = Duration::from_secs(35);

/// The answer to a forwarded long-poll request: its body, or the refusal.
type PollAnswer = Result<Box<RawValue>, Problem>;

/// A gateway, as far as it is about links.
pub struct Gateway {
    delivery: Arc<Delivery>,
    edge: Mutex<Edge>,
}

#[derive(Default)]
struct Edge {
    attachments: Attachments,
    next: u64,
    ways: BTreeMap<u64, (String, Way)>,
    hellos: BTreeMap<u64, oneshot::Sender<Start>>,
    /// Forwarded requests, and over which link they went.
    polls: BTreeMap<u64, (u64, oneshot::Sender<PollAnswer>)>,
}

/// How an ask reaches an owner.
enum Way {
    /// It is in this process, and this is the number of the gateway's line to it.
    Call(Arc<Owner>, u64),
    /// Something takes it out of this queue and carries it there.
    Queue(Arc<Queue<Ask>>),
}

impl Gateway {
    /// One whose sessions are those of this delivery. There are no links yet.
    #[must_use]
    pub fn new(delivery: Arc<Delivery>) -> Arc<Self> {
        let gateway = Arc::new(Self { delivery, edge: Mutex::default() });
        gateway.delivery.linked(&gateway);
        gateway
    }

    /// Be linked to an owner in this process, until `stop`: asks are function calls.
    pub async fn join(&self, node: &str, owner: Arc<Owner>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let says = Arc::new(Queue::default());
            let line = owner.open(Instant::now(), says.clone());
            let link = self.open(node, Way::Call(owner.clone(), line));
            loop {
                let taken = tokio::select! {
                    biased;
                    () = stop.cancelled() => None,
                    taken = says.take() => taken,
                };
                let Some(taken) = taken else { break };
                self.said(link, taken);
            }
            owner.close(line);
            self.cut(link);
            tokio::time::sleep(TICK).await;
        }
    }

    /// A link to a node stands: what is asked comes out of this queue. Gives the link's number, with
    /// which [`Gateway::said`] and [`Gateway::cut`] are called.
    pub fn linked(&self, node: &str, asks: Arc<Queue<Ask>>) -> u64 {
        self.open(node, Way::Queue(asks))
    }

    fn open(&self, node: &str, way: Way) -> u64 {
        let mut edge = self.edge.lock();
        edge.next += 1;
        let link = edge.next;
        edge.ways.insert(link, (node.to_owned(), way));
        let actions = edge.attachments.linked(Instant::now(), node, link);
        self.act(&mut edge, actions);
        link
    }

    /// The node behind a link says these things.
    pub fn said(&self, link: u64, says: impl IntoIterator<Item = Say>) {
        let now = Instant::now();
        let mut edge = self.edge.lock();
        for say in says {
            if let Say::Polled { number, answer } = say {
                if let Some((_, asker)) = edge.polls.remove(&number) {
                    // Who asked may be gone.
                    let _ = asker.send(answer);
                }
                continue;
            }
            let actions = edge.attachments.said(now, link, say);
            self.act(&mut edge, actions);
        }
    }

    /// A link has ended.
    pub fn cut(&self, link: u64) {
        let mut edge = self.edge.lock();
        let actions = edge.cut(Instant::now(), link);
        self.act(&mut edge, actions);
    }

    /// Which nodes say that they own which partitions of the inbox.
    pub fn discovered(&self, owners: BTreeMap<u32, Vec<String>>) {
        let mut edge = self.edge.lock();
        let actions = edge.attachments.owners(Instant::now(), owners);
        self.act(&mut edge, actions);
    }

    /// Let the time pass, until `stop`. `owners` is asked who owns what each time.
    pub async fn run(
        &self,
        owners: impl Fn() -> BTreeMap<u32, Vec<String>>,
        stop: CancellationToken,
    ) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            self.discovered(owners());
            let mut edge = self.edge.lock();
            let actions = edge.attachments.tick(Instant::now());
            self.act(&mut edge, actions);
        }
    }

    /// Whether there is a partition without an owner in which somebody is connected here.
    #[must_use]
    pub fn misses_an_owner(&self) -> bool {
        self.edge.lock().attachments.misses_an_owner()
    }

    /// The partitions that nobody has served for a while.
    pub(super) fn alone(&self) -> std::collections::BTreeSet<u32> {
        self.edge.lock().attachments.alone(Instant::now())
    }

    /// A session says hello: have it served. Answered within about 2 s.
    pub async fn hello(&self, user: UserId, session: u64) -> Start {
        let (sender, started) = oneshot::channel();
        {
            let mut edge = self.edge.lock();
            edge.next += 1;
            let (hello, partition) = (edge.next, self.delivery.partition(user));
            edge.hellos.insert(hello, sender);
            let now = Instant::now();
            let actions = edge.attachments.hello(now, partition, user, session, hello);
            self.act(&mut edge, actions);
        }
        started.await.unwrap_or(Start::Alone)
    }

    /// A session has ended.
    pub fn leave(&self, user: UserId, session: u64) {
        let mut edge = self.edge.lock();
        let actions = edge.attachments.leave(self.delivery.partition(user), user, session);
        self.act(&mut edge, actions);
    }

    /// These people are looked at by other sessions than before. The session, if it is given, is told
    /// at once what is known of them.
    pub fn look(&self, users: &[UserId], session: Option<(UserId, u64)>) {
        let mut edge = self.edge.lock();
        for &user in users {
            let partition = self.delivery.partition(user);
            let looked_at = self.delivery.is_watched(user);
            let actions = edge.attachments.watch(Instant::now(), partition, user, looked_at);
            if let Some(online) = edge.attachments.presence(partition, user)
                && let Some((watcher, number)) = session
            {
                self.delivery.say_presence(watcher, number, user, online);
            }
            self.act(&mut edge, actions);
        }
    }

    /// Somebody on this node is writing; these are the members.
    pub fn typing(&self, conversation: ConversationId, user: UserId, members: &[UserId]) {
        let mut by_partition: BTreeMap<u32, Vec<UserId>> = BTreeMap::new();
        for member in members.iter().filter(|member| **member != user) {
            by_partition.entry(self.delivery.partition(*member)).or_default().push(*member);
        }
        let mut edge = self.edge.lock();
        for (partition, to) in by_partition {
            let action = edge.attachments.typing(Typing { partition, conversation, user, to });
            self.act(&mut edge, vec![action]);
        }
    }

    /// Have another node answer a request of a long-poll session that lives there.
    ///
    /// # Errors
    /// What it answers; `session_unknown` when it cannot be asked: the app then begins anew.
    pub async fn poll(&self, node: &str, from: Asker, request: PollRequest) -> PollAnswer {
        let unknown = || Problem::new(Code::SessionUnknown, "The node of this session is away.");
        let answered = {
            let mut edge = self.edge.lock();
            let newest = edge.ways.iter().rev().find(|(_, (name, _))| name == node);
            let link = newest.map(|(link, _)| *link).ok_or_else(unknown)?;
            edge.next += 1;
            let number = edge.next;
            let (sender, answered) = oneshot::channel();
            edge.polls.insert(number, (link, sender));
            self.act(&mut edge, vec![Action::Ask(link, Ask::Poll { number, from, request })]);
            answered
        };
        match tokio::time::timeout(POLLED, answered).await {
            Ok(Ok(answer)) => answer,
            _ => Err(unknown()),
        }
    }

    fn act(&self, edge: &mut Edge, actions: Vec<Action>) {
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Ask(link, ask) => {
                    if !edge.ask(link, ask) {
                        tracing::warn!(
                            link,
                            "a node does not take what it is asked: its link ends"
                        );
                        actions.extend(edge.cut(Instant::now(), link));
                    }
                }
                Action::Start(hello, start) => {
                    if let Some(asker) = edge.hellos.remove(&hello) {
                        // The session may be gone.
                        let _ = asker.send(start);
                    }
                }
                Action::Resync(sessions) => self.delivery.resync(&sessions),
                Action::Deliver(handed) => {
                    self.delivery.hand(handed.partition, handed.position, &handed.record);
                }
                Action::Typing(Typing { conversation, user, to, .. }) => {
                    self.delivery.typing(conversation, user, &to);
                }
                Action::Presence(user, online) => self.delivery.tell_presence(user, online),
                Action::Cut(link) => {
                    tracing::warn!(link, "a node does not answer: its link ends");
                    actions.extend(edge.cut(Instant::now(), link));
                }
            }
        }
    }
}

impl Edge {
    /// `false` when the link has ended.
    fn ask(&mut self, link: u64, ask: Ask) -> bool {
        match self.ways.get(&link) {
            Some((_, Way::Call(owner, line))) => {
                owner.heed(Instant::now(), *line, ask);
                true
            }
            Some((_, Way::Queue(asks))) => {
                let size = match &ask {
                    Ask::Attach { sessions, .. } => 60 * sessions.len(),
                    Ask::Watch { users, .. } => 40 * users.len(),
                    Ask::Typing(typing) => 40 * typing.to.len(),
                    Ask::Poll { .. } => protocol::limits::FRAME_BYTES,
                    _ => 64,
                };
                asks.push(ask, size)
            }
            None => true,
        }
    }

    fn cut(&mut self, now: Instant, link: u64) -> Vec<Action> {
        let Some((node, way)) = self.ways.remove(&link) else { return Vec::new() };
        tracing::info!(node, link, "the link to a node has ended");
        match way {
            Way::Call(owner, line) => owner.close(line),
            Way::Queue(asks) => asks.end(),
        }
        // Whoever waits for an answer hears that there will be none.
        self.polls.retain(|_, (over, _)| *over != link);
        self.attachments.cut(now, link)
    }
}
