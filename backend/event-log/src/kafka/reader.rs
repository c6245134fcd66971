//! One reader of a topic: a thread that polls the library without a pause, because a reader that
//! does not poll gives up no partition and in the end loses all, and a subscription that hands out
//! what the thread has put into a bounded queue.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Handle;

use super::shared::{Fits, Shared};
use super::{
    KafkaSettings, OFFSETS, QUESTION, Restart, client, log, offset, position, raw, unreachable,
};
use crate::{Delivery, LogError, Position, Subscription};

/// How long one poll waits: a rewind, a commit and an end wait as long at most.
const POLL: Duration = Duration::from_millis(25);
/// Commits of this time go to the brokers together.
const COMMITS: Duration = Duration::from_millis(100);
/// How long a drop waits for the last commit and for leaving the group.
const LEAVE: Duration = Duration::from_secs(8);
/// How long the start of a partition is asked for before the reader gives up.
const STARTS: Duration = Duration::from_secs(60);

pub(super) struct KafkaSubscription {
    settings: Arc<KafkaSettings>,
    shared: Arc<Shared>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

impl KafkaSubscription {
    pub(super) fn start(
        settings: Arc<KafkaSettings>,
        restart: Restart,
        runtime: Handle,
    ) -> Result<Self, LogError> {
        let shared = Arc::new(Shared::default());
        let owner = Owner { settings: settings.clone(), shared: shared.clone(), restart, runtime };
        let consumer: BaseConsumer<Owner> = client(&settings.brokers)
            .set("group.id", &settings.group)
            .set("group.protocol", "consumer")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            // Of each partition at most this much waits in the library, before our own queue.
            .set("queued.min.messages", "1000")
            .set("queued.max.messages.kbytes", "1024")
            .set("fetch.queue.backoff.ms", "10")
            .set("fetch.message.max.bytes", "1048576")
            .set("fetch.max.bytes", "8388608")
            // Tells how long each broker has been silent.
            .set("statistics.interval.ms", "1000")
            .create_with_context(owner)
            .map_err(unreachable)?;
        consumer.subscribe(&[&settings.topic]).map_err(unreachable)?;
        let (sign, ended) = channel();
        let mut reader = Reader {
            consumer,
            settings: settings.clone(),
            shared: shared.clone(),
            paused: false,
            committed: Instant::now(),
        };
        std::thread::Builder::new()
            .name(format!("read {}", settings.topic))
            .spawn(move || {
                reader.run();
                // Closing takes its time and belongs to the thread.
                drop(reader);
                drop(sign);
            })
            .map_err(|error| LogError::Unreachable(error.to_string()))?;
        Ok(Self { settings, shared, ended })
    }
}

#[async_trait]
impl Subscription for KafkaSubscription {
    async fn next(&mut self) -> Result<Delivery, LogError> {
        loop {
            if let Some(delivery) = self.try_next() {
                return Ok(delivery);
            }
            if let Some(error) = self.shared.state.lock().failed.clone() {
                return Err(error);
            }
            self.shared.wake.notified().await;
        }
    }

    fn try_next(&mut self) -> Option<Delivery> {
        self.shared.state.lock().pop()
    }

    async fn commit(&mut self, partition: u32, position: Position) -> Result<(), LogError> {
        let offset = offset(self.settings.epoch, position)?;
        self.shared.state.lock().commit(partition, offset);
        Ok(())
    }

    fn silent(&self, partition: u32) -> Option<Duration> {
        self.shared.state.lock().silent(partition, Instant::now())
    }

    async fn rewind(&mut self, partition: u32) -> Result<(), LogError> {
        self.shared.state.lock().rewind(partition);
        Ok(())
    }
}

impl Drop for KafkaSubscription {
    fn drop(&mut self) {
        self.shared.state.lock().closing = true;
        // Waited for, so that at the end of a process the last commits are there and the group does
        // not have to find out that this reader is gone.
        if self.ended.recv_timeout(LEAVE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!(topic = self.settings.topic, "the reader takes long to leave its group");
        }
    }
}

struct Reader {
    consumer: BaseConsumer<Owner>,
    settings: Arc<KafkaSettings>,
    shared: Arc<Shared>,
    paused: bool,
    /// When commits were last sent.
    committed: Instant,
}

impl Reader {
    fn run(&mut self) {
        loop {
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => self.take(&message),
                Some(Err(error)) => self.judge(&error),
                None => {}
            }
            if self.shared.state.lock().closing {
                break;
            }
            self.rewind();
            self.pause_or_resume();
            if self.committed.elapsed() >= COMMITS {
                self.committed = Instant::now();
                self.commit();
            }
        }
        let dirty = self.shared.state.lock().take_dirty();
        if !dirty.is_empty() {
            let all = list(&self.settings.topic, dirty);
            if let Err(error) = self.consumer.commit(&all, CommitMode::Sync) {
                tracing::warn!(%error, "the last commit was not taken; the next owner begins earlier");
            }
        }
    }

