//! An ordered log of bytes in partitions: append, subscribe, commit. It knows no chat.
//!
//! One [`EventLog`] is one topic: the conversation log, the inbox, the push queue. The memory log
//! is a bounded in-process queue that forgets its records when the process ends; the Kafka log
//! keeps them. Whoever uses a log that forgets combines it with an atomic store.

use async_trait::async_trait;
use bytes::Bytes;

#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "testing")]
mod kept;
mod memory;

#[cfg(feature = "testing")]
pub mod contract;

#[cfg(feature = "kafka")]
pub use kafka::{
    EPOCHS, Fatal, KafkaLog, KafkaSettings, Made, OFFSETS, Restart, Topics, Wanted, wanted,
};
#[cfg(feature = "testing")]
pub use kept::KeptLog;
pub use memory::MemoryLog;

/// A record's place in its partition: `epoch · 2^42 + offset`. Positions of one partition are
/// comparable and only ever grow.
pub type Position = u64;

/// One topic.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// How many partitions there are, for life.
    fn partitions(&self) -> u32;

    /// Append `bytes` to the partition and return the record's position. While there is no room it
    /// waits, or says so at once with [`LogError::Full`]. Records of one partition appended one after another keep that order.
    ///
    /// # Errors
    /// [`LogError::Unknown`]: the record may or may not be there. At any other it is not there.
    async fn append(&self, partition: u32, bytes: Bytes) -> Result<Position, LogError>;

    /// Become one of the topic's readers. Partitions are spread over the readers, one owner each,
    /// and move when readers come and go.
    ///
    /// # Errors
    /// When the log cannot be reached.
    async fn subscribe(&self) -> Result<Box<dyn Subscription>, LogError>;
}

/// One reader of a topic. Dropping it gives its partitions up.
#[async_trait]
pub trait Subscription: Send {
    /// What happens next. Safe to cancel: nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// [`LogError::Closed`] when the log has ended, [`LogError::Unfit`] when records are gone that
    /// this reader has not had.
    async fn next(&mut self) -> Result<Delivery, LogError>;

    /// What is already at hand, without waiting; `None` when nothing is.
    fn try_next(&mut self) -> Option<Delivery>;

    /// Say that everything below `position` in the partition has been dealt with: the next owner
    /// begins at `position`. Ignored for a partition that this reader does not own (any more).
    ///
    /// # Errors
    /// When the log cannot be reached; the next owner then begins earlier.
    async fn commit(&mut self, partition: u32, position: Position) -> Result<(), LogError>;

    /// How long the log has said nothing about the partition, not even that nothing is new; `None` when
    /// it never has. A log within the process is never silent.
    fn silent(&self, _partition: u32) -> Option<std::time::Duration> {
        Some(std::time::Duration::ZERO)
    }

    /// Hand the partition's records out again from the committed position, after another
    /// `Assigned`. Ignored for a partition that this reader does not own (any more).
    ///
    /// # Errors
    /// When the log cannot be reached.
    async fn rewind(&mut self, partition: u32) -> Result<(), LogError>;
}

/// What a subscription hands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// This reader owns the partition from now on; its records follow, from `position`.
    Assigned {
        /// Which partition.
        partition: u32,
        /// The position of the first record to come, or a lower one.
        position: Position,
    },
    /// One record. Between `Assigned` and `Revoked` there is no hole: each is the partition's next.
    Record {
        /// Which partition.
        partition: u32,
        /// Its position.
        position: Position,
        /// As appended.
        bytes: Bytes,
    },
    /// This reader owns the partition no more; all state that was built for it is to be dropped.
    Revoked {
        /// Which partition.
        partition: u32,
    },
}

/// Why the log could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The log has ended; nothing more will come.
    #[error("the log is closed")]
    Closed,
    /// Too much is on its way already; nothing was appended.
    #[error("the log has no room, try again in {retry_after:?}")]
    Full {
        /// When to try again.
        retry_after: std::time::Duration,
    },
    /// The log is not what it must be: another number of partitions, records that are gone.
    #[error("the log is not as it must be: {0}")]
    Unfit(String),
    /// No answer in time: the record may or may not have been appended.
    #[error("unknown whether it was appended: {0}")]
    Unknown(String),
    /// The log cannot be reached.
    #[error("the log cannot be reached: {0}")]
    Unreachable(String),
}
