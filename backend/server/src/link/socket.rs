//! A link over a WebSocket: the handshake in which two nodes show each other that they have the
//! cluster's secret, and the carrying of messages in both directions.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::{WebSocketStream, accept_async_with_config, client_async_with_config};
use tungstenite::Message;
use tungstenite::protocol::WebSocketConfig;

use super::attach::LEASE;
use super::message::{Garbage, MESSAGE_BYTES, VERSION};
use super::proof::{self, Answer, Challenge, End, Hello, Key};
use super::queue::Queue;

/// How long it may take until two nodes know each other.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How much is written at once.
const WRITE: usize = 64 * 1024;

/// A node's name, its key, and bytes that nobody could foresee.
pub(super) struct Own<'a> {
    pub(super) node: &'a str,
    pub(super) key: &'a Key,
    pub(super) nonce: [u8; 32],
}

/// A link that stands.
pub(super) struct Linked {
    /// The other node's name, as it has shown.
    pub(super) node: String,
    socket: WebSocketStream<TcpStream>,
}

/// Why a link has ended, or did not come to be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("{0}")]
    Network(#[from] std::io::Error),
    #[error("{0}")]
    Socket(#[from] Box<tungstenite::Error>),
    #[error("no answer in time")]
    Late,
    #[error("it has not shown that it has the secret of this cluster")]
    Stranger,
    #[error("it is {found} and not {wanted}")]
    Another { wanted: String, found: String },
    #[error("it speaks version {0} of the link")]
    Version(u32),
    #[error(transparent)]
    Garbage(#[from] Garbage),
    #[error("it is too slow for what it is told, or is gone")]
    Ended,
}

impl From<tungstenite::Error> for Broken {
    fn from(error: tungstenite::Error) -> Self {
        Self::Socket(Box::new(error))
    }
}

/// Link this node, as a gateway, to the node that is said to be at an address.
pub(super) async fn connect(address: &str, wanted: &str, own: Own<'_>) -> Result<Linked, Broken> {
    let shaken = async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let asked = client_async_with_config("ws://node/link", stream, Some(config()));
        let (mut socket, _) = asked.await?;
        let nonce = proof::nonce(own.nonce);
        let node = own.node.to_owned();
        say(&mut socket, &Hello { version: VERSION, node, nonce: nonce.clone() }).await?;
        let challenge: Challenge = hear(&mut socket).await?;
        let gateway = (own.node, &*nonce);
        let owner = (&*challenge.node, &*challenge.nonce);
        if !own.key.is_proof(&challenge.proof, End::Owner, gateway, owner) {
            return Err(Broken::Stranger);
        }
        if challenge.node != wanted {
            return Err(Broken::Another { wanted: wanted.to_owned(), found: challenge.node });
        }
        say(&mut socket, &Answer { proof: own.key.proof(End::Gateway, gateway, owner) }).await?;
        Ok(Linked { node: wanted.to_owned(), socket })
    };
    timeout(HANDSHAKE, shaken).await.unwrap_or(Err(Broken::Late))
}

/// Let a gateway that has connected show who it is.
pub(super) async fn accept(stream: TcpStream, own: Own<'_>) -> Result<Linked, Broken> {
    let shaken = async {
        stream.set_nodelay(true)?;
        let mut socket = accept_async_with_config(stream, Some(config())).await?;
        let hello: Hello = hear(&mut socket).await?;
        if hello.version != VERSION {
            return Err(Broken::Version(hello.version));
        }
        let nonce = proof::nonce(own.nonce);
        let gateway = (&*hello.node, &*hello.nonce);
        let owner = (own.node, &*nonce);
        let proof = own.key.proof(End::Owner, gateway, owner);
        say(&mut socket, &Challenge { node: own.node.to_owned(), nonce: nonce.clone(), proof })
            .await?;
        let answer: Answer = hear(&mut socket).await?;
        if !own.key.is_proof(&answer.proof, End::Gateway, gateway, owner) {
            return Err(Broken::Stranger);
        }
        Ok(Linked { node: hello.node, socket })
    };
    timeout(HANDSHAKE, shaken).await.unwrap_or(Err(Broken::Late))
}

impl Linked {
    /// Carry what is queued to the other node, and give what comes from there to `heed`, until the link
    /// ends.
    pub(super) async fn carry<T>(
        self,
        queue: &Queue<T>,
        encode: impl Fn(&T) -> Vec<u8>,
        mut heed: impl FnMut(Bytes) -> Result<(), Garbage>,
    ) -> Broken {
        let (mut sink, mut stream) = self.socket.split();
        let writing = async {
            while let Some(messages) = queue.take().await {
                let written = timeout(LEASE, async {
                    for message in &messages {
                        sink.feed(Message::Binary(encode(message).into())).await?;
                    }
                    sink.flush().await
                });
                match written.await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return error.into(),
                    Err(_) => return Broken::Late,
                }
            }
            Broken::Ended
        };
        let reading = async {
            loop {
                match stream.next().await {
                    Some(Ok(Message::Binary(bytes))) => {
                        if let Err(garbage) = heed(bytes) {
                            return garbage.into();
                        }
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_))) | None => return Broken::Ended,
                    Some(Ok(_)) => return Garbage { at: 0 }.into(),
                    Some(Err(error)) => return error.into(),
                }
            }
        };
        tokio::select! {
            biased;
            broken = reading => broken,
            broken = writing => broken,
        }
    }
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(WRITE)
        .write_buffer_size(WRITE)
        .max_write_buffer_size(4 * MESSAGE_BYTES)
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES))
}

async fn say(socket: &mut WebSocketStream<TcpStream>, word: &impl Serialize) -> Result<(), Broken> {
    Ok(socket.send(Message::Binary(protocol::wire::encode(word).into())).await?)
}

async fn hear<T: DeserializeOwned>(socket: &mut WebSocketStream<TcpStream>) -> Result<T, Broken> {
    match socket.next().await {
        Some(Ok(Message::Binary(bytes))) if bytes.len() <= proof::LONGEST => {
            let word = serde_json::from_slice(&bytes);
            word.map_err(|error| Garbage { at: error.column() }.into())
        }
        Some(Ok(Message::Close(_))) | None => Err(Broken::Ended),
        Some(Ok(_)) => Err(Garbage { at: 0 }.into()),
        Some(Err(error)) => Err(error.into()),
    }
}
