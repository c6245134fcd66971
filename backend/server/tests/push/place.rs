//! A server with two people who have a conversation, and a worker over a queue of its own, so that a test
//! sees when everything in it has its outcome.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use event_log::{EventLog, MemoryLog};
use http::Method;
use parking_lot::Mutex;
use protocol::frame::Mark;
use protocol::push::{PushSays, PushTarget, SubscribePush};
use protocol::request::Tokens;
use protocol::{ConversationId, SubscriptionId, UserId, direct_conversation};
use serde_json::{Value, json};
use server::auth::Secret;
use server::pipeline::dead::Dead;
use server::pipeline::deliver::Attached;
use server::pipeline::record::{DeadLetter, PushRecord};
use server::push::send::Sender;
use server::push::work::Worker;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::receiver::{Got, Receiver};

/// How long anything may take on a machine that has a lot to do.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Place {
    pub(crate) api: Api,
    pub(crate) ada: Tokens,
    pub(crate) grace: Tokens,
    pub(crate) receiver: Receiver,
    pub(crate) queue: MemoryLog,
    pub(crate) online: Arc<Mutex<BTreeSet<UserId>>>,
    pub(crate) folder: tempfile::TempDir,
    sent: u64,
    poll: Option<String>,
    stop: CancellationToken,
    /// A session of Grace's: the server's own worker leaves her to the worker here.
    _session: Option<Attached>,
}

impl Place {
    /// With a worker that runs.
    pub(crate) async fn new() -> Self {
        let place = Self::with_queue().await;
        place.work();
        place
    }

    /// With a queue that nobody works yet.
    pub(crate) async fn with_queue() -> Self {
        let mut place = Self::whole().await;
        let (user, session) = (place.grace.user, place.grace.session);
        place._session = Some(place.api.app.delivery.attach(user, session, Arc::default()));
        place
    }

    /// With the server's own queue and worker.
    pub(crate) async fn whole() -> Self {
        let api = Api::with(|config| config.push.allow_private = true).await;
        let (ada, grace) = (api.person("ada").await, api.person("grace").await);
        let receiver = Receiver::new(api.clock.clone()).await;
        Self {
            api,
            ada,
            grace,
            receiver,
            queue: MemoryLog::new(&[0, 0]),
            online: Arc::default(),
            folder: tempfile::tempdir().unwrap(),
            sent: 0,
            poll: None,
            stop: CancellationToken::new(),
            _session: None,
        }
    }

    /// Begin to work the queue.
    pub(crate) fn work(&self) -> tokio::task::JoinHandle<()> {
        let environment = self.api.app.environment.clone();
        let online = self.online.clone();
        let worker = Worker {
            stores: self.api.app.stores.clone(),
            sender: Arc::new(self.sender(true)),
            environment: environment.clone(),
            dead: Dead::file(self.folder.path().join("dead.jsonl"), environment),
            active: Arc::new(move |user| online.lock().contains(&user)),
        };
        let (queue, stop) = (Arc::new(self.queue.clone()), self.stop.clone());
        tokio::spawn(async move { worker.run(queue, stop).await.unwrap() })
    }

    pub(crate) fn sender(&self, private: bool) -> Sender {
        let environment = self.api.app.environment.clone();
        Sender::new(environment, Secret::new([5; 32]), "mailto:ops@kith.example", private)
    }

    pub(crate) fn conversation(&self) -> ConversationId {
        direct_conversation(self.ada.user, self.grace.user)
    }

    /// Ada says something to Grace; its seq.
    pub(crate) async fn ada_says(&mut self, text: &str) -> u64 {
        self.ada_does(json!({"message": {"text": text}})).await
    }

