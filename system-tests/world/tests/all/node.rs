//! A server that runs in this process, and the connections to it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use client::connect::Lost;
use http_body_util::BodyExt;
use parking_lot::Mutex;
use server::app::App;
use server::http::Peer;
use server::http::serve::serve_one;
use server::parts::simulated::Effects;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// The room of a pipe, in bytes.
const PIPE: usize = 64 * 1024;
/// What is carried at once.
const PIECE: usize = 4 * 1024;
/// How often somebody who waits for the sessions to end looks.
const LOOK: Duration = Duration::from_millis(20);
/// Everybody comes from here.
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// A server that runs.
pub struct Node {
    pub app: App,
    router: Router,
    connections: Mutex<JoinSet<()>>,
    dead: CancellationToken,
    /// As a node of a cluster it may be frozen, and nothing comes out of it then.
    effects: Option<Arc<Effects>>,
}

impl Node {
    /// What serves this app.
    pub fn new(app: App, effects: Option<Arc<Effects>>) -> Arc<Self> {
        Arc::new(Self {
            router: server::http::router(app.clone()),
            app,
            connections: Mutex::default(),
            dead: CancellationToken::new(),
            effects,
        })
    }

    /// Wait while it is frozen.
    async fn lives(effects: Option<&Arc<Effects>>) {
        if let Some(effects) = effects {
            effects.lives().await;
        }
    }

    /// The near end of a new connection.
    pub fn connects(&self) -> DuplexStream {
        let (here, near) = tokio::io::duplex(PIPE);
        let (far, there) = tokio::io::duplex(PIPE);
        let header = Duration::from_secs(10);
        let mut connections = self.connections.lock();
        let (router, stop) = (self.router.clone(), self.app.stop.clone());
        connections.spawn(serve_one(there, PEER, router, header, stop));
        let (dead, effects) = (self.dead.clone(), self.effects.clone());
        // When a process dies, the system closes its connections.
        connections.spawn(async move {
            let (near_in, near_out) = tokio::io::split(near);
            let (far_in, far_out) = tokio::io::split(far);
            let carried = async {
                tokio::join!(
                    carry(near_in, far_out, effects.as_ref()),
                    carry(far_in, near_out, effects.as_ref())
                )
            };
            tokio::select! {
                biased;
                () = dead.cancelled() => {}
                _ = carried => {}
            }
        });
        here
    }

    /// Ask something.
    pub async fn http(
        &self,
        mut request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, Lost> {
        request.extensions_mut().insert(Peer(PEER));
        let answer = async {
            Self::lives(self.effects.as_ref()).await;
            let request = request.map(axum::body::Body::from);
            let answer = self.router.clone().oneshot(request).await;
            let (head, body) = answer.unwrap_or_else(|never| match never {}).into_parts();
            let body = body.collect().await.map_err(|error| Lost(error.to_string()))?;
            Self::lives(self.effects.as_ref()).await;
            Ok(http::Response::from_parts(head, body.to_bytes()))
        };
        tokio::select! {
            biased;
            () = self.dead.cancelled() => Err(Lost("the server is gone".into())),
            answer = answer => answer,
        }
    }

    /// Kill it where it stands.
    pub async fn kill(&self) {
        self.dies();
        self.app.kill().await;
        let mut connections = std::mem::take(&mut *self.connections.lock());
        connections.shutdown().await;
    }

    /// As much of a kill as can be done without waiting.
    pub fn dies(&self) {
        if let Some(effects) = &self.effects {
            effects.end();
        }
        self.dead.cancel();
    }

    /// Stop it as an operator does.
    pub async fn stop(&self) {
        self.app.drain();
        let gone = async {
            while self.app.delivery.sessions() > 0 {
                tokio::time::sleep(LOOK).await;
            }
        };
        // Not everybody goes when told to.
        let patience = Duration::from_secs(self.app.config.server.drain_seconds);
        let _ = tokio::time::timeout(patience, gone).await;
        self.app.clone().stop().await;
        self.dead.cancel();
        let mut connections = std::mem::take(&mut *self.connections.lock());
        connections.shutdown().await;
    }
}

/// Carry bytes one way until there are no more. What a frozen node has said is said when it goes on.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    effects: Option<&Arc<Effects>>,
) -> std::io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let read = from.read(&mut piece).await?;
        Node::lives(effects).await;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&piece[..read]).await?;
    }
}
