//! The words both sides speak.
//!
//! Everything that crosses between an app and a server is defined here and nowhere else: ids, the
//! commands that change a conversation, the events they become, the frames that carry them, the
//! HTTP requests beside them, the error codes and the limits. There is no I/O, no clock and no
//! randomness in this crate.
//!
//! Version 1 is JSON. Unknown fields are ignored, an unknown op is answered with a code, and an
//! unknown event kind is kept as it is, so that an older app can store what it does not understand.

#[macro_use]
mod id;

pub mod code;
pub mod command;
pub mod frame;
pub mod limits;
pub mod model;
pub mod name;
pub mod push;
pub mod request;
#[cfg(feature = "testing")]
pub mod testing;
pub mod wire;

pub use code::{Code, Problem};
pub use command::{Command, Entry, Submit};
pub use frame::{ClientFrame, ServerFrame};
pub use id::{
    ClientRef, ConversationId, DeviceId, SessionId, SubscriptionId, UserId, direct_conversation,
};
pub use model::{Event, EventKind, MessageState, Role};

/// A moment for display: milliseconds since 1970-01-01 UTC. Never used for order.
pub type Millis = i64;

/// The version of the protocol that this crate speaks, sent in `hello`.
pub const VERSION: u32 = 1;

/// Where a server takes the upgrade to a WebSocket, with the access token in `Authorization`.
pub const SOCKET_PATH: &str = "/v1/socket";
