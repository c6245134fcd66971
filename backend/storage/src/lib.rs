//! Where `kithd` keeps things. One small trait a file; the only crate that knows SQL.
//!
//! [`FoldStore`] takes what the sequencer decided and gives back what it needs to decide,
//! [`HistoryStore`] is what readers see, [`MarkerStore`] holds how far everybody is,
//! [`AccountStore`], [`SessionStore`] and [`FriendStore`] are the people, and [`PushStore`] knows where
//! their pushes go. All writes of one store
//! become visible in commits, and every commit hands its [`Change`]s out in order: see [`Committed`].

mod accounts;
mod blocking;
mod change;
#[cfg(feature = "testing")]
pub mod contract;
mod error;
mod fold;
mod friends;
mod history;
mod list;
mod markers;
#[cfg(feature = "testing")]
pub mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
mod push;
mod readable;
pub mod sabotage;
#[cfg(feature = "scylla")]
pub mod scylla;
mod sessions;
pub mod sqlite;
mod tell;
mod words;

pub use accounts::{AccountStore, Credentials, NewAccount};
pub use blocking::Blocking;
pub use change::{Change, Committed};
pub use error::StorageError;
pub use fold::{
    Batch, ConversationRow, EventRow, FoldStore, Head, Loaded, MemberRow, MessageRow, Outcome,
    RefRow,
};
pub use friends::{FriendStore, Relation, Relations};
pub use history::{HistoryStore, Listed, Stretch};
pub use list::{Activity, ListRow, ListStore};
pub use markers::{MarkOutcome, MarkerStore};
#[cfg(feature = "postgres")]
pub use postgres::Postgres;
pub use push::{PushStore, Subscribed, SubscriptionRow};
#[cfg(feature = "scylla")]
pub use scylla::Scylla;
pub use sessions::{SessionRow, SessionStore};
pub use sqlite::Sqlite;
pub use tell::Tell;

/// A record's place in its partition of the conversation log. Only the fold's tables hold it.
pub type Position = u64;

/// What every method of the stores returns.
pub type Result<T> = std::result::Result<T, StorageError>;
