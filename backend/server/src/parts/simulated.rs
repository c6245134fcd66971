//! The parts of a cluster in one process, for tests: a log and an inbox that keep their records, a store
//! that writes row by row, and any number of nodes over them. What a node does to the services goes
//! through its [`Effects`], where a test can end it, freeze it, or lose what it is answered, between any
//! two of them.

mod effects;
mod log;

use std::path::Path;
use std::sync::Arc;

use event_log::{EventLog, KeptLog};
use parking_lot::Mutex;
use storage::memory::Memory;
use storage::{Committed, Sqlite, Tell};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::{Engine, Parts, Stores};
use crate::environment::Environment;
use crate::pipeline::dead::Dead;
use crate::pipeline::deliver::Delivery;
use crate::pipeline::inbox::Teller;
use crate::pipeline::list::Lists;

pub use effects::{Effect, Effects, Topic};
use log::NodeLog;

/// Partitions of every topic.
const PARTITIONS: u32 = 8;
/// Epoch 1 begins here.
const FIRST: u64 = 1 << 42;
/// Commits of the people's database that may wait for the inbox.
const COMMITTED: usize = 1024;
/// Connections that read it.
const READERS: usize = 2;
/// The groups that share a topic's partitions.
const SEQUENCERS: &str = "sequencers";
const LISTS: &str = "lists";
const PUSHERS: &str = "pushers";

/// What outlives every node: the services. A cheap handle.
#[derive(Clone)]
pub struct Services {
    log: KeptLog,
    inbox: KeptLog,
    pushes: KeptLog,
    dead: KeptLog,
    store: Memory,
    people: Arc<Sqlite>,
    /// How many nodes there have been: each start is a member of its own.
    starts: Arc<Mutex<u64>>,
    /// Tells what changed in the people's database, as PostgreSQL's outbox does.
    _tells: Arc<AbortOnDropHandle<()>>,
}

/// One start of a node.
pub struct Node {
    services: Services,
    /// Its name in the groups of the topics.
    member: String,
    /// What it does to the services.
    pub effects: Arc<Effects>,
}

impl Services {
    /// Empty services; the people's database is in this folder.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn begin(folder: &Path, environment: &Environment) -> storage::Result<Self> {
        let (committed, changes) = mpsc::channel(COMMITTED);
        let people = Sqlite::open(storage::sqlite::Options {
            folder: folder.to_owned(),
            new_database: environment.id(),
            blocking: environment.blocking,
            committed,
            clock: environment.clock(),
            fatal: Arc::new(|why| tracing::error!("the people's database: {why}")),
            readers: READERS,
            synchronous_off: false,
            max_pages: None,
        })?;
        let topic = || KeptLog::new(PARTITIONS, FIRST);
        let (log, inbox, pushes, dead) = (topic(), topic(), topic(), topic());
        let tells = tokio::spawn(tell_people(changes, Arc::new(inbox.clone())));
        // Its own handle writes nothing: each node has one.
        let store = Memory::new(environment.id(), mpsc::channel(1).0);
        let starts = Arc::default();
        let _tells = Arc::new(AbortOnDropHandle::new(tells));
        Ok(Self { log, inbox, pushes, dead, store, people, starts, _tells })
    }

    /// A node that begins with these effects.
    #[must_use]
    pub fn node(&self, effects: Effects) -> Node {
        let mut starts = self.starts.lock();
        *starts += 1;
        let member = format!("node {starts}");
        Node { services: self.clone(), member, effects: Arc::new(effects) }
    }

    /// All rows of the conversations.
    #[must_use]
    pub fn store(&self) -> &Memory {
        &self.store
    }

    /// How many partitions a topic has.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        PARTITIONS
    }

    /// The member that owns the partition of the topic, if one does.
    #[must_use]
    pub fn owner(&self, topic: Topic, partition: u32) -> Option<String> {
        let (log, group) = self.shared(topic);
        log.owner(group, partition)
    }

    /// Whether every record of log and inbox was dealt with by who shares the topic.
    #[must_use]
    pub fn are_quiet(&self) -> bool {
        [Topic::Log, Topic::Inbox].into_iter().all(|topic| {
            let (log, group) = self.shared(topic);
            log.committed(group) == log.ends()
        })
    }

    /// Move a partition to the next node, whose owner hears of it.
    pub fn revoke(&self, topic: Topic, partition: u32) {
        let (log, group) = self.shared(topic);
        log.revoke(group, partition);
    }

    /// Move a partition to the next node, whose owner does not hear of it and goes on.
    pub fn usurp(&self, topic: Topic, partition: u32) {
        let (log, group) = self.shared(topic);
        log.usurp(group, partition);
    }

    /// A member has been silent for too long: others get what it owned.
    pub fn evict(&self, member: &str) {
        self.log.evict(member);
        self.inbox.evict(member);
        self.pushes.evict(member);
    }

    fn shared(&self, topic: Topic) -> (&KeptLog, &'static str) {
        match topic {
            Topic::Log => (&self.log, SEQUENCERS),
            Topic::Inbox => (&self.inbox, LISTS),
            Topic::Push => (&self.pushes, PUSHERS),
        }
    }
}

impl Node {
    /// Its name in the groups of the topics.
    #[must_use]
    pub fn member(&self) -> &str {
        &self.member
    }

    pub(crate) fn parts(&self, environment: &Environment) -> Parts {
        let services = &self.services;
        let log = |topic: Topic, log: KeptLog| -> Arc<dyn EventLog> {
            Arc::new(NodeLog { topic, log, effects: self.effects.clone() })
        };
        let owned = log(Topic::Inbox, services.inbox.for_member(LISTS, &self.member, None));
        // All of the inbox from now on: what came before is in the answers to hello.
        let gateway = format!("gateway of {}", self.member);
        let ends = Some(services.inbox.ends());
        let inbox =
            log(Topic::Inbox, services.inbox.for_member(&gateway, &self.member, ends.clone()));
        let pushed_from = log(Topic::Inbox, services.inbox.for_member("push", &self.member, ends));
        let tell: Arc<dyn Tell> = Arc::new(Teller::new(owned.clone()));
        let store = Arc::new(services.store.for_node(self.effects.clone(), tell));
        let people = &services.people;
        let stores = Stores {
            fold: store.clone(),
            history: store.clone(),
            markers: store.clone(),
            accounts: people.clone(),
            sessions: people.clone(),
            friends: people.clone(),
            push: people.clone(),
        };
        Parts {
            stores,
            log: log(Topic::Log, services.log.for_member(SEQUENCERS, &self.member, None)),
            inbox: Some(inbox),
            delivery: Delivery::over(PARTITIONS),
            changes: None,
            pushes: log(Topic::Push, services.pushes.for_member(PUSHERS, &self.member, None)),
            pushed_from: Some(pushed_from),
            dead: Dead::topic(Arc::new(services.dead.clone()), environment.clone()),
            lists: Some((owned, Arc::new(Lists::new(store.clone(), store)))),
            watch: None,
            engine: Engine::Simulated(self.effects.clone()),
        }
    }
}

/// What changed in the people's database is told whichever node changed it, and whether or not that
/// node is still there.
async fn tell_people(mut changes: mpsc::Receiver<Committed>, inbox: Arc<dyn EventLog>) {
    let tell = Teller::new(inbox);
    while let Some(committed) = changes.recv().await {
        if let Err(error) = tell.tell(committed.changes).await {
            tracing::error!("nothing takes what changed: {error}");
        }
    }
}
