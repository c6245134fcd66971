//! A topic of Kafka as an [`EventLog`].
//!
//! What it promises rests on these settings, none of which may be relaxed. An append is answered
//! when it is on all brokers in step, at least two (`acks=all`, `min.insync.replicas=2`), and the
//! producer's own retries neither double nor reorder it (`enable.idempotence`). One that got no
//! answer in 10 s is *unknown*: it may be there, so nobody is told that it failed. Nothing is
//! committed but what [`Subscription::commit`] names, and a reader that finds its place gone says so
//! instead of jumping to one end of the log (`auto.offset.reset=error`): a jump would be a hole that
//! nobody sees. Kafka's transactions are not used: the fold makes repeats harmless by itself.

mod identity;
mod reader;
mod shared;
mod topics;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};

use crate::{EventLog, LogError, Position, Subscription};

pub use topics::{Made, Topics, Wanted, wanted};

/// How many offsets one epoch has room for: a position is `epoch · 2^42 + offset`.
pub const OFFSETS: u64 = 1 << 42;
/// The highest epoch: above it a position would not fit into a timestamp of the store.
pub const EPOCHS: u64 = 400;
/// How long an append may wait for its answer before it is unknown.
const APPEND: &str = "10000";
/// How long a sender is to wait when the producer's queue is full.
const FULL: Duration = Duration::from_secs(1);
/// How long a question to the brokers may take.
const QUESTION: Duration = Duration::from_secs(10);

/// Asked where a partition begins for which Kafka has no committed offset: the position that the
/// store says, or `None` when the store too has never seen the partition.
pub type Restart = Arc<
    dyn Fn(u32) -> Pin<Box<dyn Future<Output = Result<Option<Position>, String>> + Send>>
        + Send
        + Sync,
>;

/// Called once when the producer can never append again: the process has to end.
pub type Fatal = Arc<dyn Fn(&str) + Send + Sync>;

/// Which topic, and what it must be.
#[derive(Clone, Debug)]
pub struct KafkaSettings {
    /// Some of the brokers, `host:port` each; the rest is learned from them.
    pub brokers: Vec<String>,
    /// The topic's name.
    pub topic: String,
    /// How many partitions it must have.
    pub partitions: u32,
    /// The epoch of its positions, 1 to [`EPOCHS`].
    pub epoch: u64,
    /// The name that its readers share the partitions under.
    pub group: String,
}

/// A topic of Kafka. A cheap handle: clones are the same topic and the same producer.
#[derive(Clone)]
pub struct KafkaLog {
    settings: Arc<KafkaSettings>,
    producer: FutureProducer<Tracing>,
    restart: Restart,
}

impl KafkaLog {
    /// Connect, and see that the topic is there with its partitions.
    ///
    /// # Errors
    /// [`LogError::Unfit`] when the topic is missing or has another number of partitions;
    /// [`LogError::Unreachable`] when no broker answers.
    pub async fn connect(
        settings: KafkaSettings,
        restart: Restart,
        fatal: Fatal,
    ) -> Result<Self, LogError> {
        let producer: FutureProducer<Tracing> = client(&settings.brokers)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", APPEND)
            .set("queue.buffering.max.messages", "20000")
            .set("queue.buffering.max.kbytes", "65536")
            // What comes within a millisecond travels together.
            .set("linger.ms", "1")
            .create_with_context(Tracing { fatal: Some(fatal) })
            .map_err(unreachable)?;
        let log = Self { settings: Arc::new(settings), producer, restart };
        let found = log.ask(|log| partitions(log.producer.client(), &log.settings.topic)).await?;
        let KafkaSettings { topic, partitions, .. } = &*log.settings;
        match found {
            Some(found) if found == *partitions => Ok(log),
            Some(found) => Err(LogError::Unfit(format!(
                "{topic} has {found} partitions and must have {partitions}: their number is for life"
            ))),
            None => Err(LogError::Unfit(format!("there is no topic {topic}"))),
        }
    }

    /// The position behind the last record, by partition. One that was committed or stored and lies
    /// above it belongs to records that this topic does not have.
    ///
    /// # Errors
    /// When the brokers do not answer.
    pub async fn ends(&self) -> Result<Vec<Position>, LogError> {
        self.ask(|log| {
            (0..log.settings.partitions)
                .map(|partition| {
                    let (_, end) = log
                        .producer
                        .client()
                        .fetch_watermarks(&log.settings.topic, raw(partition), QUESTION)
                        .map_err(unreachable)?;
                    Ok(position(log.settings.epoch, end))
                })
                .collect()
        })
        .await
    }

