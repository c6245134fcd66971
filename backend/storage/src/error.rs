//! What can go wrong in a store.

use protocol::ConversationId;

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The name is somebody's already.
    #[error("the name is taken")]
    NameTaken,
    /// A row failed its checksum, or a part of a conversation is missing. Nothing is served.
    #[error("stored history of {conversation} is damaged at seq {seq}")]
    Damaged {
        /// Where.
        conversation: ConversationId,
        /// The first seq that is not right.
        seq: u64,
    },
    /// The commit failed; nothing of it is stored. The caller drops its state and starts again.
    #[error("the commit failed: {0}")]
    CommitFailed(String),
    /// The store cannot be used (any more): full disk, broken file, ended process.
    #[error("the store is not available: {0}")]
    Unavailable(String),
}
