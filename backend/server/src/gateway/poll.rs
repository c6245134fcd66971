//! `POST /v1/poll…`: the same session over long-poll, where something on the way blocks WebSockets.
//! Answer n is kept and repeated until n+1 is asked for, so that a lost answer loses nothing; sent
//! frames carry a number, so that a repeated request is not applied again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::Utf8Bytes;
use parking_lot::Mutex;
use protocol::request::{Poll, PollOpened, PollSend, Polled};
use protocol::{Code, Problem, wire};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::session::Session;
use crate::app::App;
use crate::auth::Principal;
use crate::http::{Error, Json};
use crate::link::{Asker, PollRequest};

/// How long a poll waits for frames.
const WAIT: Duration = Duration::from_secs(25);
/// A session that is not polled for this long is over.
const UNPOLLED: Duration = Duration::from_secs(60);
/// About how many bytes of frames one answer holds.
const ANSWER_BYTES: usize = 256 * 1024;

/// The poll sessions of this node.
#[derive(Default)]
pub struct Polls {
    sessions: Mutex<BTreeMap<String, Arc<PollSession>>>,
}

struct PollSession {
    principal: Principal,
    session: Session,
    state: Mutex<Polling>,
    /// Woken when a newer poll ends an older one.
    newer: Notify,
    /// One `send` at a time.
    sending: tokio::sync::Mutex<Sending>,
}

struct Polling {
    polled: Instant,
    /// The last answer and its number.
    answer: (u64, Vec<Utf8Bytes>),
    /// Taken from the queue, not yet part of an answer.
    rest: VecDeque<Utf8Bytes>,
    /// Grows with every poll.
    turn: u64,
}

/// How far the sent frames were heeded.
#[derive(Default)]
struct Sending {
    /// The last request that was heeded whole.
    done: u64,
    /// How many frames of the next one were heeded before its connection ended.
    frames: usize,
}

impl Polls {
    fn find(&self, id: &str, principal: Principal) -> Result<Arc<PollSession>, Error> {
        let unknown = || Error::new(Code::SessionUnknown, "no such poll session");
        let found = self.sessions.lock().get(id).cloned().ok_or_else(unknown)?;
        if found.principal == principal { Ok(found) } else { Err(unknown()) }
    }

    /// Forget all sessions: each holds the app, which holds them.
    pub(crate) fn end(&self) {
        self.sessions.lock().clear();
    }

    /// Forget sessions that nobody polls any more.
    fn sweep(&self) {
        self.sessions.lock().retain(|_, session| session.state.lock().polled.elapsed() < UNPOLLED);
    }
}

pub(crate) async fn open(
    State(app): State<App>,
    principal: Principal,
) -> Result<Json<PollOpened>, Error> {
    app.polls.sweep();
    super::admit(&app, principal)?;
    let id = format!("{}.{}", app.config.server.node, app.environment.id().simple());
    let session = PollSession {
        principal,
        session: Session::new(app.clone(), principal),
        state: Mutex::new(Polling {
            polled: Instant::now(),
            answer: (0, Vec::new()),
            rest: VecDeque::new(),
            turn: 0,
        }),
        newer: Notify::new(),
        sending: tokio::sync::Mutex::default(),
    };
    let mut sessions = app.polls.sessions.lock();
    let limits = &app.config.limits;
    let own = sessions.values().filter(|s| s.principal.session == principal.session).count();
    if own >= limits.sockets_per_device || sessions.len() >= limits.sockets {
        return Err(Error::new(Code::TooManySockets, "too many poll sessions"));
    }
    sessions.insert(id.clone(), Arc::new(session));
    Ok(Json(PollOpened { session: id }))
}

pub(crate) async fn poll(
    State(app): State<App>,
    principal: Principal,
    Json(poll): Json<Poll>,
) -> Result<Json<Box<RawValue>>, Error> {
    if let Some(node) = elsewhere(&app, &poll.session) {
        return forward(&app, node, principal, PollRequest::Poll(poll.clone())).await;
    }
    Ok(Json(raw(&poll_here(&app, principal, poll).await?)?))
}

