//! A server under load that is killed again and again, and what is found after each restart.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use programs::server::{Server, Setup};
use protocol::{
    ClientFrame, ClientRef, Command, ConversationId, Entry, Event, ServerFrame, Submit, UserId,
    direct_conversation,
};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use uuid::Uuid;

use crate::api::{Account, Api};
use crate::book::Book;
use crate::session::{Session, Told};

/// How many people write.
const WRITERS: usize = 4;
/// How many messages a batch has at most: few, so that many commits are made, or many, so that one
/// takes long and a kill meets it.
const BATCHES: [usize; 3] = [1, 8, protocol::limits::COMMANDS];

/// What is to be played.
pub(crate) struct Plan {
    /// `kithd`, or one that does something wrong.
    pub(crate) program: PathBuf,
    /// What it does wrong.
    pub(crate) sabotage: Option<storage::sabotage::Case>,
    /// Of the moments and of what is sent.
    pub(crate) seed: u64,
    /// How often it is killed.
    pub(crate) kills: u32,
    /// How long anything that has to come may take.
    pub(crate) patience: Duration,
}

/// When the server is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after it was started, whatever it does then.
    StartUp(Duration),
    /// So long after the load began.
    Load(Duration),
    /// When so many acknowledgements have come.
    Acknowledged(usize),
    /// When everything was acknowledged, so long after the load began.
    Idle(Duration),
}

/// Play until the kills are used up or something is wrong. What is wrong.
///
/// # Errors
/// When the scene cannot be set: a program is not built, or the first start fails.
pub(crate) async fn play(plan: &Plan) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let mut setup = Setup { program: plan.program.clone(), ..Setup::new(folder.path())? };
    let mut set = |name: &str, value: &str| setup.variables.push((name.into(), value.into()));
    set("KITH__DEV__ACCOUNTS", "true");
    set("KITH__AUTH__ACCESS_SECONDS", "86400");
    set("KITH__LIMITS__SENDS_PER_SECOND", "1000000");
    set("KITH__LIMITS__SEND_BURST", "1000000");
    let api = Api::new(format!("http://{}", setup.address))?;
    let first = setup.start().await?;
    let accounts = api.accounts(WRITERS).await?;
    first.kill().await?;
    let mut scene = Scene::new(api, setup, accounts, plan);
    // The groups are begun without a fault: what is played is about messages.
    scene.kill_at(Moment::Idle(Duration::ZERO)).await?;
    if let Some(case) = plan.sabotage {
        let fault = (storage::sabotage::VARIABLE.to_owned(), case.name().to_owned());
        scene.setup.variables.push(fault);
    }
    for kill in 1..=plan.kills {
        let moment = scene.moment();
        if let Err(error) = scene.kill_at(moment).await {
            scene.book.add(format!("{error:#}"));
        }
        if !scene.book.findings().is_empty() {
            let mut findings = scene.book.findings().to_vec();
            findings.insert(0, format!("after kill {kill}, {moment:?}"));
            return Ok(findings);
        }
    }
    if let Err(error) = scene.end().await {
        scene.book.add(format!("{error:#}"));
    }
    Ok(scene.book.findings().to_vec())
}

struct Scene {
    api: Api,
    setup: Setup,
    accounts: Vec<Account>,
    rooms: Vec<Room>,
    book: Book,
    random: StdRng,
    patience: Duration,
    /// What each writer has sent into each room and not seen acknowledged, in its order.
    in_flight: BTreeMap<(usize, usize), Vec<Entry>>,
    /// Something that was acknowledged, to be sent once more.
    again: BTreeMap<(usize, usize), Entry>,
    /// Messages of a batch at most, until the next kill.
    batch: usize,
    /// How many were acknowledged since the last start.
    acknowledged: usize,
    numbers: u64,
}

/// A conversation and who writes in it.
struct Room {
    id: ConversationId,
    writers: Vec<usize>,
}

/// Sessions of all writers.
struct Line {
    sessions: Vec<Session>,
    told: UnboundedReceiver<Told>,
    /// How many have not ended.
    live: usize,
}

impl Scene {
    fn new(api: Api, setup: Setup, accounts: Vec<Account>, plan: &Plan) -> Self {
        let mut scene = Self {
            api,
            setup,
            accounts,
            rooms: Vec::new(),
            book: Book::default(),
            random: StdRng::seed_from_u64(plan.seed),
            patience: plan.patience,
            in_flight: BTreeMap::new(),
            again: BTreeMap::new(),
            batch: 1,
            acknowledged: 0,
            numbers: 0,
        };
        for (a, b) in [(0, 1), (2, 3)] {
            let id = direct_conversation(scene.accounts[a].user, scene.accounts[b].user);
            scene.rooms.push(Room { id, writers: vec![a, b] });
        }
        // Groups, begun by their first writer.
        for writers in [vec![0, 1, 2, 3], vec![3, 0]] {
            let (id, first) = (ConversationId(scene.uuid()), writers[0]);
            let others: Vec<UserId> =
                writers[1..].iter().map(|&other| scene.accounts[other].user).collect();
            let create =
                Command::Create { title: "Room".into(), members: others, history_open: false };
            let room = scene.rooms.len();
            scene.rooms.push(Room { id, writers });
            scene.put(first, room, create);
        }
        scene
    }