    /// Questions to the brokers block a thread.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Self) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let log = self.clone();
        blocking(move || question(&log)).await
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    fn partitions(&self) -> u32 {
        self.settings.partitions
    }

    async fn append(&self, partition: u32, bytes: Bytes) -> Result<Position, LogError> {
        // Without a key: the partition is the caller's own hash of the id.
        let record: FutureRecord<'_, (), [u8]> =
            FutureRecord::to(&self.settings.topic).partition(raw(partition)).payload(&bytes);
        let sent = self.producer.send_result(record).map_err(|(error, _)| refused(&error))?;
        match sent.await {
            Ok(Ok(delivered)) => Ok(position(self.settings.epoch, delivered.offset)),
            // Whatever the reason, a broker may have it.
            Ok(Err((error, _))) => Err(LogError::Unknown(error.to_string())),
            Err(_) => Err(LogError::Unknown("the producer has ended".into())),
        }
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription>, LogError> {
        let (settings, restart) = (self.settings.clone(), self.restart.clone());
        let runtime = tokio::runtime::Handle::current();
        let subscription =
            blocking(move || reader::KafkaSubscription::start(settings, restart, runtime)).await?;
        Ok(Box::new(subscription))
    }
}

/// What stands in every client's configuration.
fn client(brokers: &[String]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers.join(","))
        .set("client.id", "kithd")
        .set("allow.auto.create.topics", "false")
        .set("socket.keepalive.enable", "true")
        // A broker that is frozen keeps its connections: its silence must not last a minute.
        .set("socket.timeout.ms", "10000")
        .set("socket.connection.setup.timeout.ms", "3000")
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "1000")
        .set_log_level(RDKafkaLogLevel::Warning);
    config
}

/// The topic's number of partitions; `None` when it is not there.
fn partitions<C: ClientContext>(
    client: &rdkafka::client::Client<C>,
    topic: &str,
) -> Result<Option<u32>, LogError> {
    let metadata = client.fetch_metadata(Some(topic), QUESTION).map_err(unreachable)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let count = found.map_or(0, |found| found.partitions().len());
    Ok((count > 0).then(|| u32::try_from(count).unwrap_or(u32::MAX)))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(LogError::Unreachable(error.to_string())))
}

/// Why a record did not even get into the producer's queue: nothing was sent.
fn refused(error: &KafkaError) -> LogError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => LogError::Full { retry_after: FULL },
        _ => LogError::Unreachable(error.to_string()),
    }
}

fn unreachable(error: KafkaError) -> LogError {
    LogError::Unreachable(error.to_string())
}

/// Kafka's numbers are signed.
fn raw(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}

fn position(epoch: u64, offset: i64) -> Position {
    epoch * OFFSETS + u64::try_from(offset).unwrap_or(0)
}

/// The offset that a position of this epoch names; 0 for a position of an earlier epoch, whose
/// records are in no topic any more.
fn offset(epoch: u64, position: Position) -> Result<i64, LogError> {
    if position / OFFSETS > epoch {
        return Err(LogError::Unfit(format!(
            "position {position} is of a later epoch than {epoch}: the topic was adopted since"
        )));
    }
    Ok(i64::try_from(position.saturating_sub(epoch * OFFSETS)).unwrap_or(i64::MAX))
}

/// Hands what the library logs to ours, and its last words to whoever can end the process.
struct Tracing {
    fatal: Option<Fatal>,
}

impl ClientContext for Tracing {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            tracing::error!(%error, reason, "Kafka: nothing can be appended any more");
            if let Some(fatal) = &self.fatal {
                fatal(reason);
            }
        } else {
            tracing::warn!(%error, reason, "Kafka");
        }
    }
}

fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => tracing::error!(facility, message, "Kafka"),
        RDKafkaLogLevel::Warning => tracing::warn!(facility, message, "Kafka"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(facility, message, "Kafka");
        }
        RDKafkaLogLevel::Debug => tracing::debug!(facility, message, "Kafka"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_and_its_offset_are_the_same_place() {
        assert_eq!(position(1, 7), OFFSETS + 7);
        assert_eq!(offset(1, OFFSETS + 7), Ok(7));
        assert!(position(EPOCHS, i64::try_from(OFFSETS - 1).unwrap()) < i64::MAX as u64);
    }

    #[test]
    fn a_position_of_an_earlier_epoch_is_the_beginning_and_one_of_a_later_is_refused() {
        assert_eq!(offset(2, OFFSETS + 7), Ok(0));
        assert!(matches!(offset(1, 2 * OFFSETS), Err(LogError::Unfit(_))));
    }
}