    fn take(&self, message: &BorrowedMessage<'_>) {
        let partition = u32::try_from(message.partition()).unwrap_or_default();
        let mut state = self.shared.state.lock();
        match state.fits(partition, message.offset()) {
            Fits::Yes => {
                let position = position(self.settings.epoch, message.offset());
                let bytes = Bytes::copy_from_slice(message.payload().unwrap_or_default());
                state.push(Delivery::Record { partition, position, bytes });
            }
            Fits::Not => return,
            Fits::Hole(from) => {
                let what = format!(
                    "partition {partition} has no records from offset {from} to {}",
                    message.offset()
                );
                state.failed.get_or_insert(LogError::Unfit(what));
            }
        }
        drop(state);
        self.shared.wake.notify_one();
    }

    /// Most errors pass by themselves, and the library goes on trying.
    fn judge(&self, error: &KafkaError) {
        let failed = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                LogError::Unfit(format!(
                    "records are gone that were not read, or the topic ends before them: {error}"
                ))
            }
            Some(RDKafkaErrorCode::Fatal) => LogError::Unreachable(error.to_string()),
            _ if matches!(error, KafkaError::MessageConsumptionFatal(_)) => {
                LogError::Unreachable(error.to_string())
            }
            _ => return tracing::warn!(%error, topic = self.settings.topic, "Kafka"),
        };
        tracing::error!(%error, topic = self.settings.topic, "the topic cannot be read");
        self.shared.state.lock().failed.get_or_insert(failed);
        self.shared.wake.notify_one();
    }

    fn rewind(&self) {
        let rewinds = self.shared.state.lock().rewinds();
        for (partition, offset) in rewinds {
            let to = Offset::Offset(offset);
            // Refused while the library itself is still on its way to the start: the next turn asks
            // again, and until then nothing of the partition is handed out.
            if let Err(error) =
                self.consumer.seek(&self.settings.topic, raw(partition), to, QUESTION)
            {
                tracing::debug!(%error, partition, "cannot go back yet");
                continue;
            }
            let mut state = self.shared.state.lock();
            state.rewound(partition, offset);
            let position = position(self.settings.epoch, offset);
            state.push(Delivery::Assigned { partition, position });
            drop(state);
            self.shared.wake.notify_one();
        }
    }

    /// The library drops what it has fetched when it is paused and fetches it again later, so the
    /// queue has room for more than one fetch between the two.
    fn pause_or_resume(&mut self) {
        let mut state = self.shared.state.lock();
        let full = state.is_full(self.paused);
        let fresh = std::mem::take(&mut state.fresh);
        if full == self.paused && !(full && fresh) {
            return;
        }
        let all = list(&self.settings.topic, state.owned().map(|partition| (partition, 0)));
        drop(state);
        let done = if full { self.consumer.pause(&all) } else { self.consumer.resume(&all) };
        match done {
            Ok(()) => self.paused = full,
            Err(error) => tracing::warn!(%error, full, "fetching cannot be paused or resumed"),
        }
    }

    fn commit(&self) {
        let dirty = self.shared.state.lock().take_dirty();
        if dirty.is_empty() {
            return;
        }
        let all = list(&self.settings.topic, dirty.clone());
        if let Err(error) = self.consumer.commit(&all, CommitMode::Async) {
            tracing::warn!(%error, "a commit was not sent; it is sent again");
            let mut state = self.shared.state.lock();
            for (partition, offset) in dirty {
                state.still_dirty(partition, offset);
            }
        }
    }
}

/// What is told when partitions come and go. Called by `poll`, in the reader's thread.
struct Owner {
    settings: Arc<KafkaSettings>,
    shared: Arc<Shared>,
    restart: Restart,
    runtime: Handle,
}

impl ClientContext for Owner {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, topic = self.settings.topic, "Kafka");
    }

    /// A fetch is answered within half a second, also when there is nothing new, so a leader that has
    /// sent nothing for longer does not answer.
    fn stats(&self, statistics: Statistics) {
        let Some(topic) = statistics.topics.get(&self.settings.topic) else { return };
        let now = Instant::now();
        let mut state = self.shared.state.lock();
        for (partition, about) in &topic.partitions {
            let leader = statistics.brokers.values().find(|broker| broker.nodeid == about.leader);
            let idle = leader.and_then(|leader| u64::try_from(leader.rxidle).ok());
            if let (Ok(partition), Some(idle)) = (u32::try_from(*partition), idle)
                && let Some(at) = now.checked_sub(Duration::from_micros(idle))
            {
                state.answered(partition, at);
            }
        }
    }
}

