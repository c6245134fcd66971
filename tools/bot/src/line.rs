//! What is printed: one JSON object a line, each with a `type`. The README has the table.

use client::view::{ChangeView, Connection, ConversationItem, MessageView, Progress, Row, RowBody};
use protocol::model::ConversationKind;
use protocol::{ClientRef, Code, ConversationId, Millis, UserId};
use serde::Serialize;

/// One printed line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Line {
    /// Who is signed in.
    Account { user: UserId, name: String, display_name: String, server: String },
    /// How it is connected.
    Connection { state: Connection },
    /// A conversation of the list.
    Conversation {
        conversation: ConversationId,
        kind: ConversationKind,
        title: String,
        /// The other person's name in a direct conversation.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        unread: u64,
        member: bool,
        time: Millis,
    },
    /// A group was begun.
    Group { conversation: ConversationId, title: String },
    /// A message, as it is now. The same `key` again is the same message.
    Message(Box<Message>),
    /// A message is in the outbox.
    Queued { conversation: ConversationId, key: ClientRef },
    /// Somebody joined, the group has another name, and the like.
    Change {
        conversation: ConversationId,
        key: String,
        seq: Option<u64>,
        time: Millis,
        change: ChangeView,
    },
    /// History that is not here.
    Gap { conversation: ConversationId, missing: u64 },
    /// Something of a newer server.
    Unknown { conversation: ConversationId, key: String, seq: Option<u64>, time: Millis },
    /// A change of one's own was rejected.
    Rejected { conversation: ConversationId, key: ClientRef, code: Code },
    /// What was unread is printed; what follows comes as it happens.
    Listening {},
    /// Something to know, such as `cache_rebuilt`.
    Notice { code: String },
}

/// A message, as it is now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Message {
    conversation: ConversationId,
    key: String,
    /// Its place in the conversation; absent while it is not stored.
    seq: Option<u64>,
    /// The sender's account name.
    sender: String,
    sender_id: UserId,
    mine: bool,
    text: String,
    /// Milliseconds since 1970.
    time: Millis,
    /// `received`, or how far one's own has come.
    state: State,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<u64>,
    edited: bool,
    deleted: bool,
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum State {
    Others(Received),
    Own(Progress),
}

/// The one state of others' messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Received {
    Received,
}

impl Line {
    /// What a row says.
    pub(crate) fn of_row(conversation: ConversationId, row: &Row) -> Self {
        let (key, seq, time) = (row.key.clone(), row.seq, row.at);
        match &row.body {
            RowBody::Message(view) => Self::Message(Box::new(message(conversation, row, view))),
            RowBody::Change { change } => {
                Self::Change { conversation, key, seq, time, change: change.clone() }
            }
            RowBody::Gap { missing } => Self::Gap { conversation, missing: *missing },
            RowBody::NewerApp => Self::Unknown { conversation, key, seq, time },
        }
    }

    /// What an item of the list says.
    pub(crate) fn of_item(item: ConversationItem) -> Self {
        Self::Conversation {
            conversation: item.id,
            kind: item.kind,
            title: item.title,
            name: item.peer.map(|peer| peer.name),
            unread: item.unread,
            member: item.member,
            time: item.at,
        }
    }

    /// Whether it is a message whose sender's name is not known yet.
    pub(crate) fn lacks_a_name(&self) -> bool {
        matches!(self, Self::Message(message) if message.sender.is_empty())
    }
}

fn message(conversation: ConversationId, row: &Row, view: &MessageView) -> Message {
    Message {
        conversation,
        key: row.key.clone(),
        seq: row.seq,
        sender: view.sender.name.clone(),
        sender_id: view.sender.id,
        mine: view.mine,
        text: view.text.clone(),
        time: row.at,
        state: view.progress.map_or(State::Others(Received::Received), State::Own),
        error: view.error,
        reply_to: view.reply.as_ref().map(|quote| quote.seq),
        edited: view.edited,
        deleted: view.deleted,
    }
}
