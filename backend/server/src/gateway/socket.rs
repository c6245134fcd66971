//! `GET /v1/socket`: a session over a WebSocket. One task per connection.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use axum::extract::{State, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use protocol::{Code, limits};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tungstenite::error::ProtocolError;

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
/// What is larger is not even read, and the connection ends. A frame that is only somewhat too large
/// gets its code, and the session goes on.
const READ_BYTES: usize = 2 * limits::FRAME_BYTES;
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
        .max_message_size(READ_BYTES)
        .max_frame_size(READ_BYTES)
        .on_upgrade(move |socket| serve(Session::new(app, principal), socket))
        .into_response())
}

async fn serve(session: Session, socket: WebSocket) {
    let (mut sink, stream) = socket.split();
    let heard = Heard::now();
    let why = tokio::select! {
        biased;
        // What came goes first: its answers go out in one write with what else waits.
        why = read(&session, stream, &heard) => why,
        () = write(&session, &mut sink, &heard) => None,
    };
    if let Some(why) = why {
        close(&mut sink, why).await;
    }
}

/// When the other side was last heard of: looked at now and then, so that no message moves a timer.
struct Heard {
    begun: Instant,
    millis: AtomicU64,
}

impl Heard {
    fn now() -> Self {
        Self { begun: Instant::now(), millis: AtomicU64::new(0) }
    }

    fn again(&self) {
        let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.millis.store(millis, Ordering::Relaxed);
    }

    /// When it counts as dead, if it stays silent.
    fn dead(&self) -> Instant {
        self.begun + Duration::from_millis(self.millis.load(Ordering::Relaxed)) + DEAD
    }
}

/// Heed what comes until the other side is gone, says what is no WebSocket, or does not say hello.
/// Gives what is worth telling it.
async fn read(
    session: &Session,
    mut stream: SplitStream<WebSocket>,
    heard: &Heard,
) -> Option<CloseFrame> {
    let hello_by = heard.begun + HELLO_WITHIN;
    let mut greeted = false;
    loop {
        let next = if greeted {
            stream.next().await
        } else if let Ok(next) = timeout_at(hello_by, stream.next()).await {
            next
        } else {
            return Some(frame(close_code::POLICY, Code::HelloFirst.as_str()));
        };
        let message = match next {
            Some(Ok(message)) => message,
            Some(Err(error)) => return refusal(error),
            None => return None,
        };
        heard.again();
        match message {
            Message::Text(text) => session.heed(&text).await,
            // Frames are text.
            Message::Binary(_) => session.heed("").await,
            Message::Close(_) => return None,
            Message::Ping(_) | Message::Pong(_) => {}
        }
        greeted = greeted || session.greeted().await;
    }
}

/// How to close a connection on which nothing more can be understood; nothing when it is gone.
fn refusal(error: axum::Error) -> Option<CloseFrame> {
    let error = error.into_inner().downcast::<tungstenite::Error>().ok()?;
    match *error {
        tungstenite::Error::Capacity(_) => Some(frame(close_code::SIZE, Code::TooLarge.as_str())),
        tungstenite::Error::Utf8(_) => Some(frame(close_code::INVALID, Code::Malformed.as_str())),
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        tungstenite::Error::Protocol(_) => {
            Some(frame(close_code::PROTOCOL, Code::Malformed.as_str()))
        }
        _ => None,
    }
}

fn frame(code: u16, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: reason.into() }
}

async fn close(sink: &mut SplitSink<WebSocket, Message>, why: CloseFrame) {
    // Whoever does not take it within the time is gone.
    drop(timeout(STALL, sink.send(Message::Close(Some(why)))).await);
}

/// Send what is queued: everything that waits goes into one write. Ends when the queue ends, or the
/// other side takes nothing or is silent for too long.
async fn write(session: &Session, sink: &mut SplitSink<WebSocket, Message>, heard: &Heard) {
    let mut ping = tokio::time::interval(PING);
    ping.reset();
    let mut dead = pin!(sleep_until(heard.dead()));
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
            () = dead.as_mut() => {
                if heard.dead() <= Instant::now() {
                    return;
                }
                dead.as_mut().reset(heard.dead());
            }
        }
    }
    close(sink, frame(close_code::AWAY, "")).await;
}
