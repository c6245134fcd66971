//! Conversations in ScyllaDB or Apache Cassandra: rows that many nodes write, without transactions.
//!
//! What makes it right is in the statements and in the order of effects. Every write carries the
//! position of the record that caused it as its timestamp, so on each cell the later record wins,
//! whoever writes when. A batch is written in steps, each acknowledged by a quorum before the next
//! begins: events, heads, overwritten rows, changes, restart position. Readers go no further than the
//! head, which they read before anything else.

mod apply;
mod cells;
mod connect;
mod fold;
mod history;
mod list;
mod markers;
mod members;
mod migrations;
mod pages;
mod requests;
mod shared;
mod statements;
mod stretch;

use std::sync::Arc;

use protocol::ConversationId;
use scylla::client::session::Session;
use uuid::Uuid;

use cells::HeadCell;
pub use connect::{ConnectError, Credentials, Options};
use members::Roster;
use shared::Shared;
use statements::Statements;
use stretch::Chunk;

use crate::{ConversationRow, Tell};

/// The store of conversations of a cluster. See [`Scylla::connect`] and [`Scylla::migrate`].
pub struct Scylla {
    session: Session,
    statements: Statements,
    /// The id of this database, given when it was made.
    database: Uuid,
    /// Where changes go once they are stored.
    tell: Arc<dyn Tell>,
    /// Reads of the same thing at the same time.
    reads: Reads,
}

/// What many ask for at once when a conversation is hot.
#[derive(Default)]
struct Reads {
    heads: Shared<ConversationId, Option<HeadCell>>,
    own: Shared<ConversationId, Option<ConversationRow>>,
    rosters: Shared<(ConversationId, usize), Arc<Roster>>,
    /// By conversation, first and last seq.
    events: Shared<(ConversationId, u64, u64), Chunk>,
}

/// How many events are in one partition of their table. For life: it is a part of their key.
const BUCKET: u64 = 5_000;
/// How many requests of one step are under way at once.
const AT_ONCE: usize = 64;

/// The part of the events' key that follows from the seq.
fn bucket(seq: u64) -> u64 {
    seq / BUCKET
}
