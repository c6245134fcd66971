//! The real network: HTTP over reqwest with the system's proxy and trust store, WebSocket over
//! tungstenite with small buffers.
//!
//! The program has to install rustls' crypto provider (`ring`) before it makes a [`Network`].

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, stream};
use http::header::AUTHORIZATION;
use protocol::limits;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::{Connector, Lost, Socket, SocketError};

/// Longer than the 25 s that a poll waits.
const HTTP_TIMEOUT: Duration = Duration::from_secs(35);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Servers ping every 25 s; without any sign for this long the connection is dead.
const DEAD_AFTER: Duration = Duration::from_secs(60);
/// Larger than any answer of a server: a range is at most a few frames.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// HTTP and WebSockets.
pub struct Network {
    http: reqwest::Client,
}

impl Network {
    /// A network that honours the system's proxy settings.
    ///
    /// # Errors
    /// When TLS cannot be set up, for one because no crypto provider is installed.
    pub fn new() -> Result<Self, Lost> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(HTTP_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(lost)?;
        Ok(Self { http })
    }
}

#[async_trait::async_trait]
impl Connector for Network {
    async fn http(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Lost> {
        let request = reqwest::Request::try_from(request).map_err(lost)?;
        let mut answer = self.http.execute(request).await.map_err(lost)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(Lost("the answer is too large".into()));
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = http::Response::new(Bytes::from(body));
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        Ok(response)
    }

    async fn socket(&self, address: &str, access_token: &str) -> Result<Socket, SocketError> {
        let request = upgrade_request(address, access_token)?;
        let connecting =
            tokio_tungstenite::connect_async_with_config(request, Some(buffers()), true);
        established(connecting).await
    }
}

/// A socket over a connection that is there already: a pipe in memory, a tunnel.
///
/// # Errors
/// See [`SocketError`].
pub async fn socket_over<S>(
    connection: S,
    address: &str,
    access_token: &str,
) -> Result<Socket, SocketError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let request = upgrade_request(address, access_token)?;
    established(tokio_tungstenite::client_async_with_config(request, connection, Some(buffers())))
        .await
}

fn upgrade_request(address: &str, access_token: &str) -> Result<http::Request<()>, Lost> {
    // `http` becomes `ws` and `https` becomes `wss`.
    let url = format!("{}{}", address.replacen("http", "ws", 1), protocol::SOCKET_PATH);
    let mut request = url.into_client_request().map_err(lost)?;
    let token = format!("Bearer {access_token}").parse().map_err(lost)?;
    request.headers_mut().insert(AUTHORIZATION, token);
    Ok(request)
}

async fn established<S, A>(
    connecting: impl Future<Output = Result<(WebSocketStream<S>, A), WsError>>,
) -> Result<Socket, SocketError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (socket, _) = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
        .await
        .map_err(lost)?
        .map_err(|error| match error {
            WsError::Http(answer) => SocketError::Refused(answer.status().as_u16()),
            // What answered does not speak HTTP, or not the part of it that upgrades.
            WsError::Protocol(_) | WsError::HttpFormat(_) => SocketError::Refused(0),
            other => SocketError::Lost(lost(other)),
        })?;
    let (sink, stream) = socket.split();
    let sink = sink
        .sink_map_err(lost)
        .with(|text: String| std::future::ready(Ok::<_, Lost>(Message::text(text))));
    let stream = stream::unfold(Some(stream), |stream| async {
        let mut stream = stream?;
        loop {
            match tokio::time::timeout(DEAD_AFTER, stream.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => {
                    return Some((Ok(text.as_str().to_owned()), Some(stream)));
                }
                // Pings and pongs show that the other side lives; tungstenite answers them.
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => {}
                Ok(Some(Ok(Message::Binary(_)))) => {
                    return Some((Err(Lost("a binary frame".into())), None));
                }
                Ok(Some(Err(error))) => return Some((Err(lost(error)), None)),
                Ok(None | Some(Ok(Message::Close(_)))) => return None,
                Err(_) => return Some((Err(Lost("silence".into())), None)),
            }
        }
    });
    Ok(Socket { sink: Box::pin(sink), stream: Box::pin(stream) })
}

fn buffers() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(8 * 1024)
        .max_write_buffer_size(512 * 1024)
        .max_message_size(Some(limits::SERVER_FRAME_BYTES))
        .max_frame_size(Some(limits::SERVER_FRAME_BYTES))
}

fn lost(error: impl std::fmt::Display) -> Lost {
    Lost(error.to_string())
}