async fn poll_here(app: &App, principal: Principal, poll: Poll) -> Result<Polled, Error> {
    app.polls.sweep();
    let found = app.polls.find(&poll.session, principal)?;
    let turn = {
        let mut state = found.state.lock();
        state.polled = Instant::now();
        state.turn += 1;
        if poll.n == state.answer.0 {
            return Ok(polled(poll.n, &state.answer.1));
        }
        if poll.n != state.answer.0 + 1 {
            return Err(Error::new(Code::BadValue, "answers are asked for one after another"));
        }
        state.turn
    };
    found.newer.notify_waiters();
    if found.state.lock().rest.is_empty() {
        let taken = tokio::select! {
            biased;
            () = found.newer.notified() => return Ok(polled(poll.n, &[])),
            taken = timeout(WAIT, found.session.outgoing.take()) => taken,
        };
        match taken {
            Ok(Some((frames, covered))) => {
                let mut state = found.state.lock();
                state.rest.extend(frames);
                if covered > 0 {
                    state.rest.push_back(found.session.cursor(covered).into());
                }
            }
            Ok(None) => {
                app.polls.sessions.lock().remove(&poll.session);
                return Err(Error::new(Code::SessionUnknown, "the session has ended"));
            }
            Err(_) => {}
        }
    }
    let mut state = found.state.lock();
    if state.turn != turn {
        return Ok(polled(poll.n, &[]));
    }
    let mut bytes = 0;
    let mut frames = Vec::new();
    while let Some(frame) = state.rest.pop_front() {
        bytes += frame.len();
        frames.push(frame);
        if bytes > ANSWER_BYTES {
            break;
        }
    }
    state.polled = Instant::now();
    state.answer = (poll.n, frames);
    Ok(polled(poll.n, &state.answer.1))
}

pub(crate) async fn send(
    State(app): State<App>,
    principal: Principal,
    Json(request): Json<PollSend>,
) -> Result<Json<Box<RawValue>>, Error> {
    if let Some(node) = elsewhere(&app, &request.session) {
        return forward(&app, node, principal, PollRequest::Send(request.clone())).await;
    }
    Ok(Json(raw(&send_here(&app, principal, request).await?)?))
}

/// The node that a session's id names, if it is another one that may answer.
fn elsewhere<'a>(app: &App, session: &'a str) -> Option<&'a str> {
    let (node, _) = session.rsplit_once('.')?;
    (app.links.is_some() && node != app.config.server.node).then_some(node)
}

/// Ask another node, as whoever's token the request had.
async fn forward(
    app: &App,
    node: &str,
    principal: Principal,
    request: PollRequest,
) -> Result<Json<Box<RawValue>>, Error> {
    let Some(links) = &app.links else {
        return Err(Error::new(Code::SessionUnknown, "no such poll session"));
    };
    let Principal { user, session, device } = principal;
    let from = Asker { user, session, device };
    Ok(Json(links.gateway.poll(node, from, request).await?))
}

/// Answer what another node was asked by somebody whose session lives here.
pub(crate) async fn forwarded(
    app: &App,
    from: Asker,
    request: PollRequest,
) -> Result<Box<RawValue>, Problem> {
    let Asker { user, session, device } = from;
    let principal = Principal { user, session, device };
    let answer = match request {
        PollRequest::Poll(poll) => {
            poll_here(app, principal, poll).await.and_then(|polled| raw(&polled))
        }
        PollRequest::Send(send) => {
            send_here(app, principal, send).await.and_then(|done| raw(&done))
        }
    };
    answer.map_err(Problem::from)
}

fn raw(answer: &impl Serialize) -> Result<Box<RawValue>, Error> {
    RawValue::from_string(wire::encode(answer)).map_err(Error::internal)
}

async fn send_here(
    app: &App,
    principal: Principal,
    request: PollSend,
) -> Result<serde_json::Value, Error> {
    let found = app.polls.find(&request.session, principal)?;
    let mut sending = found.sending.lock().await;
    if request.m == sending.done + 1 {
        // The request may end with its connection at any frame; the app then sends it again.
        for frame in request.frames.iter().skip(sending.frames) {
            found.session.heed(&frame.to_string()).await;
            sending.frames += 1;
        }
        *sending = Sending { done: request.m, frames: 0 };
    } else if request.m > sending.done {
        return Err(Error::new(Code::BadValue, "frames are sent one request after another"));
    }
    Ok(serde_json::json!({}))
}

fn polled(n: u64, frames: &[Utf8Bytes]) -> Polled {
    let frames = frames.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
    Polled { n, frames }
}
