//! From the inbox to the push queue: which messages may have to be pushed, and to whom. Whether they are
//! is decided later, by who reads the queue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ::metrics::counter;
use bytes::Bytes;
use event_log::{Delivery, EventLog, LogError, Position, Subscription};
use futures_util::FutureExt;
use protocol::{ConversationId, Millis, UserId, wire};
use serde::Deserialize;
use serde::de::IgnoredAny;
use storage::{Change, PushStore};
use tokio_util::sync::CancellationToken;

use crate::admin::metrics;
use crate::pipeline::dead::Dead;
use crate::pipeline::record::{InboxRecord, PushRecord, partition};

/// Most people of one record of the queue.
const PEOPLE: usize = 50;
/// Most records of the inbox, and most people, that are looked at in one go.
const ROUND: usize = 512;
const ROUND_PEOPLE: usize = 10_000;
/// How long what does not answer is left alone.
const AGAIN: Duration = Duration::from_millis(500);

/// As much of a frame as says whether it is about a new message.
#[derive(Deserialize)]
struct Told {
    event: Option<TellsEvent>,
}

#[derive(Deserialize)]
struct TellsEvent {
    conversation: ConversationId,
    event: At,
}

#[derive(Deserialize)]
struct At {
    seq: u64,
    at: Millis,
    sender: UserId,
    kind: Kind,
}

#[derive(Deserialize)]
struct Kind {
    message: Option<IgnoredAny>,
}

/// Puts messages into the push queue.
#[derive(Clone)]
pub struct Gather {
    queue: Arc<dyn EventLog>,
    store: Arc<dyn PushStore>,
}

impl Gather {
    /// Into this queue, for those who are subscribed in this store.
    #[must_use]
    pub fn new(queue: Arc<dyn EventLog>, store: Arc<dyn PushStore>) -> Self {
        Self { queue, store }
    }

    /// Offer what a commit has changed to the queue of this process, without ever waiting for it: what
    /// has no room is not pushed.
    pub async fn offer(&self, changes: &[Change]) {
        for change in changes {
            let Change::Frame { recipients, frame } = change else { continue };
            let known = match self.store.subscribers(recipients).await {
                Ok(known) => known,
                Err(error) => {
                    tracing::error!("nothing is pushed: {error}");
                    return;
                }
            };
            if known.is_empty() {
                continue;
            }
            let Some(message) = message(frame) else { continue };
            for (at, record) in self.records(&message, &known) {
                let appended = self.queue.append(at, record.encode()).now_or_never();
                if !matches!(appended, Some(Ok(_))) {
                    counter!(metrics::PUSHES, "outcome" => "dropped")
                        .increment(record.to.len() as u64);
                }
            }
        }
    }

    /// Read the inbox as one of its owners and fill the queue, until `stop`. A place in the inbox is
    /// committed when everything before it is in the queue.
    ///
    /// # Errors
    /// When the inbox cannot be reached.
    pub async fn run(
        &self,
        inbox: Arc<dyn EventLog>,
        dead: Dead,
        stop: CancellationToken,
    ) -> Result<(), LogError> {
        let mut inbox = inbox.subscribe().await?;
        loop {
            let first = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                first = inbox.next() => match first {
                    Err(LogError::Closed) => return Ok(()),
                    first => first?,
                },
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                done = self.round(&mut *inbox, &dead, first) => done?,
            }
        }
    }

    async fn round(
        &self,
        inbox: &mut dyn Subscription,
        dead: &Dead,
        first: Delivery,
    ) -> Result<(), LogError> {
        let mut places = BTreeMap::new();
        let (mut messages, mut people) = (Vec::new(), BTreeSet::new());
        let (mut next, mut taken) = (Some(first), 0);
        while let Some(delivery) = next {
            if let Delivery::Record { partition, position, bytes } = delivery {
                places.insert(partition, position + 1);
                match InboxRecord::decode(&bytes) {
                    None => bury(dead, (partition, position), &bytes).await,
                    Some(record) => {
                        if let Some(message) = message(&record.frame) {
                            people.extend(record.to.iter().copied());
                            messages.push((message, record.to));
                        }
                    }
                }
            }
            taken += 1;
            let more = taken < ROUND && people.len() < ROUND_PEOPLE;
            next = if more { inbox.try_next() } else { None };
        }
        let known = self.known(&people).await;
        for (message, to) in &messages {
            let to: Vec<UserId> = to.iter().filter(|user| known.contains(user)).copied().collect();
            for (at, record) in self.records(message, &to) {
                self.append(at, record.encode()).await;
            }
        }
        for (partition, position) in places {
            inbox.commit(partition, position).await?;
        }
        Ok(())
    }

    /// Who of these may have a subscription; asked until there is an answer.
    async fn known(&self, people: &BTreeSet<UserId>) -> BTreeSet<UserId> {
        let people: Vec<UserId> = people.iter().copied().collect();
        if people.is_empty() {
            return BTreeSet::new();
        }
        loop {
            match self.store.subscribers(&people).await {
                Ok(known) => return known.into_iter().collect(),
                Err(error) => {
                    tracing::warn!("it is asked again who wants pushes: {error}");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    async fn append(&self, partition: u32, bytes: Bytes) {
        while let Err(error) = self.queue.append(partition, bytes.clone()).await {
            // It may be there already: then it is pushed twice, and shown once.
            tracing::warn!("the push queue is tried again: {error}");
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn records(&self, message: &PushRecord, to: &[UserId]) -> Vec<(u32, PushRecord)> {
        let partitions = self.queue.partitions();
        let mut by_partition: BTreeMap<u32, Vec<UserId>> = BTreeMap::new();
        for user in to.iter().filter(|user| **user != message.sender) {
            by_partition.entry(partition(user.bytes(), partitions)).or_default().push(*user);
        }
        let split = |(at, to): (u32, Vec<UserId>)| {
            let some = |to: &[UserId]| (at, PushRecord { to: to.to_vec(), ..message.clone() });
            to.chunks(PEOPLE).map(some).collect::<Vec<_>>()
        };
        by_partition.into_iter().flat_map(split).collect()
    }
}

/// The new message that a frame tells of, to nobody yet.
fn message(frame: &[u8]) -> Option<PushRecord> {
    let told = wire::decode::<Told>(frame).ok()?.event?;
    let At { seq, at, sender, kind } = told.event;
    kind.message?;
    Some(PushRecord { conversation: told.conversation, seq, at, sender, to: Vec::new() })
}

async fn bury(dead: &Dead, place: (u32, Position), bytes: &[u8]) {
    while let Err(error) = dead.bury("inbox", place, "it is no record of the inbox", bytes).await {
        tracing::warn!("a dead letter is tried again: {error:#}");
        tokio::time::sleep(AGAIN).await;
    }
}
