//! What a search gives a UI.

use protocol::ConversationId;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::view::PersonView;

/// What was found, and where was looked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SearchResults {
    /// The newest messages first.
    pub messages: Vec<FoundMessage>,
    /// Ask with it as `before` for the messages that follow; absent when these were all.
    pub more: Option<String>,
    /// Which messages were looked through.
    pub coverage: Coverage,
}

/// A message in a list of messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FoundMessage {
    /// Where it is.
    pub conversation: ConversationId,
    /// Its seq, to jump to.
    #[ts(type = "number")]
    pub seq: u64,
    /// When it was sent, in milliseconds since 1970.
    #[ts(type = "number")]
    pub at: i64,
    /// Who wrote it; absent while only its text is here, since it is pinned or quoted.
    pub sender: Option<PersonView>,
    /// Whether that is oneself.
    pub mine: bool,
    /// The part of its text to show, in one plain line.
    pub pieces: Vec<Piece>,
}

/// A piece of plain text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Whether it is what was searched for.
    pub hit: bool,
}

/// Which messages can be found on this device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Coverage {
    /// Whether all messages that there are can be found.
    pub complete: bool,
    /// If not all: the time, in milliseconds since 1970, from which on all can be found. Of older
    /// messages some can. Absent when nothing is sure.
    #[ts(type = "number | null")]
    pub since: Option<i64>,
    /// If not all: whether older ones come by themselves as long as there is a connection.
    pub coming: bool,
    /// Whether the index is being made anew, so that also messages that are here are missed.
    pub indexing: bool,
}
