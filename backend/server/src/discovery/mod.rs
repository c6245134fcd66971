//! Which nodes there are, and what a sign-in screen shows. Embedded, this node is all there is.

#[cfg(feature = "cluster")]
pub(crate) mod zookeeper;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use parking_lot::Mutex;
use protocol::Millis;
use protocol::request::{About, Node};

use crate::app::App;
use crate::config::{Registration, Roles};
use crate::http::Json;

/// The other nodes by name, as they were last seen.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    others: Arc<Mutex<BTreeMap<String, Other>>>,
}

/// Another node.
#[derive(Clone, Debug)]
pub struct Other {
    /// As apps see it.
    pub node: Node,
    /// When it started.
    pub started: Millis,
    /// Which stages it runs.
    pub roles: Roles,
    /// The newest version of the fold that it knows.
    pub fold: u32,
    /// Where nodes link to it, `host:port`; empty for nowhere.
    pub link: String,
    /// The partitions of the inbox that it says to own.
    pub inbox: Vec<u32>,
}

impl Nodes {
    /// What is known from now on.
    pub fn replace(&self, others: BTreeMap<String, Other>) {
        *self.others.lock() = others;
    }

    /// The addresses of nodes that started after this moment: in a rolling restart those that will not
    /// send anybody away again soon.
    #[must_use]
    pub fn newer(&self, than: Millis) -> Vec<String> {
        let others = self.others.lock();
        let newer = others.values().filter(|other| {
            other.roles.gateway && other.started > than && !other.node.address.is_empty()
        });
        newer.map(|other| other.node.address.clone()).collect()
    }

    /// The names of nodes, and where they are linked to.
    pub fn links(&self) -> impl Iterator<Item = (String, String)> + use<> {
        let others = self.others.lock();
        let linked = others.iter().filter(|(_, other)| !other.link.is_empty());
        let linked: Vec<_> = linked.map(|(name, o)| (name.clone(), o.link.clone())).collect();
        linked.into_iter()
    }

    /// By partition of the inbox: the nodes that say to own it.
    #[must_use]
    pub fn owners(&self) -> BTreeMap<u32, Vec<String>> {
        let mut owners: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for (name, other) in &*self.others.lock() {
            for partition in &other.inbox {
                owners.entry(*partition).or_default().push(name.clone());
            }
        }
        owners
    }

    /// Those that take connections.
    fn gateways(&self) -> Vec<Node> {
        let others = self.others.lock();
        let gateways = others.values().filter(|other| other.roles.gateway);
        gateways.map(|other| other.node.clone()).collect()
    }
}

/// What a sign-in screen shows before anybody signs in.
#[utoipa::path(get, path = "/v1/about", tag = "Server", responses((status = 200, body = About)))]
pub(crate) async fn about(State(app): State<App>) -> Json<About> {
    Json(About {
        name: app.config.server.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: vec![protocol::VERSION],
        registration: app.config.server.registration == Registration::Open,
    })
}

/// The nodes that take connections.
#[utoipa::path(get, path = "/v1/nodes", tag = "Server",
    responses((status = 200, body = protocol::request::Nodes)))]
pub(crate) async fn nodes(State(app): State<App>) -> Json<protocol::request::Nodes> {
    let mut nodes = app.nodes.gateways();
    // A node that is about to stop takes no connections.
    if !app.stop.is_cancelled() {
        nodes.insert(0, own(&app));
    }
    Json(protocol::request::Nodes { nodes })
}

/// This node as others see it.
fn own(app: &App) -> Node {
    let server = &app.config.server;
    Node {
        id: server.node.clone(),
        address: address(server),
        region: server.region.clone(),
        load: app.delivery.sessions() as u64,
        capacity: app.config.limits.sockets as u64,
    }
}

/// Where apps reach this node. Listening everywhere says nothing about that, so it is then left
/// empty, which apps take as the address that they asked at.
fn address(server: &crate::config::Server) -> String {
    if !server.address.is_empty() || server.listen.ip().is_unspecified() {
        server.address.clone()
    } else {
        format!("http://{}", server.listen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_started_later_is_preferred_if_apps_can_reach_it() {
        let other = |id: &str, address: &str, started, roles: &str| {
            let (address, region) = (address.into(), "eu".into());
            let node = Node { id: id.into(), address, region, load: 0, capacity: 1 };
            let roles = Roles::try_from(vec![roles.to_owned()]).unwrap();
            let (link, inbox) = (format!("{id}:1"), vec![1, u32::from(id == "b") + 1]);
            (id.to_owned(), Other { node, started, roles, fold: 1, link, inbox })
        };
        let nodes = Nodes::default();
        nodes.replace(BTreeMap::from([
            other("a", "https://a.example", 10, "all"),
            other("b", "https://b.example", 30, "gateway"),
            other("c", "", 40, "all"),
            other("d", "https://d.example", 40, "sequencer"),
        ]));
        assert_eq!(nodes.owners()[&2], ["b"]);
        assert!(nodes.links().eq(["a", "b", "c", "d"].map(|id| (id.into(), format!("{id}:1")))));
        assert_eq!(nodes.newer(20), ["https://b.example"]);
        let apps_see: Vec<String> = nodes.gateways().into_iter().map(|node| node.id).collect();
        assert_eq!(apps_see, ["a", "b", "c"]);
    }
}