    fn moment(&mut self) -> Moment {
        let micros =
            |scene: &mut Self, most| Duration::from_micros(scene.random.random_range(0..most));
        match self.random.random_range(0..10) {
            0 | 1 => Moment::StartUp(micros(self, 250_000)),
            2..=4 => Moment::Load(micros(self, 60_000)),
            5..=8 => Moment::Acknowledged(self.random.random_range(1..300)),
            _ => Moment::Idle(micros(self, 30_000)),
        }
    }

    /// Start the server, compare what it has, let everybody write, and kill it at the moment.
    async fn kill_at(&mut self, moment: Moment) -> Result<()> {
        if let Moment::StartUp(after) = moment {
            let mut process = self.setup.spawn()?;
            sleep(after).await;
            return Ok(process.kill().await?);
        }
        let server = self.setup.start().await?;
        self.compare().await?;
        self.batch = BATCHES[self.random.random_range(0..BATCHES.len())];
        self.acknowledged = 0;
        let mut line = self.connect().await?;
        self.write(&mut line, moment).await?;
        server.kill().await?;
        self.drain(&mut line).await
    }

    /// Everything that was sent is acknowledged in the end, and stays.
    async fn end(&mut self) -> Result<()> {
        self.kill_at(Moment::Idle(Duration::ZERO)).await?;
        let server: Server = self.setup.start().await?;
        self.compare().await?;
        for room in 0..self.rooms.len() {
            let (id, reader) = (self.rooms[room].id, self.rooms[room].writers[0]);
            let history = self.api.history(&self.accounts[reader], id, 1).await?;
            self.book.compare_whole(id, &history);
        }
        server.kill().await
    }

    async fn compare(&mut self) -> Result<()> {
        for room in 0..self.rooms.len() {
            let (id, reader) = (self.rooms[room].id, self.rooms[room].writers[0]);
            let from = self.book.unread_from(id);
            // Until its first event is stored there is no such conversation.
            let history = match self.api.history(&self.accounts[reader], id, from).await {
                Err(error) if from == 1 && error.to_string().contains("no_conversation") => {
                    Default::default()
                }
                history => history?,
            };
            self.book.compare(id, &history);
        }
        Ok(())
    }

    /// Connect everybody; what is in flight is sent again, in its order.
    async fn connect(&mut self) -> Result<Line> {
        let (tell, told) = unbounded_channel();
        let mut sessions = Vec::new();
        for (number, account) in self.accounts.iter().enumerate() {
            sessions.push(Session::open(&self.api, account, number, tell.clone()).await?);
        }
        for (&(writer, room), entry) in &self.again {
            sessions[writer].send(self.submit(writer, room, vec![entry.clone()]));
        }
        for (&(writer, room), entries) in &self.in_flight {
            sessions[writer].send(self.submit(writer, room, entries.clone()));
        }
        Ok(Line { live: sessions.len(), sessions, told })
    }

    /// Write until the moment has come.
    async fn write(&mut self, line: &mut Line, moment: Moment) -> Result<()> {
        let began = Instant::now();
        let (until, enough) = match moment {
            Moment::Load(after) | Moment::Idle(after) => (began + after, usize::MAX),
            Moment::Acknowledged(many) => (began + self.patience, many),
            Moment::StartUp(_) => return Ok(()),
        };
        for room in 0..self.rooms.len() {
            for writer in self.rooms[room].writers.clone() {
                self.write_on(line, writer, room);
            }
        }
        loop {
            let told = tokio::select! {
                biased;
                () = sleep_until(until) => break,
                told = line.told.recv() => told.context("no session is left")?,
            };
            let whole = self.take(line, told)?;
            if self.acknowledged >= enough {
                return Ok(());
            }
            whole.into_iter().for_each(|(writer, room)| self.write_on(line, writer, room));
        }
        if let Moment::Acknowledged(many) = moment {
            let (came, patience) = (self.acknowledged, self.patience);
            self.book.add(format!("{came} of {many} were acknowledged in {patience:?}"));
        }
        while matches!(moment, Moment::Idle(_)) && !self.in_flight.is_empty() {
            let Ok(told) = timeout(self.patience, line.told.recv()).await else {
                let left: usize = self.in_flight.values().map(Vec::len).sum();
                self.book.add(format!("{left} were not acknowledged in {:?}", self.patience));
                break;
            };
            self.take(line, told.context("no session is left")?)?;
        }
        Ok(())
    }

