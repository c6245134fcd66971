//! The frames of a live connection, in both directions. A frame is one JSON object with one field,
//! whose name is the op: `{"submit": {…}}`.

use serde::{Deserialize, Serialize};

use crate::command::Submit;
use crate::id::{ClientRef, ConversationId, UserId};
use crate::model::{ConversationKind, Event, Head, Marker, Member, MessageState, Period, Role};
use crate::{Code, Millis};

/// What an app says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientFrame {
    /// First frame of a connection; legal again after `resync`.
    Hello(Hello),
    /// Change a conversation.
    Submit(Submit),
    /// Move one's markers.
    Mark(Mark),
    /// One is writing. Sent again every few seconds while it lasts.
    Typing(Typing),
    /// What is on screen: replaces the earlier `look`.
    Look(Look),
}

/// What a server says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerFrame {
    /// Part of the answer to `hello`.
    Page(Page),
    /// Everything up to here was sent. Opaque; the app keeps the latest for its next `hello`.
    Cursor(Cursor),
    /// Something happened in one of the person's conversations. The only acknowledgement there is:
    /// the sender's own app finds its `client_ref` in it.
    Event(EventFrame),
    /// One command of one's own was rejected. Final.
    Rejected(Rejected),
    /// A whole `submit` was not taken. Send it again, unchanged, after that time.
    SlowDown(SlowDown),
    /// Somebody's markers moved.
    Marked(Marked),
    /// One's own `mark` is stored: the values as they are now.
    MarkStored(MarkStored),
    /// Somebody is writing; gone after [`crate::limits::TYPING_MILLIS`].
    Typing(TypingNotice),
    /// Somebody that one looks at came or went.
    Presence(Presence),
    /// One's own account changed: profile, settings, friends.
    Account(Account),
    /// What was queued has been dropped: say `hello` again.
    Resync {},
    /// This node is about to stop.
    Goaway(Goaway),
    /// The session is over; sign in again.
    SessionEnded {},
    /// A frame was refused. The session goes on.
    Error(Refused),
}

/// Who connects, and what the app has already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of the protocol: [`crate::VERSION`].
    pub version: u32,
    /// The version of the account that the app holds; 0 for none.
    #[serde(default)]
    pub account_version: u64,
    /// The last cursor that the app stored. Absent, unknown, foreign or expired: the whole list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// How far one's app has stored and one has read. Lower values than the stored ones change nothing,
/// higher ones than the head are taken as the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Where.
    pub conversation: ConversationId,
    /// Committed in this app's database up to this seq; 0 for no statement.
    #[serde(default)]
    pub delivered: u64,
    /// Seen up to this seq; 0 for no statement.
    #[serde(default)]
    pub read: u64,
}

/// One is writing in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typing {
    /// Where.
    pub conversation: ConversationId,
}

/// What is on screen. Typing and presence are sent only for that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// Whose typing, and in large groups whose markers, one wants to see; at most [`crate::limits::LOOKS`].
    #[serde(default)]
    pub conversations: Vec<ConversationId>,
    /// Whose presence one wants to see; at most [`crate::limits::LOOKS`].
    #[serde(default)]
    pub users: Vec<UserId>,
}

/// Conversations that changed since the cursor, most recent first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The conversations.
    pub conversations: Vec<ConversationPage>,
    /// The version of the person's account now.
    pub account_version: u64,
    /// Whether this is the answer's last page.
    pub last: bool,
    /// Whether the answer is the whole list and not only what changed: a conversation that no page
    /// of it names is not the person's.
    pub whole: bool,
}

/// One conversation, as it is for this person, with its newest events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationPage {
    /// Its id.
    pub conversation: ConversationId,
    /// Two people or a group.
    pub kind: ConversationKind,
    /// A group's name; empty for a direct conversation.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Whether members may read from the start.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub history_open: bool,
    /// Its head; for who left, `{left_seq, its ord}`. Everything here is as of this head.
    pub head: Head,
    /// When the head's event was taken, for the list.
    pub at: Millis,
    /// The person's own role.
    pub role: Role,
    /// The person's own membership.
    pub periods: Vec<Period>,
    /// How many members there are now.
    pub member_count: u64,
    /// All current members of a direct conversation and of groups up to [`crate::limits::SMALL_GROUP`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    /// The markers of those members, the person's own included. In larger groups only that one.
    pub markers: Vec<Marker>,
    /// How many messages there are up to the person's read marker.
    pub read_ord: u64,
    /// The newest events, ascending, without a hole up to the head.
    pub events: Vec<Event>,
    /// The current state of every message that `events` contains or names.
    pub states: Vec<MessageState>,
}

/// See [`ServerFrame::Cursor`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// To be given back in `hello`.
    pub cursor: String,
}

/// One event, with the state of the message that it changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventFrame {
    /// Where.
    pub conversation: ConversationId,
    /// What happened.
    pub event: Event,
    /// The message that it made or changed, and a reply's quoted message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<MessageState>,
}

/// See [`ServerFrame::Rejected`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Where.
    pub conversation: ConversationId,
    /// Which command.
    pub client_ref: ClientRef,
    /// Why.
    pub code: Code,
}

/// See [`ServerFrame::SlowDown`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowDown {
    /// Whose submit.
    pub conversation: ConversationId,
    /// When to send it again, in milliseconds from now.
    pub retry_after_ms: u64,
}

/// Somebody's markers in one conversation. To everybody in groups up to
/// [`crate::limits::SMALL_GROUP`], always to the person's own apps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marked {
    /// Where.
    pub conversation: ConversationId,
    /// Whose, and how far.
    #[serde(flatten)]
    pub marker: Marker,
    /// How many messages there are up to `read`.
    pub read_ord: u64,
}

/// The answer to `mark`, after the values are stored and on their way to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkStored {
    /// Where.
    pub conversation: ConversationId,
    /// As stored.
    pub delivered: u64,
    /// As stored.
    pub read: u64,
    /// How many messages there are up to `read`.
    pub read_ord: u64,
}

/// Somebody is writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypingNotice {
    /// Where.
    pub conversation: ConversationId,
    /// Who.
    pub user: UserId,
}

/// Whether somebody has a live session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Who.
    pub user: UserId,
    /// Whether they are there.
    pub online: bool,
}

/// See [`ServerFrame::Account`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The account's version now.
    pub version: u64,
}

/// See [`ServerFrame::Goaway`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goaway {
    /// When to connect again, in milliseconds from now.
    pub retry_after_ms: u64,
    /// Addresses of nodes to try first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefer: Vec<String>,
}

/// See [`ServerFrame::Error`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Why.
    pub code: Code,
    /// The conversation that the refused frame was about, if it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// In English, for logs and developers.
    pub detail: String,
}
