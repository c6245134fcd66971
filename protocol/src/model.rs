//! What a conversation is made of: events, the current state of messages, members, markers.

use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::id::{ClientRef, ConversationId, UserId};

/// One accepted entry of a conversation's log. Written once, without any text that people wrote:
/// texts live in [`MessageState`], so that a delete empties every copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// Its place in the conversation: 1, 2, 3 …, no gaps.
    pub seq: u64,
    /// How many messages exist up to and with this seq.
    pub ord: u64,
    /// When the server took it. For display only.
    pub at: Millis,
    /// Who did it.
    pub sender: UserId,
    /// The sender's app's ref for it.
    pub client_ref: ClientRef,
    /// What happened.
    pub kind: EventKind,
}

/// What happened, with all that was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Somebody said something. The text is in the message's state.
    Message {
        /// The seq of the message that this one answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<u64>,
    },
    /// A message got another text.
    Edited {
        /// The seq of the message.
        target: u64,
    },
    /// A message was emptied.
    Deleted {
        /// The seq of the message.
        target: u64,
    },
    /// A reaction was added or taken back.
    Reacted {
        /// The seq of the message.
        target: u64,
        /// Which emoji.
        emoji: String,
        /// Whether it was added.
        on: bool,
    },
    /// A message was pinned or unpinned.
    Pinned {
        /// The seq of the message.
        target: u64,
        /// Whether it was pinned.
        on: bool,
    },
    /// The group began; the sender is its owner.
    Created {
        /// The group's name.
        title: String,
        /// Who became a member beside the sender.
        members: Vec<UserId>,
        /// Whether later members may read from the start.
        history_open: bool,
    },
    /// The group got another name.
    Renamed {
        /// The new name.
        title: String,
    },
    /// People became members.
    Added {
        /// Those who were really added.
        users: Vec<UserId>,
    },
    /// Somebody was removed.
    Removed {
        /// Whom.
        user: UserId,
    },
    /// The sender left.
    Left {
        /// Who is the owner now, if the owner left and somebody remains.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        new_owner: Option<UserId>,
    },
    /// Somebody's role changed.
    RoleChanged {
        /// Whom.
        user: UserId,
        /// The new role. `owner` makes the sender, the owner until now, an admin.
        role: Role,
    },
    /// An event of a newer server, kept as it came and shown as "needs a newer app".
    #[serde(untagged)]
    Unknown(serde_json::Value),
}

impl EventKind {
    /// The seq of the message whose state this event changed: for a message, `own`.
    #[must_use]
    pub fn changes(&self, own: u64) -> Option<u64> {
        match self {
            Self::Message { .. } => Some(own),
            Self::Edited { target }
            | Self::Deleted { target }
            | Self::Reacted { target, .. }
            | Self::Pinned { target, .. } => Some(*target),
            _ => None,
        }
    }

    /// The seq of another message that a reader of this event needs to see: the target, or the
    /// quoted message of a reply.
    #[must_use]
    pub fn names(&self) -> Option<u64> {
        match self {
            Self::Message { reply_to } => *reply_to,
            other => other.changes(0),
        }
    }

    /// Whether it counts for `ord` and unread.
    #[must_use]
    pub fn counts(&self) -> bool {
        matches!(self, Self::Message { .. })
    }
}

/// The current state of one message: overwritten by every event that is about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessageState {
    /// The message's seq.
    pub seq: u64,
    /// Its texts, oldest first; the last one is current. Empty exactly when it was deleted.
    pub texts: Vec<Text>,
    /// Reactions in the order in which their emoji first came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
    /// Whether it is pinned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// The seq of the last event that was applied. A copy with a higher one is newer.
    pub state_seq: u64,
}

impl MessageState {
    /// The text to show; `None` when the message was deleted.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.texts.last().map(|t| t.text.as_str())
    }
}

/// One text that a message has or had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Text {
    /// As it was written: Markdown.
    pub text: String,
    /// When the server took it.
    pub at: Millis,
}

/// One emoji under a message, and who put it there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reaction {
    /// Which.
    pub emoji: String,
    /// Who, in the order in which they did.
    pub users: Vec<UserId>,
}

/// What a member may do in a group. Ordered: a later one may do more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Write, react, leave.
    Member,
    /// Also rename, add, pin, remove members, delete others' messages.
    Admin,
    /// Also give roles and remove anybody. Exactly one as long as anybody is there.
    Owner,
}

/// One stretch of membership. Seq s belongs to it when `joined_seq ≤ s ≤ left_seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Period {
    /// The seq of the event that made one a member; 0 in a direct conversation.
    pub joined_seq: u64,
    /// The seq of the event that ended it; `None` while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_seq: Option<u64>,
}

impl Period {
    /// Whether `seq` belongs to it.
    #[must_use]
    pub fn covers(&self, seq: u64) -> bool {
        self.joined_seq <= seq && self.left_seq.is_none_or(|left| seq <= left)
    }
}

/// Whether somebody with these periods is a member now.
#[must_use]
pub fn is_current(periods: &[Period]) -> bool {
    periods.last().is_some_and(|p| p.left_seq.is_none())
}

/// One member of a conversation, as others see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// Their role.
    pub role: Role,
}

/// How far somebody's apps have stored a conversation, and how far they have read it. Effective
/// values: at least the seq at which they joined, and read implies delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Marker {
    /// Whose.
    pub user: UserId,
    /// The seq up to which any one of the person's apps has the conversation in its database.
    pub delivered: u64,
    /// The seq up to which the person has seen it.
    pub read: u64,
}

/// A conversation's last accepted event, as a reader sees it: for who left, the one that ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Head {
    /// The last seq; 0 before the first event.
    pub seq: u64,
    /// How many messages there are.
    pub ord: u64,
}

/// Two people or a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConversationKind {
    /// Two people. Never created, never left.
    Direct,
    /// Any number of people, with a title and roles.
    Group,
}

/// A stretch of a conversation: the answer to a request for history, and part of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Range {
    /// Which conversation.
    pub conversation: ConversationId,
    /// The first seq that the answer covers. Higher than asked when the answer would be too large.
    pub from: u64,
    /// The last seq that the answer covers. Lower than asked when the conversation ends before.
    pub to: u64,
    /// The events in it that the asker may see, ascending.
    pub events: Vec<Event>,
    /// The current state of every message that `events` contains or names.
    pub states: Vec<MessageState>,
    /// Stretches `[from, to]` in it that are closed to the asker. To be stored as held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closed: Vec<(u64, u64)>,
}