    /// After the kill: what the server has sent before is still to be read, and counts.
    async fn drain(&mut self, line: &mut Line) -> Result<()> {
        while line.live > 0 {
            let told = timeout(self.patience, line.told.recv()).await;
            let told = told.context("a connection outlives the server")?;
            match told.context("no session is left")? {
                Told { frame: None, .. } => line.live -= 1,
                told => {
                    self.take(line, told)?;
                }
            }
        }
        Ok(())
    }

    /// Take in what came. Whose batch in which room is acknowledged as a whole now.
    fn take(&mut self, line: &Line, told: Told) -> Result<Vec<(usize, usize)>> {
        let Told { session, frame } = told;
        let mut whole = Vec::new();
        match frame.context("a connection ended by itself")? {
            ServerFrame::Event(frame) => {
                whole.extend(self.see(session, frame.conversation, &frame.event));
            }
            ServerFrame::Page(page) => {
                for page in page.conversations {
                    for event in &page.events {
                        whole.extend(self.see(session, page.conversation, event));
                    }
                }
            }
            // Too much at once for a test that is slow: some of it was dropped.
            ServerFrame::Resync {} => {
                line.sessions[session].hello();
                for (&(writer, room), entries) in &self.in_flight {
                    if writer == session {
                        line.sessions[session].send(self.submit(writer, room, entries.clone()));
                    }
                }
            }
            ServerFrame::Rejected(_)
            | ServerFrame::SlowDown(_)
            | ServerFrame::Error(_)
            | ServerFrame::SessionEnded {}
            | ServerFrame::Goaway(_) => self.book.add(format!("writer {session} is refused")),
            _ => {}
        }
        Ok(whole)
    }

    /// An event came to somebody. Whether it was the last of a batch of their own.
    fn see(
        &mut self,
        writer: usize,
        conversation: ConversationId,
        event: &Event,
    ) -> Option<(usize, usize)> {
        self.book.told(conversation, event);
        if event.sender != self.accounts[writer].user {
            return None;
        }
        let room = self.rooms.iter().position(|room| room.id == conversation)?;
        let entries = self.in_flight.get_mut(&(writer, room))?;
        let at = entries.iter().position(|entry| entry.client_ref == event.client_ref)?;
        let entry = entries.remove(at);
        self.acknowledged += 1;
        let whole = entries.is_empty();
        self.again.insert((writer, room), entry);
        whole.then(|| {
            self.in_flight.remove(&(writer, room));
            (writer, room)
        })
    }

    /// The next batch of a writer, unless one is in flight.
    fn write_on(&mut self, line: &Line, writer: usize, room: usize) {
        if self.in_flight.contains_key(&(writer, room)) || !self.is_begun(room) {
            return;
        }
        for _ in 0..self.random.random_range(1..=self.batch) {
            self.numbers += 1;
            let text = format!("{} of writer {writer}", self.numbers);
            self.put(writer, room, Command::Message { text, reply_to: None });
        }
        if let Some(entries) = self.in_flight.get(&(writer, room)) {
            line.sessions[writer].send(self.submit(writer, room, entries.clone()));
        }
    }

    /// A group is begun when its first writer has seen that; nobody else may write before.
    fn is_begun(&self, room: usize) -> bool {
        let Room { id, writers } = &self.rooms[room];
        id.is_direct() || self.again.contains_key(&(writers[0], room))
    }

    fn put(&mut self, writer: usize, room: usize, command: Command) {
        let client_ref = ClientRef(self.uuid());
        let text = match &command {
            Command::Message { text, .. } => Some(text.as_str()),
            _ => None,
        };
        self.book.send(self.rooms[room].id, self.accounts[writer].user, client_ref, text);
        self.in_flight.entry((writer, room)).or_default().push(Entry { client_ref, command });
    }

    fn submit(&self, writer: usize, room: usize, commands: Vec<Entry>) -> ClientFrame {
        let Room { id, writers } = &self.rooms[room];
        let other = writers.iter().find(|&&other| other != writer);
        let peer = other.filter(|_| id.is_direct()).map(|&other| self.accounts[other].user);
        ClientFrame::Submit(Submit { conversation: *id, peer, commands })
    }

    fn uuid(&mut self) -> Uuid {
        let mut tail = [0; 10];
        self.random.fill_bytes(&mut tail);
        uuid::Builder::from_unix_timestamp_millis(1_700_000_000_000, &tail).into_uuid()
    }
}
