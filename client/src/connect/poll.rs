//! The same frames where WebSockets are blocked: long polls. Polls and sends are numbered, so a lost
//! answer is asked for again and nothing is applied twice.

use std::time::Duration;

use futures_util::{sink, stream};
use http::Method;
use protocol::limits;
use protocol::request::{Poll, PollOpened, PollSend, Polled};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Lost, RequestError, Requests, Socket};

/// How often a request that got no answer is repeated before the connection counts as lost.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// Frames that wait between the two halves and the two tasks.
const QUEUE: usize = 64;

/// Open a poll session and give it the form of a socket.
pub(crate) async fn open_poll(requests: Requests, token: String) -> Result<Socket, RequestError> {
    let none = Value::Object(serde_json::Map::new());
    let opened: PollOpened =
        requests.ask(Method::POST, "/v1/poll/open", Some(&token), Some(&none)).await?;
    let (from_server, incoming) = mpsc::channel(QUEUE);
    let (outgoing, to_server) = mpsc::channel(QUEUE);
    let session = Session { requests, token, id: opened.session };
    let tasks = Tasks([
        tokio::spawn(session.clone().receive(from_server.clone())),
        tokio::spawn(session.send(to_server, from_server)),
    ]);
    let stream = stream::unfold((incoming, tasks), |(mut incoming, tasks)| async {
        let frame = incoming.recv().await?;
        Some((frame, (incoming, tasks)))
    });
    let sink = sink::unfold(outgoing, |outgoing, frame: String| async {
        outgoing.send(frame).await.map_err(|_| Lost("the poll ended".into()))?;
        Ok(outgoing)
    });
    Ok(Socket { sink: Box::pin(sink), stream: Box::pin(stream) })
}

/// The two tasks of a poll session; they end with the stream.
struct Tasks([JoinHandle<()>; 2]);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

#[derive(Clone)]
struct Session {
    requests: Requests,
    token: String,
    id: String,
}

type Incoming = mpsc::Sender<Result<String, Lost>>;

impl Session {
    async fn receive(self, to: Incoming) {
        for n in 1.. {
            let poll = Poll { session: self.id.clone(), n };
            let frames = match self.answer(&poll).await {
                Ok(frames) => frames,
                Err(error) => {
                    let _ = to.send(Err(Lost(error.to_string()))).await;
                    return;
                }
            };
            for frame in frames {
                if to.send(Ok(frame.to_string())).await.is_err() {
                    return;
                }
            }
        }
    }

    /// The frames of this very poll. An answer to another one is a stale one of a proxy: the same
    /// poll is asked again, since asking for the next would let the server forget this answer.
    async fn answer(&self, poll: &Poll) -> Result<Vec<Value>, RequestError> {
        for _ in 0..=TRIES {
            let polled: Polled = self.repeat("/v1/poll", poll).await?;
            if polled.n == poll.n {
                return Ok(polled.frames);
            }
        }
        Err(RequestError::Lost(Lost("only stale answers to a poll".into())))
    }

    async fn send(self, mut from: mpsc::Receiver<String>, failed: Incoming) {
        let mut next = from.recv().await;
        for m in 1.. {
            let Some(first) = next.take() else { return };
            let mut size = first.len();
            let mut frames = vec![first];
            while let Ok(frame) = from.try_recv() {
                if size + frame.len() > limits::FRAME_BYTES {
                    next = Some(frame);
                    break;
                }
                size += frame.len();
                frames.push(frame);
            }
            // What is sent was encoded by this client, so it always reads as JSON.
            let frames = frames.iter().filter_map(|f| serde_json::from_str(f).ok()).collect();
            let send = PollSend { session: self.id.clone(), m, frames };
            if let Err(error) = self.repeat::<Value>("/v1/poll/send", &send).await {
                let _ = failed.send(Err(Lost(error.to_string()))).await;
                return;
            }
            if next.is_none() {
                next = from.recv().await;
            }
        }
    }

    async fn repeat<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        body: &impl serde::Serialize,
    ) -> Result<T, RequestError> {
        let mut tries = 0;
        loop {
            match self.requests.ask(Method::POST, path, Some(&self.token), Some(body)).await {
                Err(RequestError::Lost(_)) if tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                answer => return answer,
            }
        }
    }
}
