//! What a UI is shown. These types cross to TypeScript; numbers stay below 2^53, ids are strings.

use protocol::model::{ConversationKind, Role};
use protocol::{Code, ConversationId, SessionId, UserId};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use crate::blocks::{Block, Span};
pub use crate::notification::Notification;
pub use crate::search::{Coverage, FoundMessage, Piece, SearchResults};

macro_rules! view {
    ($($(#[$meta:meta])* pub struct $name:ident { $($(#[$fmeta:meta])* pub $field:ident: $type:ty,)* })*) => {
        $($(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
        pub struct $name { $($(#[$fmeta])* pub $field: $type,)* })*
    };
}

macro_rules! words {
    ($($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident,)* })*) => {
        $($(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vmeta])* $variant,)* })*
    };
}

words! {
    /// How the client is connected.
    pub enum Connection {
        /// Nobody is signed in.
        SignedOut,
        /// No network, or the server does not answer. The app works from its own database.
        Offline,
        /// On the way.
        Connecting,
        /// Live, and everything that changed meanwhile has been fetched or is being fetched.
        Online,
        /// Live over long-poll, since something on the way blocks WebSockets.
        Polling,
    }

    /// How far a message of one's own has come.
    pub enum Progress {
        /// In the outbox.
        Sending,
        /// Stored and ordered by the server.
        Sent,
        /// In the database of the others' apps: of everybody in groups up to 20, else of anybody.
        Delivered,
        /// Seen, likewise.
        Read,
        /// Rejected; `error` says why. "Try again" makes a new message.
        Failed,
    }

    /// How the app looks.
    pub enum Appearance {
        /// As the system does.
        System,
        /// Light.
        Light,
        /// Dark.
        Dark,
    }

    /// What is notified.
    pub enum Notify {
        /// Every message.
        All,
        /// Nothing.
        Nothing,
    }
}

fn yes() -> bool {
    true
}

view! {
    /// What a window paints first.
    pub struct AppState {
        /// Who is signed in.
        pub account: Option<AccountView>,
        /// The connection.
        pub connection: Connection,
        /// This app's settings.
        pub settings: Settings,
        /// Things to tell the person once, such as a cache that had to be rebuilt.
        pub notices: Vec<Notice>,
        /// Whether the app has a window of its own: only then it can start by itself, go on when the
        /// window is closed, and be ended.
        pub desktop: bool,
    }

    /// The signed-in account.
    pub struct AccountView {
        /// One's own person.
        pub person: PersonView,
        /// The server's address.
        pub address: String,
        /// This device's session.
        pub session: SessionId,
        /// Whether the session ends with the app, since there is no keychain.
        pub session_only: bool,
    }

    /// Something to tell the person once.
    pub struct Notice {
        /// `cache_rebuilt`, `signed_out_elsewhere`, …
        pub code: String,
    }

    /// Settings of this app.
    pub struct Settings {
        /// Light or dark.
        pub appearance: Appearance,
        /// What is notified.
        pub notify: Notify,
        /// Whether a notification shows what was written.
        pub notify_content: bool,
        /// `en`, `zh-CN`, or empty for the system's.
        pub language: String,
        /// Whether others' typing is shown and one's own is told.
        pub typing: bool,
        /// Whether the app starts when the person signs in to the computer.
        #[serde(default)]
        pub autostart: bool,
        /// Whether the app goes on, and notifies, when its window is closed.
        #[serde(default = "yes")]
        pub close_to_tray: bool,
    }

    /// A place in the app that the person wants to go to.
    pub struct Target {
        /// Which conversation.
        pub conversation: ConversationId,
        /// Which message in it; none for where one would begin to read.
        #[ts(type = "number | null")]
        pub seq: Option<u64>,
    }

    /// What answers at an address.
    pub struct ServerInfo {
        /// The address, completed.
        pub address: String,
        /// The server's name.
        pub name: String,
        /// Whether anybody may make an account.
        pub registration: bool,
        /// How long it took to answer, in milliseconds.
        #[ts(type = "number")]
        pub millis: u64,
    }

    /// Somebody.
    pub struct PersonView {
        /// Who.
        pub id: UserId,
        /// The account's name; empty while not known.
        pub name: String,
        /// The name to show.
        pub display_name: String,
        /// A line about themselves.
        pub about: String,
        /// Whether they are there; only kept for people on screen.
        pub online: bool,
    }

    /// People.
    pub struct People {
        /// Best first.
        pub people: Vec<PersonView>,
    }

    /// The list of conversations.
    pub struct ConversationList {
        /// Most recent first.
        pub conversations: Vec<ConversationItem>,
        /// Unread messages in all of them, for the badge.
        #[ts(type = "number")]
        pub unread: u64,
        /// Whether the list was ever completed; `false` on a new device until the first sync.
        pub complete: bool,
    }

    /// One row of the list.
    pub struct ConversationItem {
        /// Which.
        pub id: ConversationId,
        /// Two people or a group.
        pub kind: ConversationKind,
        /// The group's name, or the other person's.
        pub title: String,
        /// The other person of a direct conversation.
        pub peer: Option<PersonView>,
        /// The last thing that happened, as plain text in one line; empty for none.
        pub preview: String,
        /// Who did it, if it was not oneself and this is a group.
        pub preview_sender: Option<String>,
        /// How far it has come, if it is a message of one's own.
        pub progress: Option<Progress>,
        /// What is being written; shown instead of the preview.
        pub draft: Option<String>,
        /// When the last thing happened, in milliseconds since 1970; 0 for never.
        #[ts(type = "number")]
        pub at: i64,
        /// Unread messages: derived, at most 1000, which means 999+.
        #[ts(type = "number")]
        pub unread: u64,
        /// Whether one is a member.
        pub member: bool,
        /// Until when nothing of it is notified, in milliseconds since 1970; may be long past.
        #[ts(type = "number | null")]
        pub muted_until: Option<i64>,
        /// Who is writing there.
        pub typing: Vec<String>,
    }

    /// A window of rows of one conversation, ascending.
    pub struct Timeline {
        /// Which.
        pub conversation: ConversationId,
        /// The rows.
        pub rows: Vec<Row>,
        /// Whether there are rows before the first.
        pub more_before: bool,
        /// Whether there are rows after the last.
        pub more_after: bool,
        /// The seq of the first unread message, as it was when the conversation was opened.
        #[ts(type = "number | null")]
        pub first_unread: Option<u64>,
        /// The head's seq.
        #[ts(type = "number")]
        pub head: u64,
        /// The draft to go on with.
        pub draft: Option<DraftView>,
    }

    /// What was being written.
    pub struct DraftView {
        /// The text.
        pub text: String,
        /// The message that it will answer.
        pub reply: Option<Quote>,
    }

    /// One row. Its `key` stays the same when a queued message becomes a sent one.
    pub struct Row {
        /// The `client_ref` of what the row shows, or `gap-N`.
        pub key: String,
        /// Its seq; absent while queued or failed.
        #[ts(type = "number | null")]
        pub seq: Option<u64>,
        /// When it happened, in milliseconds since 1970.
        #[ts(type = "number")]
        pub at: i64,
        /// What it shows.
        pub body: RowBody,
    }

    /// A message.
    pub struct MessageView {
        /// Who wrote it.
        pub sender: PersonView,
        /// Whether that is oneself.
        pub mine: bool,
        /// As written: Markdown. Empty when deleted.
        pub text: String,
        /// The text as a safe tree. Nothing in it is ever markup of the page.
        pub blocks: Vec<Block>,
        /// Whether it has another text than at first.
        pub edited: bool,
        /// Whether it was deleted.
        pub deleted: bool,
        /// Whether it is pinned.
        pub pinned: bool,
        /// The message that it answers.
        pub reply: Option<Quote>,
        /// Reactions.
        pub reactions: Vec<ReactionView>,
        /// How far it has come, if it is one's own.
        pub progress: Option<Progress>,
        /// Why it failed.
        pub error: Option<Code>,
        /// Whether it can still be edited or taken back without a trace: it never left this device.
        pub queued: bool,
    }

    /// A quoted message.
    pub struct Quote {
        /// Its seq, to jump to.
        #[ts(type = "number")]
        pub seq: u64,
        /// Who wrote it; empty when it is not here yet.
        pub sender: String,
        /// Its text in one plain line; empty when it is not here, or was deleted.
        pub text: String,
        /// Whether it was deleted.
        pub deleted: bool,
    }

    /// An emoji under a message.
    pub struct ReactionView {
        /// Which.
        pub emoji: String,
        /// How many.
        #[ts(type = "number")]
        pub count: u64,
        /// Whether oneself is among them.
        pub mine: bool,
        /// The first few names.
        pub names: Vec<String>,
    }

    /// A conversation's details.
    pub struct ConversationDetails {
        /// Which.
        pub id: ConversationId,
        /// Two people or a group.
        pub kind: ConversationKind,
        /// Its title.
        pub title: String,
        /// One's own role.
        pub role: Role,
        /// Whether one is a member.
        pub member: bool,
        /// How many members.
        #[ts(type = "number")]
        pub member_count: u64,
        /// The members, as far as known.
        pub members: Vec<MemberView>,
        /// The pinned messages that are here, the newest first.
        pub pinned: Vec<FoundMessage>,
    }

    /// A member.
    pub struct MemberView {
        /// Who.
        pub person: PersonView,
        /// Their role.
        pub role: Role,
    }

    /// Who has a message.
    pub struct MessageReaders {
        /// Have seen it.
        pub read: Vec<PersonView>,
        /// Have it, and have not seen it.
        pub delivered: Vec<PersonView>,
        /// Do not have it yet.
        pub waiting: Vec<PersonView>,
    }

    /// Signed-in devices.
    pub struct Sessions {
        /// Most recently used first.
        pub sessions: Vec<SessionView>,
    }

    /// A signed-in device.
    pub struct SessionView {
        /// Which.
        pub id: SessionId,
        /// The device's name.
        pub device: String,
        /// Its platform.
        pub platform: String,
        /// When it was last used.
        #[ts(type = "number")]
        pub used: i64,
        /// Whether it is this one.
        pub current: bool,
    }
}

impl Connection {
    /// Whether frames come and go.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Online | Self::Polling)
    }
}

/// What a row shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RowBody {
    /// A message.
    Message(MessageView),
    /// A line in the middle: somebody joined, the group got another name.
    Change {
        /// What happened.
        change: ChangeView,
    },
    /// History that is not here yet; it comes when it is looked at.
    Gap {
        /// How many events are missing.
        #[ts(type = "number")]
        missing: u64,
    },
    /// Something that this version does not understand.
    NewerApp,
}

/// What a line in the middle says. Names are ready to show; the UI writes the sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum ChangeView {
    /// `by` began the group.
    Created {
        /// Who.
        by: String,
        /// Its name.
        title: String,
    },
    /// `by` renamed it.
    Renamed {
        /// Who.
        by: String,
        /// The new name.
        title: String,
    },
    /// `by` added people.
    Added {
        /// Who.
        by: String,
        /// Whom.
        names: Vec<String>,
    },
    /// `by` removed somebody.
    Removed {
        /// Who.
        by: String,
        /// Whom.
        name: String,
    },
    /// Somebody left.
    Left {
        /// Who.
        name: String,
    },
    /// `by` changed somebody's role.
    RoleChanged {
        /// Who.
        by: String,
        /// Whose.
        name: String,
        /// The new role.
        role: Role,
    },
    /// `by` pinned a message.
    Pinned {
        /// Who.
        by: String,
        /// The message's seq.
        #[ts(type = "number")]
        seq: u64,
    },
}
