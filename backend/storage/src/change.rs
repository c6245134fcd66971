//! What a commit means for people who are connected.

use std::sync::Arc;

use bytes::Bytes;
use protocol::frame::Marked;
use protocol::{SessionId, UserId};

/// One thing that people have to hear of, once it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A frame for these people, encoded once by the fan-out.
    Frame {
        /// To whom.
        recipients: Arc<[UserId]>,
        /// A [`protocol::ServerFrame`] as JSON.
        frame: Bytes,
    },
    /// Somebody's markers moved.
    Marked {
        /// To whom: all members up to [`protocol::limits::SMALL_GROUP`], else the person alone.
        recipients: Vec<UserId>,
        /// The values now stored.
        marked: Marked,
    },
    /// An account changed.
    Account {
        /// Whose.
        user: UserId,
        /// Its version now.
        version: u64,
    },
    /// A session was ended; its sockets must close.
    SessionEnded {
        /// Whose.
        user: UserId,
        /// Which.
        session: SessionId,
    },
}

/// What one commit of a store changed, handed out in commit order over the bounded channel that was
/// given to the store when it was opened, and before those who asked for the writes are answered. The
/// store waits while the channel is full, so whoever drains it must never wait for a write of the
/// same store. Commits that have no change to tell are left out; their numbers are skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The commit's number: grows by one with every commit of this store. Cursors use it.
    pub commit: u64,
    /// In the order in which they were applied.
    pub changes: Vec<Change>,
}
