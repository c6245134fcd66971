//! One connection, from hello to its end.

use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use protocol::frame::ClientFrame;
use protocol::{ServerFrame, wire};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::account::Arrival;
use crate::connect::{FrameSink, FrameStream, Socket};
use crate::running::Running;
use crate::store::StoreError;
use crate::view::Connection;

/// A server that says nothing to a hello for this long is given up.
const SILENCE: Duration = Duration::from_secs(20);
/// A write that stalls this long ends the connection.
const STALLED: Duration = Duration::from_secs(10);
/// Frames that become one transaction, at most.
const BATCH: usize = 256;

/// Why a connection ended.
pub(crate) enum End {
    /// It broke, or the other side went away.
    Lost(String),
    /// The session is over.
    SignedOut,
    /// Connect again soon: something was missed, or the cache was rebuilt.
    Again,
    /// The node stops: connect again after that time, to one of these first.
    GoAway(Duration, Vec<String>),
    /// What came cannot be stored.
    Storage(StoreError),
}

pub(crate) struct Link<'a> {
    running: &'a Running,
    /// Tells this connection from all others of the account.
    number: u64,
    /// Until when it polls, if it polls.
    polling: Option<Instant>,
    answered: bool,
    outgoing: mpsc::Sender<Vec<String>>,
    /// Taken by the writer.
    to_write: Option<mpsc::Receiver<Vec<String>>>,
}

impl<'a> Link<'a> {
    pub(crate) fn new(running: &'a Running, number: u64, polling: Option<Instant>) -> Self {
        // One composed batch may wait; the next is composed when there is room, from what is due then.
        let (outgoing, to_write) = mpsc::channel(1);
        Self { running, number, polling, answered: false, outgoing, to_write: Some(to_write) }
    }

    /// Whether the server ever said anything on it.
    pub(crate) fn answered(&self) -> bool {
        self.answered
    }

