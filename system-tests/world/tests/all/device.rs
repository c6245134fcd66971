//! One device of somebody, in the words of a test: it sends, sees, reads. It is a real client, and
//! knows of its server what every app knows.

use std::time::Duration;

use client::Client;
use client::api::{
    AddMembers, Answers, CreateGroup, EditMessage, LoadRows, MarkRead, Nothing, OneMember,
    OneMessage, OnePending, OpenConversation, RegisterArgs, SendMessage, SignInArgs, WithPerson,
};
use client::view::{Connection, MessageView, Progress, Row, RowBody};
use protocol::{ClientRef, ConversationId, UserId};
use tokio::time::{Instant, timeout};

use crate::line::Line;
use crate::place::{PASSWORD, Place, Start};

/// One device of somebody.
pub struct Device {
    /// The account's name.
    pub name: String,
    /// Who.
    pub user: UserId,
    /// What it hangs on.
    pub line: Line,
    /// The chat client in it.
    pub client: Client,
    start: Start,
    patience: Duration,
}

impl Device {
    /// Make an account on it, and connect.
    pub async fn registers(place: &dyn Place, start: Start, name: &str) -> Self {
        let (client, name) = (start.client(place.environment()).await, place.unused(name));
        let args = RegisterArgs {
            address: place.address(),
            name: name.clone(),
            display_name: String::new(),
            password: PASSWORD.into(),
            session_only: false,
        };
        let state = client.register(args).await.expect("an account");
        let user = state.account.expect("signed in").person.id;
        Self::connected(place, start, client, name, user).await
    }

    /// Sign somebody in on it, and connect.
    pub async fn signs_in(place: &dyn Place, start: Start, who: &Self) -> Self {
        let client = start.client(place.environment()).await;
        let args = SignInArgs {
            address: place.address(),
            name: who.name.clone(),
            password: PASSWORD.into(),
            session_only: false,
        };
        client.sign_in(args).await.expect("signed in");
        Self::connected(place, start, client, who.name.clone(), who.user).await
    }

    async fn connected(
        place: &dyn Place,
        start: Start,
        client: Client,
        name: String,
        user: UserId,
    ) -> Self {
        let (line, patience) = (start.line.clone(), place.patience());
        let device = Self { name, user, line, client, start, patience };
        device.comes_online().await;
        device
    }

    /// The app ends and is started again, with what is on its disk.
    pub async fn restarts(&mut self, environment: client::Environment) {
        self.client.shutdown().await;
        self.client = self.start.client(environment).await;
    }

    /// Wait for something that the client tells when it changes.
    pub async fn waits_for(&self, what: &str, mut good: impl AsyncFnMut() -> bool) {
        let mut told = self.client.subscribe();
        let deadline = Instant::now() + self.patience;
        while !good().await {
            let left = deadline.saturating_duration_since(Instant::now());
            // Not everything that a test waits for is told, so now and then it looks unasked.
            let tick = left.min(Duration::from_secs(1));
            if let Ok(None) = timeout(tick, told.recv()).await {
                told = self.client.subscribe();
            }
            assert!(Instant::now() < deadline, "{} waits in vain for {what:.200}", self.name);
        }
    }

    /// Wait for a connection.
    pub async fn comes_online(&self) {
        self.waits_for("a connection", async || {
            let state = self.client.get_state(Nothing {}).await.expect("a state");
            matches!(state.connection, Connection::Online | Connection::Polling)
        })
        .await;
    }

    /// Wait until the connection is lost.
    pub async fn goes_offline(&self) {
        self.waits_for("the connection to end", async || {
            let state = self.client.get_state(Nothing {}).await.expect("a state");
            !matches!(state.connection, Connection::Online | Connection::Polling)
        })
        .await;
    }

    /// The direct conversation with somebody.
    pub async fn direct(&self, other: UserId) -> ConversationId {
        let with = WithPerson { user: other };
        self.client.open_direct(with).await.expect("a direct conversation").conversation
    }

    /// Begin a group.
    pub async fn creates(&self, title: &str, members: &[UserId]) -> ConversationId {
        let group = CreateGroup { title: title.into(), members: members.to_vec() };
        self.client.create_group(group).await.expect("a group").conversation
    }

    /// Write a message; it is in the outbox when this returns.
    pub async fn sends(&self, room: ConversationId, text: &str) -> ClientRef {
        let message = SendMessage { conversation: room, text: text.into(), reply_to: None };
        self.client.send_message(message).await.expect("in the outbox").client_ref
    }

