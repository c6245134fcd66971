//! Which nodes there are, and what a sign-in screen shows. Embedded, this node is all there is.

use axum::extract::State;
use protocol::request::{About, Node, Nodes};

use crate::app::App;
use crate::config::Registration;
use crate::http::Json;

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
#[utoipa::path(get, path = "/v1/nodes", tag = "Server", responses((status = 200, body = Nodes)))]
pub(crate) async fn nodes(State(app): State<App>) -> Json<Nodes> {
    let server = &app.config.server;
    let node = Node {
        id: server.node.clone(),
        address: address(server),
        region: server.region.clone(),
        load: app.delivery.sessions() as u64,
        capacity: app.config.limits.sockets as u64,
    };
    // A node that is about to stop takes no connections.
    Json(Nodes { nodes: (!app.stop.is_cancelled()).then_some(node).into_iter().collect() })
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
