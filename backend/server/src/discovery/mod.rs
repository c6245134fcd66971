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
use crate::config::Registration;
use crate::http::Json;

/// The other nodes by name, as they were last seen, each with the moment at which it started.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    others: Arc<Mutex<BTreeMap<String, (Node, Millis)>>>,
}

impl Nodes {
    /// What is known from now on.
    pub fn replace(&self, others: BTreeMap<String, (Node, Millis)>) {
        *self.others.lock() = others;
    }

    /// The addresses of nodes that started after this moment: in a rolling restart those that will not
    /// send anybody away again soon.
    #[must_use]
    pub fn newer(&self, than: Millis) -> Vec<String> {
        let others = self.others.lock();
        let newer = others.values().filter(|(node, at)| *at > than && !node.address.is_empty());
        newer.map(|(node, _)| node.address.clone()).collect()
    }

    fn all(&self) -> Vec<Node> {
        self.others.lock().values().map(|(node, _)| node.clone()).collect()
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
    let mut nodes = app.nodes.all();
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
        let node = |id: &str, address: &str| Node {
            id: id.into(),
            address: address.into(),
            region: "eu".into(),
            load: 0,
            capacity: 1,
        };
        let nodes = Nodes::default();
        nodes.replace(BTreeMap::from([
            ("a".into(), (node("a", "https://a.example"), 10)),
            ("b".into(), (node("b", "https://b.example"), 30)),
            ("c".into(), (node("c", ""), 40)),
        ]));
        assert_eq!(nodes.newer(20), ["https://b.example"]);
        assert_eq!(nodes.all().len(), 3);
    }
}
