//! A network that a test scripts: it answers HTTP from what the test has set, and hands the other
//! end of each socket to the test. Only for faults; whole conversations are tested elsewhere, over
//! the real server.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;
use client::api::{Answers, Nothing, SignInArgs};
use client::connect::{Connector, Lost, Socket, SocketError};
use client::secrets::{MemorySecrets, Secrets};
use client::view::{AppState, Notification};
use client::{Blocking, Client, Environment, Options};
use futures_util::{StreamExt, sink, stream};
use parking_lot::Mutex;
use protocol::frame::{Cursor, EventFrame, Page};
use protocol::model::{Event, EventKind, MessageState, Text};
use protocol::request::Tokens;
use protocol::{ClientFrame, ClientRef, ServerFrame, SessionId, UserId, direct_conversation};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

pub const ME: UserId = UserId(Uuid::from_u128(1));
pub const BOB: UserId = UserId(Uuid::from_u128(2));

/// How the next upgrade is answered.
#[derive(Clone, Copy)]
pub enum Upgrade {
    Accept,
    Refuse(u16),
    /// Accepted and closed at once.
    Close,
    NoNetwork,
}

/// The scripted network.
pub struct Net {
    state: Mutex<State>,
    ends: mpsc::UnboundedSender<End>,
}

struct State {
    upgrade: Upgrade,
    /// What HTTP answers instead of a server.
    instead: Option<(u16, &'static str)>,
    down: bool,
    /// Every request: method and path, token, body.
    asked: Vec<(String, String, Value)>,
    /// Refreshes whose answer gets lost.
    lose_refreshes: u32,
    refreshes: u64,
    session_ended: bool,
    polls: VecDeque<Vec<Value>>,
    /// Polls that get the answer before theirs, as a caching proxy would give it.
    stale_polls: u32,
}

/// The server's end of a socket.
pub struct End {
    pub token: String,
    pub from: mpsc::UnboundedReceiver<String>,
    pub to: mpsc::UnboundedSender<Result<String, Lost>>,
}

impl End {
    pub fn send(&self, frame: &ServerFrame) {
        self.send_text(&protocol::wire::encode(frame));
    }

    pub fn send_text(&self, text: &str) {
        let _ = self.to.send(Ok(text.to_owned()));
    }

    /// The next frame that is not a `look`.
    pub async fn next(&mut self) -> ClientFrame {
        loop {
            let wait = tokio::time::timeout(Duration::from_secs(60), self.from.recv());
            let text = wait.await.expect("a frame in time").expect("a connection");
            match protocol::wire::decode_client(&text).expect("a frame") {
                ClientFrame::Look(_) => {}
                frame => return frame,
            }
        }
    }

    /// The next `look`, past whatever comes before it.
    pub async fn look(&mut self) -> protocol::frame::Look {
        loop {
            let wait = tokio::time::timeout(Duration::from_secs(60), self.from.recv());
            let text = wait.await.expect("a frame in time").expect("a connection");
            if let ClientFrame::Look(look) = protocol::wire::decode_client(&text).expect("a frame")
            {
                return look;
            }
        }
    }

    /// Take the hello and answer it with an empty, complete list.
    pub async fn welcome(&mut self) -> protocol::frame::Hello {
        let ClientFrame::Hello(hello) = self.next().await else { panic!("hello comes first") };
        self.answer_hello();
        hello
    }

    pub fn answer_hello(&self) {
        self.send(&ServerFrame::Page(Page {
            conversations: vec![],
            account_version: 0,
            last: true,
            whole: false,
        }));
    }

    pub async fn submit(&mut self) -> Vec<ClientRef> {
        match self.next().await {
            ClientFrame::Submit(submit) => submit.commands.iter().map(|c| c.client_ref).collect(),
            other => panic!("not a submit: {other:?}"),
        }
    }

    pub fn cursor(&self, cursor: &str) {
        self.send(&ServerFrame::Cursor(Cursor { cursor: cursor.into() }));
    }
}

impl Net {
    pub fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<End>) {
        let (ends, other_ends) = mpsc::unbounded_channel();
        let state = State {
            upgrade: Upgrade::Accept,
            instead: None,
            down: false,
            asked: vec![],
            lose_refreshes: 0,
            refreshes: 0,
            session_ended: false,
            polls: VecDeque::new(),
            stale_polls: 0,
        };
        (Arc::new(Self { state: Mutex::new(state), ends }), other_ends)
    }