impl ConsumerContext for Owner {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        what: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let done = if what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.assigned(consumer, partitions)
        } else {
            self.revoked(consumer, partitions)
        };
        if let Err(error) = done {
            tracing::error!(%error, topic = self.settings.topic, "partitions cannot be taken over");
            self.shared.state.lock().failed.get_or_insert(error);
        }
        self.shared.wake.notify_one();
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        let Err(error) = result else { return };
        tracing::warn!(%error, topic = self.settings.topic, "a commit was not taken; it is sent again");
        let mut state = self.shared.state.lock();
        for one in offsets.elements() {
            if let (Ok(partition), Offset::Offset(offset)) =
                (u32::try_from(one.partition()), one.offset())
            {
                state.still_dirty(partition, offset);
            }
        }
    }
}

impl Owner {
    fn assigned(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &TopicPartitionList,
    ) -> Result<(), LogError> {
        if self.shared.state.lock().closing {
            return consumer.incremental_assign(partitions).map_err(unreachable);
        }
        let starts = match self.starts(consumer, partitions) {
            Ok(starts) => starts,
            Err(error) => {
                // Assigned without being read, so that leaving the group has something to give back.
                let _ = consumer.incremental_assign(&TopicPartitionList::new());
                return Err(error);
            }
        };
        let all = list(&self.settings.topic, starts.iter().copied());
        {
            // Owned before anything can come.
            let mut state = self.shared.state.lock();
            for &(partition, offset) in &starts {
                state.own(partition, offset);
                let position = position(self.settings.epoch, offset);
                state.push(Delivery::Assigned { partition, position });
            }
        }
        consumer.incremental_assign(&all).map_err(unreachable)
    }

    fn revoked(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &TopicPartitionList,
    ) -> Result<(), LogError> {
        let mut last = Vec::new();
        {
            let mut state = self.shared.state.lock();
            for one in partitions.elements() {
                let partition = u32::try_from(one.partition()).unwrap_or_default();
                last.extend(state.disown(partition).map(|offset| (partition, offset)));
                state.push(Delivery::Revoked { partition });
            }
        }
        // A pause must not come back with the partition.
        if let Err(error) = consumer.resume(partitions) {
            tracing::debug!(%error, "partitions that go cannot be resumed");
        }
        // Before the next owner can ask for it. One who has lost it already is not listened to.
        if !last.is_empty() && !consumer.assignment_lost() {
            let last = list(&self.settings.topic, last);
            if let Err(error) = consumer.commit(&last, CommitMode::Sync) {
                tracing::warn!(%error, "the last commit was not taken; the next owner begins earlier");
            }
        }
        consumer.incremental_unassign(partitions).map_err(unreachable)
    }

    /// Where each partition begins, asked until somebody answers.
    fn starts(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &TopicPartitionList,
    ) -> Result<Vec<(u32, i64)>, LogError> {
        let until = Instant::now() + STARTS;
        loop {
            match self.ask_starts(consumer, partitions) {
                Err(LogError::Unreachable(error)) if Instant::now() < until => {
                    if self.shared.state.lock().closing {
                        return Err(LogError::Closed);
                    }
                    tracing::warn!(error, "where partitions begin cannot be asked yet");
                    std::thread::sleep(POLL);
                }
                other => return other,
            }
        }
    }

    /// The committed offset, else where the store says, else (both know nothing: this is the very
    /// first start) the beginning.
    fn ask_starts(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &TopicPartitionList,
    ) -> Result<Vec<(u32, i64)>, LogError> {
        let committed =
            consumer.committed_offsets(partitions.clone(), QUESTION).map_err(unreachable)?;
        let mut starts = Vec::new();
        for one in committed.elements() {
            one.error().map_err(unreachable)?;
            let partition = u32::try_from(one.partition()).unwrap_or_default();
            let start = match one.offset() {
                Offset::Offset(offset) => offset,
                // A place of an earlier epoch is in no topic any more: all that is in this one is new.
                _ => match self.stored(partition)?.filter(|at| at / OFFSETS >= self.settings.epoch)
                {
                    Some(position) => offset(self.settings.epoch, position)?,
                    None => {
                        consumer
                            .fetch_watermarks(&self.settings.topic, one.partition(), QUESTION)
                            .map_err(unreachable)?
                            .0
                    }
                },
            };
            starts.push((partition, start));
        }
        Ok(starts)
    }

    fn stored(&self, partition: u32) -> Result<Option<Position>, LogError> {
        let asked = self.runtime.block_on((self.restart)(partition));
        asked.map_err(|error| LogError::Unreachable(format!("the store: {error}")))
    }
}

fn list(topic: &str, offsets: impl IntoIterator<Item = (u32, i64)>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        // It refuses only offsets that are none.
        let _ = list.add_partition_offset(topic, raw(partition), Offset::Offset(offset));
    }
    list
}
