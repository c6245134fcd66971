//! A live session, frame by frame: what an app does on the wire, without an app's patience.

use anyhow::Result;
use client::connect::{Connector, Socket};
use futures_util::{SinkExt, StreamExt};
use protocol::frame::Hello;
use protocol::{ClientFrame, ServerFrame, VERSION, wire};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::api::{Account, Api};

/// Something of one of several sessions.
pub(crate) struct Told {
    /// Which session.
    pub(crate) session: usize,
    /// What came; `None` when the connection has ended, and then nothing more comes of it.
    pub(crate) frame: Option<ServerFrame>,
}

/// A live session; it ends when this is dropped.
pub(crate) struct Session {
    outgoing: UnboundedSender<ClientFrame>,
}

impl Session {
    /// Connect and say hello. What comes goes to `told`, under this number.
    pub(crate) async fn open(
        api: &Api,
        who: &Account,
        session: usize,
        told: UnboundedSender<Told>,
    ) -> Result<Self> {
        let socket = api.network.socket(&api.address, &who.access_token).await?;
        let (outgoing, to_send) = unbounded_channel();
        tokio::spawn(exchange(socket, to_send, session, told));
        let session = Self { outgoing };
        session.hello();
        Ok(session)
    }

    /// Ask for everything.
    pub(crate) fn hello(&self) {
        self.send(ClientFrame::Hello(Hello { version: VERSION, account_version: 0, cursor: None }));
    }

    /// Send a frame, or nothing when the connection has ended.
    pub(crate) fn send(&self, frame: ClientFrame) {
        let _ = self.outgoing.send(frame);
    }
}

async fn exchange(
    mut socket: Socket,
    mut to_send: UnboundedReceiver<ClientFrame>,
    session: usize,
    told: UnboundedSender<Told>,
) {
    // What came before the end is still to be read when nothing can be sent any more.
    let mut broken = false;
    loop {
        tokio::select! {
            frame = socket.stream.next() => {
                let Some(Ok(text)) = frame else { break };
                let frame = wire::decode_server(&text).expect("a frame of the protocol");
                if told.send(Told { session, frame }).is_err() {
                    return;
                }
            }
            frame = to_send.recv(), if !broken => {
                let Some(frame) = frame else { return };
                broken = socket.sink.send(wire::encode(&frame)).await.is_err();
            }
        }
    }
    let _ = told.send(Told { session, frame: None });
}
