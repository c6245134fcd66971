//! What the client tells a UI without being asked.

use protocol::{ClientRef, Code, ConversationId, UserId};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::view::{AppState, ConversationDetails, ConversationItem, Row};

/// What the client tells its windows, coalesced to frames when it bursts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Notification {
    /// The account, the connection, the settings or the notices changed.
    State {
        /// As it is now.
        state: AppState,
    },
    /// Rows of the list changed: the whole rows, and where each stands now.
    Conversations {
        /// Changed rows.
        changed: Vec<ConversationItem>,
        /// All ids in order, if the order changed.
        order: Option<Vec<ConversationId>>,
        /// Unread messages in all of them.
        #[ts(type = "number")]
        unread: u64,
        /// See [`ConversationList::complete`].
        complete: bool,
    },
    /// Rows of an open conversation changed, came or went.
    Rows {
        /// Which.
        conversation: ConversationId,
        /// Changed and new rows; those with a known key replace.
        rows: Vec<Row>,
        /// Keys that are gone.
        removed: Vec<String>,
        /// The head's seq.
        #[ts(type = "number")]
        head: u64,
    },
    /// Details of an open conversation changed.
    Details {
        /// As they are now.
        details: ConversationDetails,
    },
    /// Who is writing in an open conversation.
    Typing {
        /// Which.
        conversation: ConversationId,
        /// Their names.
        names: Vec<String>,
    },
    /// Somebody on screen came or went.
    Presence {
        /// Who.
        user: UserId,
        /// Whether they are there.
        online: bool,
    },
    /// A command of one's own other than a message was rejected.
    Rejected {
        /// Where.
        conversation: ConversationId,
        /// Which.
        client_ref: ClientRef,
        /// Why.
        code: Code,
    },
    /// The person wants to go somewhere: `take_target` says where.
    TargetWaiting {},
    /// Whether anything is still on its way: outbox and queues are empty when `true`.
    Idle {
        /// Whether all is done.
        idle: bool,
    },
}
