//! The link between nodes: gateways attach their sessions to whoever holds the people's partitions of
//! the inbox.
//!
//! [`Attachments`] decides for a gateway, [`Owner`] for an owner; both are told the time and neither
//! knows a network. Between them are two [`Queue`]s, one of [`Ask`]s and one of [`Say`]s, which are
//! either carried over a WebSocket (`socket`), or, within one process, not carried at all: a gateway
//! calls the owner (`Gateway::join`). Everything else is the same.

mod attach;
mod gateway;
mod heads;
mod message;
mod owner;
mod proof;
mod queue;
mod serve;
mod socket;

pub use attach::{Action, Attachments, BEAT, LEASE, PATIENCE, Start};
pub use gateway::Gateway;
pub(crate) use heads::compare;
pub use message::{Ask, Asker, Garbage, Handed, PollRequest, Say, Typing};
pub use owner::{ANSWERED, Owner};
pub use proof::Key;
pub use queue::Queue;
pub use serve::{Door, Links, keep};