    /// Ada does something in her conversation with Grace; the seq that it got.
    pub(crate) async fn ada_does(&mut self, command: Value) -> u64 {
        let token = self.ada.access_token.clone();
        if self.poll.is_none() {
            let opened = self.api.post("/v1/poll/open", &token, json!({})).await.json();
            self.poll = Some(opened["session"].as_str().unwrap().to_owned());
            self.frame(json!({"hello": {"version": 1}})).await;
        }
        let head = self.head().await;
        let conversation = self.conversation();
        let entry = json!({"client_ref": self.api.app.environment.id(), "command": command});
        let submit =
            json!({"conversation": conversation, "peer": self.grace.user, "commands": [entry]});
        self.frame(json!({"submit": submit})).await;
        self.until("it is stored", async |place| place.head().await > head).await;
        self.head().await
    }

    async fn frame(&mut self, frame: Value) {
        self.sent += 1;
        let body = json!({"session": self.poll, "m": self.sent, "frames": [frame]});
        self.api.post("/v1/poll/send", &self.ada.access_token, body).await.json();
    }

    async fn head(&self) -> u64 {
        let head = self.api.app.stores.history.head(self.conversation()).await.unwrap();
        head.map_or(0, |head| head.seq)
    }

    /// Grace has her pushes sent there.
    pub(crate) async fn grace_subscribes(
        &self,
        target: PushTarget,
        says: PushSays,
    ) -> SubscriptionId {
        let asked = serde_json::to_value(SubscribePush { target, says }).unwrap();
        let answer = self.api.post("/v1/push/subscriptions", &self.grace.access_token, asked).await;
        answer.json()["id"].as_str().unwrap().parse().unwrap()
    }

    /// How many places Grace has.
    pub(crate) async fn places(&self) -> usize {
        let list = self.api.get("/v1/push/subscriptions", &self.grace.access_token).await.json();
        list["subscriptions"].as_array().unwrap().len()
    }

    pub(crate) async fn end(&self, id: SubscriptionId) {
        let path = format!("/v1/push/subscriptions/{id}");
        self.api.ask(Method::DELETE, &path, &self.grace.access_token, None).await.json();
    }

    /// An app of Grace's has everything up to there.
    pub(crate) async fn grace_has(&self, seq: u64) {
        let mark = Mark { conversation: self.conversation(), delivered: seq, read: 0 };
        self.api.app.stores.markers.mark(self.grace.user, mark).await.unwrap();
    }

    /// The message is in the queue, for Grace.
    pub(crate) async fn queued(&self, seq: u64) {
        let record = PushRecord {
            conversation: self.conversation(),
            seq,
            at: self.api.app.environment.now(),
            sender: self.ada.user,
            to: vec![self.grace.user],
        };
        self.queue.append(0, record.encode()).await.unwrap();
    }

    /// Say it, and have it in the queue.
    pub(crate) async fn pushes(&mut self, text: &str) -> u64 {
        let seq = self.ada_says(text).await;
        self.queued(seq).await;
        seq
    }

    /// Time passes, as much as it takes, until everything in the queue has its outcome.
    pub(crate) async fn settle(&self) {
        self.until_later("everything has its outcome", |place| place.queue.is_drained()).await;
    }

    /// Time passes, as much as it takes, until so many requests have come.
    pub(crate) async fn requests(&self, count: usize) -> Vec<Got> {
        self.until_later("they come", |place| place.receiver.got().len() >= count).await;
        self.receiver.got()
    }

    /// Time passes, half a second at a time, until something is so.
    pub(crate) async fn until_later(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        self.until(what, async |place| {
            let so = is_so(place);
            if !so {
                place.api.clock.fetch_add(500, Ordering::Relaxed);
            }
            so
        })
        .await;
    }

    /// Wait until something is so, without the server's clock going on.
    pub(crate) async fn until(&self, what: &str, is_so: impl AsyncFn(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !is_so(self).await {
            assert!(tokio::time::Instant::now() < deadline, "it did not come to this: {what}");
            let news = self.receiver.news().notified();
            let _ = tokio::time::timeout(Duration::from_millis(20), news).await;
        }
    }

    pub(crate) fn letters(&self) -> Vec<DeadLetter> {
        let text = std::fs::read_to_string(self.folder.path().join("dead.jsonl"));
        let text = text.unwrap_or_default();
        text.lines().map(|line| DeadLetter::decode(line.as_bytes()).unwrap()).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
