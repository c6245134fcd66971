//! One client's connection, as bare as it gets: it says hello, sends text and sees text.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use futures_util::{FutureExt, SinkExt, StreamExt};
use http::Request;
use protocol::frame::Hello;
use protocol::{ClientFrame, wire};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::accounts::Account;
use crate::text::{self, Seen};

/// An open connection.
pub(crate) struct Session {
    socket: WebSocketStream<TcpStream>,
}

/// What the answer to hello held.
#[derive(Debug)]
pub(crate) struct Welcome {
    /// What to say in the next hello.
    pub(crate) cursor: String,
    /// How many events there were in its pages.
    pub(crate) events: usize,
}

impl Session {
    /// Connect as this person. `buffer` bytes are read at once.
    pub(crate) async fn connect(to: SocketAddr, as_: &Account, buffer: usize) -> Result<Self> {
        let stream = TcpStream::connect(to).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let request = Request::get(format!("ws://{to}/v1/socket"))
            .header("host", to.to_string())
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", generate_key())
            .header("authorization", format!("Bearer {}", as_.access_token))
            .body(())?;
        let config = WebSocketConfig::default().read_buffer_size(buffer).write_buffer_size(0);
        let (socket, _) =
            tokio_tungstenite::client_async_with_config(request, stream, Some(config))
                .await
                .context("no session")?;
        Ok(Self { socket })
    }

    /// Say hello and read its answer, up to the first cursor.
    pub(crate) async fn hello(&mut self, cursor: Option<String>) -> Result<Welcome> {
        let hello = Hello { version: protocol::VERSION, account_version: 0, cursor };
        self.send(wire::encode(&ClientFrame::Hello(hello))).await?;
        let mut events = 0;
        loop {
            let text = self.next().await?;
            match text::see(&text) {
                Seen::Page(some) => events += some,
                Seen::Event(_) => events += 1,
                Seen::Cursor(cursor) => return Ok(Welcome { cursor: cursor.to_owned(), events }),
                Seen::Other => bail!("the server says {text}"),
                _ => {}
            }
        }
    }

    /// Send a frame.
    pub(crate) async fn send(&mut self, text: String) -> Result<()> {
        Ok(self.socket.send(Message::text(text)).await?)
    }

    /// The next frame. Can be dropped while it waits, and called again.
    pub(crate) async fn next(&mut self) -> Result<Utf8Bytes> {
        loop {
            match self.socket.next().await.context("the server has closed")?? {
                Message::Text(text) => return Ok(text),
                Message::Close(frame) => bail!("the server has closed: {frame:?}"),
                // Pings are answered by the library.
                _ => {}
            }
        }
    }

    /// A frame that is there already.
    pub(crate) fn ready(&mut self) -> Result<Option<Utf8Bytes>> {
        self.next().now_or_never().transpose()
    }

    /// Say good-bye and wait until the other side has done so too.
    pub(crate) async fn close(mut self) -> Result<()> {
        self.socket.close(None).await?;
        while let Some(Ok(_)) = self.socket.next().await {}
        Ok(())
    }
}
