//! The accept loop. Everything that a connection may cost before it has said who it is, is bounded
//! here: how many there are, how long they may take to send a request, how much is read ahead.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::config::Config;
use crate::http::Peer;
use crate::http::connection::{Connection, Places};

/// Most bytes that are read ahead of what is understood; also the limit for all headers together.
const READ_AHEAD: usize = 16 * 1024;
/// Most headers of a request.
const HEADERS: usize = 64;
/// How long to wait after the system could give no connection, out of file descriptors for one.
const PAUSE: Duration = Duration::from_millis(100);

/// Serve `router` on `listener` until `stop`, then let requests that have begun end, at most for
/// the configured time. WebSockets are not waited for: whoever holds them ends them.
///
/// Takes both from outside, so that a test can bind port 0 and end it at will.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: &Config,
    stop: CancellationToken,
) {
    let places = Places::new(config.limits.connections, config.limits.connections_per_address);
    let patience = Duration::from_secs(config.limits.stall_seconds);
    let trusted = &config.server.trusted_proxies;
    let header = Duration::from_secs(config.limits.header_seconds);
    let running = TaskTracker::new();
    while let Some((stream, peer)) = next(&listener, &stop).await {
        let proxy = trusted.iter().any(|net| net.contains(&peer.ip().to_canonical()));
        let Some(place) = places.take((!proxy).then(|| peer.ip())) else {
            tracing::debug!(%peer, "refused: too many connections");
            continue;
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, "gone before it was served: {error}");
            continue;
        }
        let stream = Connection::new(stream, patience, place);
        running.spawn(serve_one(stream, peer.ip(), router.clone(), header, stop.clone()));
    }
    drop(listener);
    running.close();
    let patience = Duration::from_secs(config.server.drain_seconds);
    if tokio::time::timeout(patience, running.wait()).await.is_err() {
        tracing::warn!("stopped with requests that had not ended");
    }
}

/// Serve one connection from `peer` until it ends, or becomes a WebSocket with a task of its own.
/// From `stop` on no request begins on it. `header` is how long the headers of a request may take.
pub async fn serve_one<S>(
    stream: S,
    peer: IpAddr,
    router: Router,
    header: Duration,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header)
        .max_buf_size(READ_AHEAD)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let outcome = tokio::select! {
        biased;
        outcome = connection.as_mut() => outcome,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%peer, "the connection ended: {error}");
    }
}

/// The next connection; nothing when it is time to stop.
async fn next(listener: &TcpListener, stop: &CancellationToken) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(connection) => return Some(connection),
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::error!("no connection can be taken: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Whether it failed because that one peer had gone again.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
