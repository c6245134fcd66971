//! A topic as one node reaches it.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use event_log::{Delivery, EventLog, KeptLog, LogError, Position, Subscription};

use super::{Effect, Effects, Topic};

/// A topic as one node reaches it: what the node does there are effects of it.
pub(super) struct NodeLog {
    pub(super) topic: Topic,
    pub(super) log: KeptLog,
    pub(super) effects: Arc<Effects>,
}

#[async_trait]
impl EventLog for NodeLog {
    fn partitions(&self) -> u32 {
        self.log.partitions()
    }

    async fn append(&self, partition: u32, bytes: Bytes) -> Result<Position, LogError> {
        self.effects.before(Effect::Append(self.topic, partition)).await;
        if self.effects.loses_append() {
            return Err(LogError::Unreachable("the append got lost".into()));
        }
        let position = self.log.append(partition, bytes).await?;
        self.effects.before(Effect::Appended(self.topic, partition)).await;
        if self.effects.loses_answer() {
            return Err(LogError::Unknown("the answer got lost".into()));
        }
        Ok(position)
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription>, LogError> {
        let reader = self.log.subscribe().await?;
        Ok(Box::new(NodeSubscription { topic: self.topic, reader, effects: self.effects.clone() }))
    }
}

struct NodeSubscription {
    topic: Topic,
    reader: Box<dyn Subscription>,
    effects: Arc<Effects>,
}

#[async_trait]
impl Subscription for NodeSubscription {
    async fn next(&mut self) -> Result<Delivery, LogError> {
        loop {
            self.effects.lives().await;
            tokio::select! {
                biased;
                // A node that is frozen takes nothing; it goes on from here.
                () = self.effects.stands_still() => {}
                next = self.reader.next() => return next,
            }
        }
    }

    fn try_next(&mut self) -> Option<Delivery> {
        if self.effects.is_still() { None } else { self.reader.try_next() }
    }

    async fn commit(&mut self, partition: u32, position: Position) -> Result<(), LogError> {
        self.effects.before(Effect::Commit(self.topic, partition)).await;
        self.reader.commit(partition, position).await
    }

    async fn rewind(&mut self, partition: u32) -> Result<(), LogError> {
        self.effects.lives().await;
        self.reader.rewind(partition).await
    }
}