    pub(crate) async fn run(&mut self, socket: Socket) -> End {
        let Some(to_write) = self.to_write.take() else { return End::Lost("used twice".into()) };
        let mut writer = Writer(tokio::spawn(write(socket.sink, to_write)));
        match self.exchange(socket.stream, &mut writer).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn exchange(
        &mut self,
        mut stream: FrameStream,
        writer: &mut Writer,
    ) -> Result<std::convert::Infallible, End> {
        self.say_hello().await?;
        let silent_until = Instant::now() + SILENCE;
        let far = Instant::now() + Duration::from_secs(365 * 24 * 3600);
        let running = self.running;
        let outgoing = self.outgoing.clone();
        let mut due = true;
        let mut next = None;
        loop {
            let (answered, polling) = (self.answered, self.polling);
            tokio::select! {
                biased;
                () = running.signals.anew.notified() => return Err(End::Again),
                frame = stream.next() => {
                    let mut frames = vec![lost(frame)?];
                    while frames.len() < BATCH
                        && let Some(frame) = stream.next().now_or_never()
                    {
                        match lost(frame) {
                            Ok(frame) => frames.push(frame),
                            // What came before the end is taken in first.
                            Err(end) => {
                                self.take(frames).await?;
                                return Err(end);
                            }
                        }
                    }
                    self.take(frames).await?;
                }
                ended = &mut writer.0 => {
                    return Err(End::Lost(ended.unwrap_or_else(|e| e.to_string())));
                }
                permit = outgoing.reserve(), if due => {
                    let Ok(permit) = permit else { return Err(End::Lost("no writer".into())) };
                    due = false;
                    let (number, now) = (self.number, Instant::now());
                    let composed = running.look(move |a| a.outgoing(number, now)).await;
                    let composed = composed.map_err(End::Storage)?;
                    next = composed.next;
                    if !composed.frames.is_empty() {
                        permit.send(composed.frames);
                        // Rows of what was handed over show it.
                        running.signals.tell.notify_one();
                    }
                }
                () = running.signals.outgoing.notified() => due = true,
                () = sleep_until(next.unwrap_or(far)), if !due => due = true,
                () = sleep_until(silent_until), if !answered => {
                    return Err(End::Lost("no answer to hello".into()));
                }
                () = sleep_until(polling.unwrap_or(far)) => return Err(End::Again),
            }
        }
    }

    async fn say_hello(&mut self) -> Result<(), End> {
        let hello = self
            .running
            .look(|account| {
                account.begin_answer();
                account.hello()
            })
            .await;
        let frame = wire::encode(&ClientFrame::Hello(hello));
        self.outgoing.send(vec![frame]).await.map_err(|error| End::Lost(error.to_string()))
    }

    /// Take frames in, in their order, in as few transactions as that allows.
    async fn take(&mut self, frames: Vec<String>) -> Result<(), End> {
        if !self.answered {
            self.answered = true;
            let polling = self.polling.is_some();
            self.running.set_connection(if polling {
                Connection::Polling
            } else {
                Connection::Online
            });
        }
        let mut arrivals = Vec::new();
        for text in frames {
            let frame = match wire::decode_server(&text) {
                Ok(Some(frame)) => frame,
                Ok(None) => continue,
                // What was in it is missed, and its conversation has a hole that is filled.
                Err(code) => {
                    tracing::warn!(%code, "a frame of the server is skipped");
                    continue;
                }
            };
            match frame {
                ServerFrame::Page(page) => arrivals.push(Arrival::Page(page)),
                ServerFrame::Event(event) => arrivals.push(Arrival::Event(event)),
                ServerFrame::Marked(marked) => arrivals.push(Arrival::Marked(marked)),
                ServerFrame::MarkStored(mark) => arrivals.push(Arrival::MarkStored(mark)),
                ServerFrame::Rejected(rejected) => arrivals.push(Arrival::Rejected(rejected)),
                ServerFrame::Cursor(cursor) => arrivals.push(Arrival::Cursor(cursor)),
                other => {
                    self.ingest(std::mem::take(&mut arrivals)).await?;
                    self.control(other).await?;
                }
            }
        }
        self.ingest(arrivals).await
    }

    async fn ingest(&self, arrivals: Vec<Arrival>) -> Result<(), End> {
        if arrivals.is_empty() {
            return Ok(());
        }
        let ingested = self.running.with(|account| account.ingest(arrivals)).await;
        match ingested {
            Ok(ingested) if ingested.rejoin => Err(End::Again),
            Ok(_) => Ok(()),
            // The cache was rebuilt; everything comes again.
            Err(error) if error.is_damage() => Err(End::Again),
            Err(error) => Err(End::Storage(error)),
        }
    }

    /// Frames that are about the connection, or that are never stored.
    async fn control(&mut self, frame: ServerFrame) -> Result<(), End> {
        let now = Instant::now();
        match frame {
            ServerFrame::SlowDown(slow) => {
                let pause = Duration::from_millis(slow.retry_after_ms);
                self.change(move |account| account.slow_down(slow.conversation, now, pause)).await;
            }
            ServerFrame::Typing(typing) => {
                self.change(move |a| a.see_typing(typing.conversation, typing.user, now)).await;
            }
            ServerFrame::Presence(presence) => {
                self.change(move |a| a.set_presence(presence.user, presence.online)).await;
            }
            ServerFrame::Account(account) => {
                self.change(move |a| a.see_account_version(account.version)).await;
            }
            ServerFrame::Resync {} => self.say_hello().await?,
            ServerFrame::Goaway(goaway) => {
                let after = Duration::from_millis(goaway.retry_after_ms);
                return Err(End::GoAway(after, goaway.prefer));
            }
            ServerFrame::SessionEnded {} => return Err(End::SignedOut),
            ServerFrame::Error(refused) => {
                tracing::warn!(code = %refused.code, detail = refused.detail, "a frame was refused");
                if let Some(conversation) = refused.conversation {
                    let refused = self.running.with(move |a| a.refused(conversation, refused.code));
                    refused.await.map_err(End::Storage)?;
                }
            }
            // Taken in above.
            _ => {}
        }
        Ok(())
    }

    async fn change(&self, change: impl FnOnce(&mut crate::account::Account) + Send + 'static) {
        let changed = self.running.with(|account| {
            change(account);
            Ok::<_, StoreError>(())
        });
        // It cannot fail: nothing of it is stored.
        let _ = changed.await;
    }
}

fn lost(frame: Option<Result<String, crate::connect::Lost>>) -> Result<String, End> {
    match frame {
        Some(Ok(frame)) => Ok(frame),
        Some(Err(error)) => Err(End::Lost(error.to_string())),
        None => Err(End::Lost("the server closed it".into())),
    }
}

/// The task that writes; it ends with the connection.
struct Writer(JoinHandle<String>);

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Write batches until the connection ends; gives the reason.
async fn write(mut sink: FrameSink, mut batches: mpsc::Receiver<Vec<String>>) -> String {
    while let Some(batch) = batches.recv().await {
        let writing = async {
            for frame in batch {
                sink.feed(frame).await?;
            }
            sink.flush().await
        };
        match timeout(STALLED, writing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return "a write stalled".into(),
        }
    }
    "nothing more to write".into()
}
