//! People at three nodes: what they say, and what they wait to see.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use programs::cluster::{Cluster, NODES, Wish};
use protocol::command::{Command, Entry, Submit};
use protocol::frame::{Look, Typing};
use protocol::{ClientFrame, ClientRef, ConversationId, ServerFrame, UserId};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::api::{Account, Api};
use crate::session::{Session, Told};

/// How long anything may take that has no limit of its own.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The nodes listen at addresses that there are once.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Three nodes, and people who are connected to them.
pub(crate) struct Nodes {
    pub(crate) cluster: Cluster,
    /// By node.
    pub(crate) apis: Vec<Api>,
    pub(crate) people: Vec<Person>,
    told: (UnboundedSender<Told>, UnboundedReceiver<Told>),
    /// What each person has seen: texts by conversation and seq.
    seen: Vec<BTreeMap<(ConversationId, u64), ClientRef>>,
    /// Frames of other kinds that nobody has waited for yet.
    other: Vec<(usize, ServerFrame)>,
    folder: Option<tempfile::TempDir>,
    _turn: MutexGuard<'static, ()>,
}

/// Somebody, who has a session while they are connected.
pub(crate) struct Person {
    pub(crate) account: Account,
    pub(crate) session: Option<Session>,
}

impl Nodes {
    /// Three nodes with so many people, nobody connected.
    pub(crate) async fn with(
        people: usize,
        own: impl Fn(usize) -> Vec<(String, String)>,
    ) -> Result<Self> {
        let turn = ONE_AT_A_TIME.lock().await;
        let folder = tempfile::tempdir()?;
        let wish = Wish { each: [0, 1, 2].map(own), ..Wish::default() };
        let cluster = Cluster::start_as(folder.path(), wish).await?;
        let apis: Result<Vec<_>> = cluster.addresses().into_iter().map(Api::new).collect();
        let apis = apis?;
        let accounts = apis[0].accounts(people).await?;
        let person = |account| Person { account, session: None };
        Ok(Self {
            cluster,
            apis,
            people: accounts.into_iter().map(person).collect(),
            told: unbounded_channel(),
            seen: vec![BTreeMap::new(); people],
            other: Vec::new(),
            folder: Some(folder),
            _turn: turn,
        })
    }

    /// Connect somebody to a node.
    pub(crate) async fn connect(&mut self, person: usize, node: usize) -> Result<()> {
        let told = self.told.0.clone();
        let account = &self.people[person].account;
        let session = Session::open(&self.apis[node], account, person, told).await?;
        self.people[person].session = Some(session);
        Ok(())
    }

    pub(crate) fn say(&self, person: usize, frame: ClientFrame) {
        self.people[person].session.as_ref().expect("connected").send(frame);
    }

    /// Write to somebody. What is to be seen of it.
    pub(crate) fn write(&self, from: usize, to: usize, text: &str) -> (ConversationId, ClientRef) {
        let peer = self.user(to);
        let conversation = self.room(from, to);
        let client_ref = ClientRef(Uuid::now_v7());
        let command = Command::Message { text: text.into(), reply_to: None };
        let commands = vec![Entry { client_ref, command }];
        self.say(from, ClientFrame::Submit(Submit { conversation, peer: Some(peer), commands }));
        (conversation, client_ref)
    }

    pub(crate) fn room(&self, one: usize, other: usize) -> ConversationId {
        protocol::direct_conversation(self.user(one), self.user(other))
    }

    pub(crate) fn user(&self, person: usize) -> UserId {
        self.people[person].account.user
    }

    pub(crate) fn looks(&self, person: usize, conversations: &[ConversationId], users: &[UserId]) {
        let (conversations, users) = (conversations.to_vec(), users.to_vec());
        self.say(person, ClientFrame::Look(Look { conversations, users }));
    }

    pub(crate) fn types(&self, person: usize, conversation: ConversationId) {
        self.say(person, ClientFrame::Typing(Typing { conversation }));
    }

    /// Whether this person has seen a message.
    pub(crate) fn has_seen(&self, person: usize, message: (ConversationId, ClientRef)) -> bool {
        let mut seen = self.seen[person].iter();
        seen.any(|((room, _), client_ref)| (*room, *client_ref) == message)
    }

    /// Take what comes until this holds.
    pub(crate) async fn until(
        &mut self,
        what: &str,
        within: Duration,
        mut holds: impl FnMut(&Self) -> bool,
    ) {
        let deadline = Instant::now() + within;
        while !holds(self) {
            match timeout_at(deadline, self.told.1.recv()).await {
                Ok(Some(told)) => self.take(told),
                _ => panic!("not within {within:?}: {what}"),
            }
        }
    }

    /// Take what comes until this person is told something for which `wanted` holds.
    pub(crate) async fn hears(
        &mut self,
        person: usize,
        what: &str,
        wanted: impl Fn(&ServerFrame) -> bool,
    ) {
        let is_it = |(to, frame): &(usize, ServerFrame)| *to == person && wanted(frame);
        self.until(what, PATIENCE, |nodes| nodes.other.iter().any(is_it)).await;
        let at = self.other.iter().position(is_it).expect("just seen");
        self.other.remove(at);
    }

    fn take(&mut self, told: Told) {
        let person = told.session;
        match told.frame {
            // Perhaps of a session that another one has followed.
            None => {}
            Some(ServerFrame::Resync {}) => {
                if let Some(session) = &self.people[person].session {
                    session.hello();
                }
            }
            Some(ServerFrame::Event(frame)) => self.see(person, frame.conversation, &frame.event),
            Some(ServerFrame::Page(page)) => {
                for one in &page.conversations {
                    for event in &one.events {
                        self.see(person, one.conversation, event);
                    }
                }
                self.other.push((person, ServerFrame::Page(page)));
            }
            Some(other) => self.other.push((person, other)),
        }
    }

    fn see(&mut self, person: usize, conversation: ConversationId, event: &protocol::Event) {
        let before = self.seen[person].insert((conversation, event.seq), event.client_ref);
        assert!(before.is_none_or(|before| before == event.client_ref), "one event at one place");
    }

    /// The logs of the nodes are for whoever looks into a failure.
    fn keep_logs(&mut self) {
        if let Some(folder) = self.folder.take() {
            let folder = folder.keep();
            println!("the nodes' logs are in {}", folder.display());
        }
    }

    /// How many nodes there are.
    pub(crate) fn count() -> usize {
        usize::from(NODES)
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep_logs();
        }
    }
}