    pub fn upgrade(&self, how: Upgrade) {
        self.state.lock().upgrade = how;
    }

    pub fn instead(&self, answer: Option<(u16, &'static str)>) {
        self.state.lock().instead = answer;
    }

    pub fn down(&self, down: bool) {
        self.state.lock().down = down;
    }

    pub fn lose_refreshes(&self, n: u32) {
        self.state.lock().lose_refreshes = n;
    }

    pub fn end_session(&self) {
        self.state.lock().session_ended = true;
    }

    pub fn poll_answer(&self, frames: Vec<Value>) {
        self.state.lock().polls.push_back(frames);
    }

    pub fn stale_polls(&self, n: u32) {
        self.state.lock().stale_polls = n;
    }

    /// The bodies of the requests to this path so far.
    pub fn asked(&self, path: &str) -> Vec<Value> {
        let state = self.state.lock();
        let hits = state.asked.iter().filter(|(asked, ..)| asked == path);
        hits.map(|(_, _, body)| body.clone()).collect()
    }
}

fn tokens(n: u64) -> Value {
    serde_json::to_value(Tokens {
        user: ME,
        session: SessionId(Uuid::from_u128(5)),
        access_token: format!("access {n}"),
        refresh_token: format!("refresh {n}"),
        expires_in: 3600,
    })
    .unwrap()
}

fn problem(status: u16, code: &str) -> (u16, Value) {
    (status, json!({"code": code, "status": status, "title": code}))
}

#[async_trait::async_trait]
impl Connector for Net {
    async fn http(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Lost> {
        let path = request.uri().path().to_owned();
        let (asked, polled) = {
            let mut state = self.state.lock();
            if state.down {
                return Err(Lost("down".into()));
            }
            if let Some((status, body)) = state.instead {
                return Ok(http::Response::builder().status(status).body(body.into()).unwrap());
            }
            let body = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
            let token = request.headers().get("authorization");
            let token = token.map(|t| t.to_str().unwrap().to_owned()).unwrap_or_default();
            let asked = body["n"].as_u64();
            state.asked.push((format!("{} {path}", request.method()), token, body));
            if path == "/v1/poll" && state.stale_polls > 0 {
                state.stale_polls -= 1;
                (asked.map(|n| n - 1), Some(Vec::new()))
            } else if path == "/v1/poll" {
                (asked, state.polls.pop_front())
            } else {
                (asked, None)
            }
        };
        if path == "/v1/poll" && polled.is_none() {
            tokio::time::sleep(Duration::from_secs(25)).await;
        }
        let mut state = self.state.lock();
        let (status, body) = match path.as_str() {
            "/v1/sign-in" => {
                state.session_ended = false;
                (200, tokens(0))
            }
            "/v1/refresh" if state.session_ended => problem(401, "session_ended"),
            "/v1/refresh" => {
                if state.lose_refreshes > 0 {
                    state.lose_refreshes -= 1;
                    return Err(Lost("the answer got lost".into()));
                }
                state.refreshes += 1;
                (200, tokens(state.refreshes))
            }
            "/v1/me" => (200, json!({"person": person(ME, "me"), "version": 0})),
            "/v1/users" => (200, json!({"people": [person(BOB, "bob")]})),
            "/v1/poll/open" => (200, json!({"session": "p"})),
            "/v1/poll" => (200, json!({"n": asked, "frames": polled.unwrap_or_default()})),
            _ if request.method() == http::Method::DELETE => (200, Value::Null),
            "/v1/poll/send" => (200, json!({})),
            _ => problem(404, "not_found"),
        };
        let body = Bytes::from(body.to_string());
        Ok(http::Response::builder().status(status).body(body).unwrap())
    }

    async fn socket(&self, _: &str, access_token: &str) -> Result<Socket, SocketError> {
        let upgrade = {
            let state = self.state.lock();
            if state.down { Upgrade::NoNetwork } else { state.upgrade }
        };
        match upgrade {
            Upgrade::NoNetwork => return Err(SocketError::Lost(Lost("down".into()))),
            Upgrade::Refuse(status) => return Err(SocketError::Refused(status)),
            Upgrade::Accept | Upgrade::Close => {}
        }
        let (to_server, from) = mpsc::unbounded_channel();
        let (to, to_client) = mpsc::unbounded_channel();
        if matches!(upgrade, Upgrade::Accept) {
            let _ = self.ends.send(End { token: access_token.to_owned(), from, to });
        }
        let sink = sink::unfold(to_server, |to: mpsc::UnboundedSender<String>, text| async move {
            to.send(text).map_err(|_| Lost("closed".into()))?;
            Ok(to)
        });
        let stream = stream::unfold(to_client, |mut from: mpsc::UnboundedReceiver<_>| async move {
            Some((from.recv().await?, from))
        });
        Ok(Socket { sink: Box::pin(sink), stream: stream.boxed() })
    }
}

pub fn person(id: UserId, name: &str) -> Value {
    json!({"id": id, "name": name, "display_name": "", "about": ""})
}

/// A message of Bob, with its text.
pub fn from_bob(seq: u64) -> ServerFrame {
    event(seq, BOB, ClientRef(Uuid::from_u128(u128::from(seq))))
}

/// The event of a message.
pub fn event(seq: u64, sender: UserId, client_ref: ClientRef) -> ServerFrame {
    let kind = EventKind::Message { reply_to: None };
    let event = Event { seq, ord: seq, at: 0, sender, client_ref, kind };
    let texts = vec![Text { text: format!("message {seq}"), at: 0 }];
    let state = MessageState { seq, texts, reactions: vec![], pinned: false, state_seq: seq };
    let conversation = direct_conversation(ME, BOB);
    ServerFrame::Event(EventFrame { conversation, event, states: vec![state] })
}

/// A device of ours on this folder.
pub async fn start(net: &Arc<Net>, data: &Path, secrets: Arc<dyn Secrets>) -> Client {
    static STARTS: AtomicU8 = AtomicU8::new(0);
    let seed = [STARTS.fetch_add(1, Ordering::Relaxed); 32];
    let now = Arc::new(|| 1_700_000_000_000);
    Client::start(Options {
        data: data.to_owned(),
        environment: Environment::new(now, seed, Blocking::Inline),
        connector: net.clone(),
        secrets,
        service: "kith".into(),
        device_name: "test".into(),
        platform: "bot".into(),
    })
    .await
    .expect("it starts")
}

pub async fn sign_in(client: &Client) -> AppState {
    client.sign_in(sign_in_args(false)).await.expect("signed in")
}

pub fn sign_in_args(session_only: bool) -> SignInArgs {
    SignInArgs {
        address: "http://kith.test".into(),
        name: "me".into(),
        password: "password".into(),
        session_only,
    }
}

pub fn memory() -> Arc<dyn Secrets> {
    Arc::new(MemorySecrets::default())
}

/// Signed in and connected; the connection has taken its hello.
pub async fn connected(data: &Path) -> (Arc<Net>, mpsc::UnboundedReceiver<End>, Client, End) {
    let (net, mut ends) = Net::new();
    let client = start(&net, data, memory()).await;
    sign_in(&client).await;
    let mut end = ends.recv().await.expect("a connection");
    end.welcome().await;
    (net, ends, client, end)
}

/// Wait until the client is as the test wants it: every notification is a chance.
pub async fn until(client: &Client, mut good: impl FnMut(&AppState) -> bool) {
    let mut told = client.subscribe();
    loop {
        if good(&client.get_state(Nothing {}).await.expect("a state")) {
            return;
        }
        let wait = tokio::time::timeout(Duration::from_secs(900), told.recv());
        wait.await.expect("it comes to that in time").expect("the client lives");
    }
}

/// The next notification that `pick` takes.
pub async fn hear<T>(
    told: &mut mpsc::Receiver<Notification>,
    mut pick: impl FnMut(Notification) -> Option<T>,
) -> T {
    loop {
        let wait = tokio::time::timeout(Duration::from_secs(900), told.recv());
        if let Some(picked) = pick(wait.await.expect("in time").expect("the client lives")) {
            return picked;
        }
    }
}