    /// Give a sent message another text.
    pub async fn edits(&self, room: ConversationId, old: &str, new: &str) {
        let seq = self.seq_of(room, old).await;
        let edit =
            EditMessage { conversation: room, seq: Some(seq), client_ref: None, text: new.into() };
        self.client.edit_message(edit).await.expect("an edit");
    }

    /// Delete a sent message.
    pub async fn deletes(&self, room: ConversationId, text: &str) {
        let seq = self.seq_of(room, text).await;
        self.client.delete_message(OneMessage { conversation: room, seq }).await.expect("gone");
    }

    /// Take a queued message back.
    pub async fn cancels(&self, room: ConversationId, client_ref: ClientRef) -> bool {
        let pending = OnePending { conversation: room, client_ref };
        self.client.cancel_pending(pending).await.is_ok()
    }

    /// Make somebody a member.
    pub async fn adds(&self, room: ConversationId, who: UserId) {
        let add = AddMembers { conversation: room, users: vec![who] };
        self.client.add_members(add).await.expect("added");
    }

    /// Remove a member.
    pub async fn removes(&self, room: ConversationId, user: UserId) {
        let who = OneMember { conversation: room, user };
        self.client.remove_member(who).await.expect("removed");
    }

    /// Read everything that is there.
    pub async fn reads(&self, room: ConversationId) {
        let head = self.head(room).await;
        let mark = MarkRead { conversation: room, seq: head };
        self.client.mark_read(mark).await.expect("marked");
    }

    /// The head of a conversation, as far as this device knows; 0 for one that it does not know.
    pub async fn head(&self, room: ConversationId) -> u64 {
        let open = OpenConversation { conversation: room, at: None };
        self.client.open_conversation(open).await.map_or(0, |timeline| timeline.head)
    }

    /// Every row that this device holds of a conversation, from the first to the last. The conversation
    /// stays open: its rows are told when they change.
    pub async fn rows(&self, room: ConversationId) -> Vec<Row> {
        let open = OpenConversation { conversation: room, at: None };
        let Ok(timeline) = self.client.open_conversation(open).await else { return vec![] };
        let mut rows = timeline.rows;
        let (mut before, mut after) = (timeline.more_before, timeline.more_after);
        while let Some(first) = rows.first().and_then(|row| row.seq).filter(|_| before) {
            let load = LoadRows { conversation: room, before: Some(first), after: None };
            let more = self.client.load_rows(load).await.expect("rows");
            before = more.more_before && !more.rows.is_empty();
            rows.splice(0..0, more.rows);
        }
        while let Some(last) = rows.last().and_then(|row| row.seq).filter(|_| after) {
            let load = LoadRows { conversation: room, before: None, after: Some(last) };
            let more = self.client.load_rows(load).await.expect("rows");
            after = more.more_after && !more.rows.is_empty();
            rows.extend(more.rows);
        }
        rows
    }

    /// The messages of a conversation, with their seqs.
    pub async fn messages(&self, room: ConversationId) -> Vec<(Row, MessageView)> {
        let rows = self.rows(room).await.into_iter();
        let message = |row: Row| match row.body.clone() {
            RowBody::Message(message) => Some((row, message)),
            _ => None,
        };
        rows.filter_map(message).collect()
    }

    async fn seq_of(&self, room: ConversationId, text: &str) -> u64 {
        let messages = self.messages(room).await;
        let found = messages.iter().find(|(_, message)| message.text == text);
        found.and_then(|(row, _)| row.seq).expect("a sent message with that text")
    }

    /// Wait until the conversation shows exactly these messages, in this order.
    pub async fn sees(&self, room: ConversationId, texts: &[&str]) {
        self.waits_for(&format!("{texts:?}"), async || {
            let messages = self.messages(room).await;
            messages.iter().map(|(_, message)| message.text.as_str()).eq(texts.iter().copied())
        })
        .await;
    }

    /// Wait until a message of one's own has come this far.
    pub async fn sees_progress(&self, room: ConversationId, text: &str, progress: Progress) {
        self.waits_for(&format!("{text:?} to be {progress:?}"), async || {
            let messages = self.messages(room).await;
            messages.iter().any(|(_, m)| m.text == text && m.progress == Some(progress))
        })
        .await;
    }

    /// How many messages the list shows as unread in a conversation.
    pub async fn unread(&self, room: ConversationId) -> u64 {
        let list = self.client.list_conversations(Nothing {}).await.expect("a list");
        list.conversations.iter().find(|item| item.id == room).map_or(0, |item| item.unread)
    }

    /// Wait until the list shows so many unread messages in a conversation.
    pub async fn sees_unread(&self, room: ConversationId, count: u64) {
        self.waits_for(&format!("{count} unread"), async || self.unread(room).await == count).await;
    }
}
