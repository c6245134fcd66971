//! A real client, and how often and where it connects.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use client::api::{
    Answers, CreateGroup, LoadRows, Nothing, OpenConversation, RegisterArgs, SendMessage,
    WithPerson,
};
use client::connect::{Connector, Lost, Network, Socket, SocketError};
use client::secrets::MemorySecrets;
use client::view::{Connection, MessageView, Progress, Row, RowBody};
use client::{Client, Environment, Options};
use parking_lot::Mutex;
use protocol::{ConversationId, UserId};
use tokio::time::{Instant, sleep};

/// How long anything may take before the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// A connection that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// When.
    pub at: Instant,
    /// To which node.
    pub node: String,
}

/// A network that remembers every connection.
struct Counting {
    network: Network,
    made: Arc<Mutex<Vec<Made>>>,
}

#[async_trait::async_trait]
impl Connector for Counting {
    async fn http(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Lost> {
        self.network.http(request).await
    }

    async fn socket(&self, address: &str, access_token: &str) -> Result<Socket, SocketError> {
        let socket = self.network.socket(address, access_token).await?;
        self.made.lock().push(Made { at: Instant::now(), node: address.to_owned() });
        Ok(socket)
    }
}

/// Somebody's app.
pub struct App {
    /// Whose.
    pub user: UserId,
    client: Client,
    made: Arc<Mutex<Vec<Made>>>,
    _folder: tempfile::TempDir,
}

impl App {
    /// Make an account at the address and connect.
    ///
    /// # Errors
    /// When that fails, or takes too long.
    pub async fn register(address: &str, name: &str) -> Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir()?;
        let made: Arc<Mutex<Vec<Made>>> = Arc::default();
        let client = Client::start(Options {
            data: folder.path().to_owned(),
            environment: Environment::system(),
            connector: Arc::new(Counting { network: Network::new()?, made: made.clone() }),
            secrets: Arc::new(MemorySecrets::default()),
            service: "kith".into(),
            device_name: "test".into(),
            platform: "bot".into(),
        })
        .await?;
        let args = RegisterArgs {
            address: address.to_owned(),
            name: name.to_owned(),
            display_name: String::new(),
            password: "correct horse battery".into(),
            session_only: false,
        };
        let state = client.register(args).await.map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let user = state.account.context("signed in")?.person.id;
        let app = Self { user, client, made, _folder: folder };
        app.comes_online().await?;
        Ok(app)
    }

    async fn comes_online(&self) -> Result<()> {
        let began = Instant::now();
        while !self.is_online().await {
            ensure!(began.elapsed() < PATIENCE, "{} does not come online", self.user);
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Whether there is a connection.
    pub async fn is_online(&self) -> bool {
        let state = self.client.get_state(Nothing {}).await;
        state.is_ok_and(|state| state.connection == Connection::Online)
    }

    /// Every connection so far.
    #[must_use]
    pub fn made(&self) -> Vec<Made> {
        self.made.lock().clone()
    }

    /// The direct conversation with somebody.
    ///
    /// # Errors
    /// When the client refuses.
    pub async fn direct(&self, other: UserId) -> Result<ConversationId> {
        let opened = self.client.open_direct(WithPerson { user: other }).await;
        Ok(opened.map_err(|error| anyhow::anyhow!("{error:?}"))?.conversation)
    }

    /// A new group.
    ///
    /// # Errors
    /// When the client refuses.
    pub async fn group(&self, members: &[UserId]) -> Result<ConversationId> {
        let group = CreateGroup { title: "Room".into(), members: members.to_vec() };
        let made = self.client.create_group(group).await;
        Ok(made.map_err(|error| anyhow::anyhow!("{error:?}"))?.conversation)
    }

    /// Say something; it is in the outbox when this returns.
    ///
    /// # Errors
    /// When the client refuses.
    pub async fn say(&self, room: ConversationId, text: &str) -> Result<()> {
        let message = SendMessage { conversation: room, text: text.into(), reply_to: None };
        self.client.send_message(message).await.map_err(|error| anyhow::anyhow!("{error:?}"))?;
        Ok(())
    }

    /// Every message of a room that this app has, with its seq if the server has it.
    pub async fn messages(&self, room: ConversationId) -> Vec<(Option<u64>, MessageView)> {
        let open = OpenConversation { conversation: room, at: None };
        let Ok(timeline) = self.client.open_conversation(open).await else { return Vec::new() };
        // It opens at the first that is unread, so more may be on either side.
        let (mut rows, mut before, mut after) =
            (timeline.rows, timeline.more_before, timeline.more_after);
        while let Some(first) = rows.first().and_then(|row| row.seq).filter(|_| before) {
            let load = LoadRows { conversation: room, before: Some(first), after: None };
            let Ok(more) = self.client.load_rows(load).await else { break };
            before = more.more_before && !more.rows.is_empty();
            rows.splice(0..0, more.rows);
        }
        while let Some(last) = rows.last().and_then(|row| row.seq).filter(|_| after) {
            let load = LoadRows { conversation: room, before: None, after: Some(last) };
            let Ok(more) = self.client.load_rows(load).await else { break };
            after = more.more_after && !more.rows.is_empty();
            rows.extend(more.rows);
        }
        let message = |row: Row| match row.body {
            RowBody::Message(message) => Some((row.seq, message)),
            _ => None,
        };
        rows.into_iter().filter_map(message).collect()
    }

    /// How many messages of one's own were rejected, and how many are not answered yet.
    pub async fn failed_and_waiting(&self, room: ConversationId) -> (usize, usize) {
        let messages = self.messages(room).await;
        let count = |of: Progress| {
            messages.iter().filter(|(_, message)| message.progress == Some(of)).count()
        };
        (count(Progress::Failed), count(Progress::Sending))
    }
}
