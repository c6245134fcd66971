//! `GET /v1/socket`: a session over a WebSocket. One task per connection.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use axum::extract::{State, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use protocol::limits;
use tokio::time::{Instant, timeout};

use super::session::{HELLO_WITHIN, Session};
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;

/// How often the other side is asked whether it is there.
const PING: Duration = Duration::from_secs(25);
/// How long it may be silent.
const DEAD: Duration = Duration::from_secs(60);
/// How long a write may make no progress.
const STALL: Duration = Duration::from_secs(10);
/// A cursor is sent at most this often.
const CURSOR_EVERY: Duration = Duration::from_secs(1);

pub(crate) async fn upgrade(
    State(app): State<App>,
    principal: Principal,
    socket: WebSocketUpgrade,
) -> Result<Response, Error> {
    super::admit(&app, principal)?;
    Ok(socket
        .read_buffer_size(4 * 1024)
        .write_buffer_size(8 * 1024)
        .max_write_buffer_size(1024 * 1024)
        .max_message_size(limits::FRAME_BYTES)
        .max_frame_size(limits::FRAME_BYTES)
        .on_upgrade(move |socket| serve(Session::new(app, principal), socket))
        .into_response())
}

async fn serve(session: Session, socket: WebSocket) {
    let session = Arc::new(session);
    let (sink, stream) = socket.split();
    tokio::select! {
        biased;
        () = write(&session, sink) => {}
        () = read(&session, stream) => {}
    }
}

/// Heed what comes until the other side is gone, silent for too long, or does not say hello.
async fn read(session: &Session, mut stream: SplitStream<WebSocket>) {
    let begun = Instant::now();
    let mut patience = HELLO_WITHIN;
    loop {
        let message = match timeout(patience, stream.next()).await {
            Ok(Some(Ok(message))) => message,
            _ => return,
        };
        match message {
            Message::Text(text) => session.heed(&text).await,
            Message::Binary(_) => session.heed("").await,
            Message::Close(_) => return,
            Message::Ping(_) | Message::Pong(_) => {}
        }
        patience = if session.greeted().await {
            DEAD
        } else {
            HELLO_WITHIN.saturating_sub(begun.elapsed())
        };
    }
}

/// Send what is queued: everything that waits goes into one write. Ends when the queue ends or the
/// other side takes nothing for too long.
async fn write(session: &Session, mut sink: SplitSink<WebSocket, Message>) {
    let mut ping = tokio::time::interval(PING);
    ping.reset();
    let mut cursor_sent = (0, Instant::now());
    loop {
        tokio::select! {
            biased;
            taken = session.outgoing.take() => {
                let Some((frames, covered)) = taken else { break };
                let sent = timeout(STALL, async {
                    for frame in frames {
                        sink.feed(Message::Text(frame)).await?;
                    }
                    if covered > cursor_sent.0 && cursor_sent.1.elapsed() >= CURSOR_EVERY {
                        cursor_sent = (covered, Instant::now());
                        sink.feed(Message::Text(session.cursor(covered).into())).await?;
                    }
                    sink.flush().await
                });
                if !matches!(sent.await, Ok(Ok(()))) {
                    return;
                }
            }
            _ = ping.tick() => {
                let asked = timeout(STALL, sink.send(Message::Ping(Bytes::new())));
                if !matches!(asked.await, Ok(Ok(()))) {
                    return;
                }
            }
        }
    }
    let close = CloseFrame { code: close_code::AWAY, reason: "".into() };
    // Whoever does not take it within the time is gone.
    drop(timeout(STALL, sink.send(Message::Close(Some(close)))).await);
}
