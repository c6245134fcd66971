//! Everything that there is at run time, in one place, each part documented. Built once, handed
//! down; whoever needs less is given less.

use std::collections::BTreeMap;
use std::sync::Arc;

use event_log::{EventLog, LogError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use protocol::Millis;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::auth::{Auth, Secret};
use crate::config::Config;
use crate::discovery::Nodes;
use crate::environment::Environment;
use crate::gateway::poll::Polls;
use crate::link::{Gateway, Links};
use crate::parts::{Engine, Parts};
use crate::pipeline::accept::{Accept, Rate};
use crate::pipeline::dead::Dead;
use crate::pipeline::deliver::Delivery;
use crate::pipeline::list::Lists;
use crate::pipeline::{inbox, lanes};
use crate::push::gather::Gather;
use crate::push::send::Sender;
use crate::push::work::Worker;

pub use crate::parts::Stores;

/// Everything that there is at run time. A cheap handle.
#[derive(Clone)]
pub struct App {
    /// What the operator decided.
    pub config: Arc<Config>,
    /// Time, randomness, threads.
    pub environment: Environment,
    /// The stores.
    pub stores: Stores,
    /// Accounts, sessions and tokens.
    pub auth: Auth,
    /// The first stage.
    pub accept: Arc<Accept>,
    /// The last stage: who is connected.
    pub delivery: Arc<Delivery>,
    /// Long-poll sessions.
    pub polls: Arc<Polls>,
    /// What makes pushes.
    pub pushes: Arc<Sender>,
    /// Cancelled when the server begins to stop: nothing new is taken.
    pub stop: CancellationToken,
    /// The other nodes.
    pub nodes: Nodes,
    /// When this process started.
    pub started: Millis,
    /// What binds this node to the others of a cluster.
    pub links: Option<Links>,
    /// Cancelled when the stages of a cluster's node are to end; embedded they end with their logs.
    ending: CancellationToken,
    /// Cancelled when a stage has ended by itself, and why it has.
    failed: CancellationToken,
    why: Arc<Mutex<Option<LogError>>>,
    /// The tasks of the stages.
    stages: Arc<Mutex<JoinSet<()>>>,
    engine: Engine,
}

impl App {
    /// Open the data folder and start the stages.
    ///
    /// # Errors
    /// When the folder or the database in it cannot be used; the message says what to do.
    pub async fn start(config: Config, environment: Environment) -> anyhow::Result<Self> {
        let parts = Parts::open(&config, &environment).await?;
        Self::over(parts, config, environment)
    }

    /// Start the stages as a node of a simulated cluster.
    ///
    /// # Errors
    /// When the secret cannot be read or written.
    #[cfg(feature = "testing")]
    pub fn start_as(
        node: &crate::parts::simulated::Node,
        config: Config,
        environment: Environment,
    ) -> anyhow::Result<Self> {
        Self::over(node.parts(&environment), config, environment)
    }

    fn over(parts: Parts, config: Config, environment: Environment) -> anyhow::Result<Self> {
        let started = environment.now();
        let Parts {
            stores,
            log,
            inbox,
            delivery,
            changes,
            lists,
            pushes,
            pushed_from,
            dead,
            watch,
            engine,
        } = parts;
        let secret = Secret::load(&config.secret_file(), &environment)?;
        let sender = Sender::new(
            environment.clone(),
            secret.clone(),
            config.push_contact(),
            config.push.allow_private,
        );
        let auth = Auth::new(
            &config,
            environment.clone(),
            stores.accounts.clone(),
            stores.sessions.clone(),
            secret,
        )?;
        let rate =
            Rate { per_second: config.limits.sends_per_second, burst: config.limits.send_burst };
        let accept = Accept::new(environment.clone(), stores.clone(), log.clone(), rate);
        let delivery = Arc::new(delivery);
        // A node that reads the whole inbox itself needs nobody for it.
        let links = inbox.is_none().then(|| {
            let (owner, gateway) = (Arc::default(), Gateway::new(delivery.clone()));
            Links::new(&config, owner, gateway, &environment)
        });
        let app = Self {
            config: Arc::new(config),
            environment,
            stores,
            auth,
            accept: Arc::new(accept),
            delivery,
            polls: Arc::default(),
            pushes: Arc::new(sender),
            stop: CancellationToken::new(),
            nodes: Nodes::default(),
            started,
            links: links.transpose()?,
            ending: CancellationToken::new(),
            failed: CancellationToken::new(),
            why: Arc::default(),
            stages: Arc::default(),
            engine,
        };
        if app.config.roles.push {
            app.run_pushes(&pushes, pushed_from, &dead);
        }
        let gather = Gather::new(pushes, app.stores.push.clone());
        app.run_stages(log, inbox, changes.map(|changes| (changes, gather)), lists, dead);
        if let Some(watch) = watch {
            app.watch(watch);
        }
        Ok(app)
    }

    fn run_stages(
        &self,
        log: Arc<dyn EventLog>,
        inbox: Option<Arc<dyn EventLog>>,
        changes: Option<(mpsc::Receiver<storage::Committed>, Gather)>,
        lists: Option<(Arc<dyn EventLog>, Arc<Lists>)>,
        dead: Dead,
    ) {
        let spawn = |what, stage| self.spawn(what, stage);
        let (fold, ending) = (self.stores.fold.clone(), self.ending.clone());
        let roles = self.config.roles;
        if roles.sequencer {
            spawn("sequencing", lanes::run(log, fold, dead, ending).boxed());
        }
        if let (Some((changes, gather)), Some(inbox)) = (changes, &inbox) {
            spawn("the inbox", inbox::append(changes, inbox.clone(), gather).map(Ok).boxed());
        }
        if let Some(inbox) = inbox {
            let (delivery, ending) = (self.delivery.clone(), self.ending.clone());
            let delivering = async move {
                tokio::select! {
                    biased;
                    delivered = delivery.run(inbox) => delivered,
                    () = ending.cancelled() => Ok(()),
                }
            };
            spawn("delivery", delivering.boxed());
        }
        // Embedded there is one program, and so one version.
        if roles.gateway && self.config.cluster.is_on() {
            let written = self.accept.written.clone();
            let keeping = written.keep(self.stores.fold.clone(), self.ending.clone());
            spawn("the version of records", keeping.map(Ok).boxed());
        }
        if let Some((owned, lists)) = lists.filter(|_| roles.inbox) {
            let owner = self.links.as_ref().map(|links| links.owner.clone()).unwrap_or_default();
            let ending = self.ending.clone();
            let keeping = async move { lists.keep(owned, owner, ending).await };
            spawn("handing on the inbox", keeping.boxed());
        }
        if let Some(Links { gateway, .. }) = self.links.as_ref().filter(|_| roles.gateway) {
            let attaching = attach(self.clone(), gateway.clone());
            spawn("attaching to the inbox", attaching.map(Ok).boxed());
        }
    }

    /// By partition of the inbox: the nodes that say to own it, this one among them.
    fn owners(&self) -> BTreeMap<u32, Vec<String>> {
        let mut owners = self.nodes.owners();
        for partition in self.links.iter().flat_map(|links| links.owner.partitions()) {
            owners.entry(partition).or_default().push(self.config.server.node.clone());
        }
        owners
    }

    fn run_pushes(&self, queue: &Arc<dyn EventLog>, inbox: Option<Arc<dyn EventLog>>, dead: &Dead) {
        let delivery = self.delivery.clone();
        let worker = Worker {
            stores: self.stores.clone(),
            sender: self.pushes.clone(),
            environment: self.environment.clone(),
            dead: dead.clone(),
            active: Arc::new(move |user| delivery.is_here(user)),
        };
        self.spawn("pushing", worker.run(queue.clone(), self.ending.clone()).boxed());
        if let Some(inbox) = inbox {
            let gather = Gather::new(queue.clone(), self.stores.push.clone());
            let (dead, ending) = (dead.clone(), self.ending.clone());
            let gathering = async move { gather.run(inbox, dead, ending).await };
            self.spawn("finding what to push", gathering.boxed());
        }
    }

    fn spawn(&self, what: &'static str, stage: BoxFuture<'static, Result<(), LogError>>) {
        let (failed, why) = (self.failed.clone(), self.why.clone());
        self.stages.lock().spawn(async move {
            if let Err(error) = stage.await {
                tracing::error!("{what} has ended, and this node with it: {error}");
                why.lock().get_or_insert(error);
                failed.cancel();
            }
        });
    }

    /// End the node when what it stands on is not what it was.
    fn watch(&self, watch: BoxFuture<'static, Result<(), LogError>>) {
        let (failed, why, ending) = (self.failed.clone(), self.why.clone(), self.ending.clone());
        self.stages.lock().spawn(async move {
            tokio::select! {
                biased;
                () = ending.cancelled() => {}
                watched = watch => if let Err(error) = watched {
                    tracing::error!("this node cannot go on: {error}");
                    why.lock().get_or_insert(error);
                    failed.cancel();
                }
            }
        });
    }

    /// Why a stage has ended by itself, if one has.
    #[must_use]
    pub fn why(&self) -> Option<LogError> {
        self.why.lock().clone()
    }

    /// Cancelled when a stage has ended by itself: without it nothing is acknowledged or delivered any
    /// more, so the process has to end and begin anew.
    #[must_use]
    pub fn failed(&self) -> CancellationToken {
        self.failed.clone()
    }

    /// Cancelled when the node has ended all its sessions and ends its stages.
    #[must_use]
    pub fn ending(&self) -> CancellationToken {
        self.ending.clone()
    }

    /// Tell every live session to go elsewhere, and take no new one.
    pub fn drain(&self) {
        self.stop.cancel();
        let prefer = self.nodes.newer(self.started);
        for outgoing in self.delivery.all() {
            outgoing.goaway(self.environment.below(2_000), &prefer);
        }
    }

    /// What SIGKILL is, as far as a process can do it to itself: every stage stops where it stands, and
    /// nothing more is stored.
    #[cfg(feature = "testing")]
    pub async fn kill(&self) {
        self.stop.cancel();
        self.polls.end();
        let mut stages = std::mem::take(&mut *self.stages.lock());
        stages.shutdown().await;
        self.engine.kill().await;
    }

    /// What there is when everything is in this process.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn embedded(&self) -> Option<&crate::parts::Embedded> {
        self.engine.embedded()
    }

    /// End in order: sessions, log, stages, database. What was accepted is stored before it returns.
    pub async fn stop(self) {
        self.drain();
        self.polls.end();
        let mut stages = std::mem::take(&mut *self.stages.lock());
        let closing = async {
            self.engine.close(&self.ending).await;
            while stages.join_next().await.is_some() {}
            self.engine.end();
        };
        let patience = std::time::Duration::from_secs(self.config.server.drain_seconds);
        if tokio::time::timeout(patience, closing).await.is_err() {
            tracing::error!("the stages did not end in time");
        }
    }
}

/// Have the sessions of this node served by the owners of their people's inboxes, this node among them.
async fn attach(app: App, gateway: Arc<Gateway>) {
    let Some(links) = app.links.clone() else { return };
    let (ending, node) = (app.ending.clone(), app.config.server.node.clone());
    let owners = || app.owners();
    tokio::join!(
        gateway.join(&node, links.owner, ending.clone()),
        gateway.run(owners, ending.clone()),
        crate::link::compare(app.clone(), gateway.clone(), ending.clone()),
    );
}
