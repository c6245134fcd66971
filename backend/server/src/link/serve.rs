//! A node's links: the door at which others knock, and the knocking at theirs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::message::{Ask, Say};
use super::queue::Queue;
use super::socket::{self, Own};
use super::{Gateway, Key, Owner};
use crate::app::App;
use crate::auth::Secret;
use crate::config::Config;
use crate::gateway::poll;

/// Most links and strangers at the door.
const KNOCKING: usize = 1_024;
/// Most forwarded requests of one node that wait for their answers.
const POLLS: usize = 20_000;
/// How often to look for nodes without a link.
const LOOK: Duration = Duration::from_millis(200);
/// How long to wait after a link could not be had; doubled each time, up to the second.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// The parts of a node that are about links.
#[derive(Clone)]
pub struct Links {
    /// What this node is as an owner.
    pub owner: Arc<Owner>,
    /// What it is as a gateway.
    pub gateway: Arc<Gateway>,
    key: Key,
}

/// Where other nodes knock.
pub struct Door {
    listener: TcpListener,
}

impl Links {
    /// For a node with this configuration.
    ///
    /// # Errors
    /// When the secret's file cannot be used.
    pub(crate) fn new(
        config: &Config,
        owner: Arc<Owner>,
        gateway: Arc<Gateway>,
        environment: &crate::environment::Environment,
    ) -> anyhow::Result<Self> {
        let secret = Secret::load(&config.link_secret_file(), environment)
            .context("cluster.link_secret_file")?;
        Ok(Self { owner, gateway, key: secret.link_key() })
    }
}

impl Door {
    /// Listen where `cluster.link` says; nothing without other nodes.
    ///
    /// # Errors
    /// When the address cannot be had, or others cannot be told it.
    pub async fn bind(config: &Config) -> anyhow::Result<Option<Self>> {
        if !config.cluster.is_on() || config.cluster.zookeeper.is_empty() {
            return Ok(None);
        }
        let address = config.link();
        anyhow::ensure!(
            !config.cluster.link_address.is_empty() || !address.ip().is_unspecified(),
            "cluster.link_address is empty: other nodes cannot guess where this one is found when it \
             listens everywhere"
        );
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cluster.link: cannot listen on {address}"))?;
        Ok(Some(Self { listener }))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Let nodes in that show the secret, until the stages end.
    pub async fn serve(self, app: App) {
        let (Some(links), ending) = (app.links.clone(), app.ending()) else { return };
        let places = Arc::new(Semaphore::new(KNOCKING));
        loop {
            let place = places.clone().acquire_owned().await;
            let accepted = tokio::select! {
                biased;
                () = ending.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            let (Ok((stream, peer)), Ok(place)) = (accepted, place) else {
                tokio::time::sleep(LOOK).await;
                continue;
            };
            let (app, links, ending) = (app.clone(), links.clone(), ending.clone());
            tokio::spawn(async move {
                tokio::select! {
                    biased;
                    () = ending.cancelled() => {}
                    () = serve_one(app, links, stream, peer) => {}
                }
                drop(place);
            });
        }
    }
}

/// Serve one gateway, for as long as its link stands.
async fn serve_one(app: App, links: Links, stream: TcpStream, peer: SocketAddr) {
    let nonce = app.environment.bytes();
    let own = Own { node: &app.config.server.node, key: &links.key, nonce };
    let linked = match socket::accept(stream, own).await {
        Ok(linked) => linked,
        Err(why) => return tracing::warn!(%peer, "no link: {why}"),
    };
    let node = linked.node.clone();
    tracing::info!(node, %peer, "a node is linked");
    let says: Arc<Queue<Say>> = Arc::default();
    let line = links.owner.open(Instant::now(), says.clone());
    let polls = Arc::new(Semaphore::new(POLLS));
    let heed = |bytes: Bytes| {
        match Ask::decode(&bytes)? {
            Ask::Poll { number, from, request } => {
                // More than there can be people polling: such a node asks for nonsense.
                if let Ok(place) = polls.clone().try_acquire_owned() {
                    let (app, says) = (app.clone(), says.clone());
                    tokio::spawn(async move {
                        let answer = poll::forwarded(&app, from, request).await;
                        let say = Say::Polled { number, answer };
                        let size = say.size();
                        says.push(say, size);
                        drop(place);
                    });
                }
            }
            ask => links.owner.heed(Instant::now(), line, ask),
        }
        Ok(())
    };
    let why = linked.carry(&says, Say::encode, heed).await;
    links.owner.close(line);
    tracing::info!(node, "the link of a node has ended: {why}");
}

/// Keep a link to every other node, until the stages end.
pub async fn keep(app: App) {
    let (Some(links), ending) = (app.links.clone(), app.ending()) else { return };
    let mut knocking: BTreeMap<(String, String), AbortOnDropHandle<()>> = BTreeMap::new();
    loop {
        knocking.retain(|_, task| !task.is_finished());
        for (node, address) in app.nodes.links() {
            let (app, links, ending) = (app.clone(), links.clone(), ending.clone());
            knocking.entry((node.clone(), address.clone())).or_insert_with(|| {
                let knocks = knock(app, links, node, address, ending);
                AbortOnDropHandle::new(tokio::spawn(knocks))
            });
        }
        tokio::select! {
            biased;
            () = ending.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Keep a link to one node. A link that stands stays, whatever discovery says; without one, a node that
/// is not announced there any more is left alone.
async fn knock(app: App, links: Links, node: String, address: String, ending: CancellationToken) {
    let mut pause = RETRY.0;
    let mut said = false;
    while app.nodes.links().any(|(name, at)| name == node && at == address) {
        let nonce = app.environment.bytes();
        let own = Own { node: &app.config.server.node, key: &links.key, nonce };
        match socket::connect(&address, &node, own).await {
            Ok(linked) => {
                (pause, said) = (RETRY.0, false);
                let asks: Arc<Queue<Ask>> = Arc::default();
                let link = links.gateway.linked(&node, asks.clone());
                let heed = |bytes: Bytes| {
                    links.gateway.said(link, [Say::decode(&bytes)?]);
                    Ok(())
                };
                let why = tokio::select! {
                    biased;
                    () = ending.cancelled() => return links.gateway.cut(link),
                    why = linked.carry(&asks, |ask| ask.encode().into_bytes(), heed) => why,
                };
                links.gateway.cut(link);
                tracing::info!(node, address, "the link to a node has ended: {why}");
            }
            Err(why) if said => tracing::debug!(node, address, "no link: {why}"),
            Err(why) => {
                said = true;
                tracing::warn!(node, address, "no link: {why}");
            }
        }
        tokio::select! {
            biased;
            () = ending.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(RETRY.1);
    }
}
