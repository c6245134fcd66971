//! A log for tests that keeps its records and has groups of readers, as Kafka has: a group's partitions
//! move between its readers, a reader that is no owner any more may go on reading, and what one group
//! has committed is nothing to another.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{Delivery, EventLog, LogError, Position, Subscription};

/// A topic in memory that forgets nothing, as one member of one group sees it. A cheap handle.
#[derive(Clone)]
pub struct KeptLog {
    topic: Arc<Mutex<Topic>>,
    group: String,
    member: String,
}

struct Topic {
    /// The position of the first record of every partition.
    first: Position,
    partitions: Vec<Vec<Bytes>>,
    groups: BTreeMap<String, Group>,
}

struct Group {
    /// By partition: where the next owner begins.
    committed: Vec<Position>,
    owners: Vec<Option<u64>>,
    readers: BTreeMap<u64, Reader>,
    next_reader: u64,
}

struct Reader {
    member: String,
    /// It was silent for too long: it owns nothing until it asks for something again.
    evicted: bool,
    /// News that come before records.
    news: VecDeque<Delivery>,
    /// The next position to hand out, by partition.
    places: BTreeMap<u32, Position>,
    wake: Arc<Notify>,
}

impl KeptLog {
    /// An empty topic whose partitions begin at this position.
    #[must_use]
    pub fn new(partitions: u32, first: Position) -> Self {
        let partitions = vec![Vec::new(); partitions as usize];
        let topic = Topic { first, partitions, groups: BTreeMap::new() };
        let topic = Arc::new(Mutex::new(topic));
        Self { topic, group: "readers".into(), member: String::new() }
    }

    /// The same topic for a member of that group. A group that is new begins at these positions, or at
    /// the beginning.
    #[must_use]
    pub fn for_member(&self, group: &str, member: &str, from: Option<Vec<Position>>) -> Self {
        let mut topic = self.topic.lock();
        let beginning = vec![topic.first; topic.partitions.len()];
        topic
            .groups
            .entry(group.to_owned())
            .or_insert_with(|| Group::new(from.unwrap_or(beginning)));
        Self { topic: self.topic.clone(), group: group.to_owned(), member: member.to_owned() }
    }

    /// Where each partition ends: the position of the next record.
    #[must_use]
    pub fn ends(&self) -> Vec<Position> {
        let topic = self.topic.lock();
        topic.partitions.iter().map(|records| topic.first + records.len() as u64).collect()
    }

    /// By partition: everything below this was committed by the group.
    #[must_use]
    pub fn committed(&self, group: &str) -> Vec<Position> {
        let topic = self.topic.lock();
        topic.groups.get(group).map(|group| group.committed.clone()).unwrap_or_default()
    }

    /// Who owns the partition in the group, if somebody does.
    #[must_use]
    pub fn owner(&self, group: &str, partition: u32) -> Option<String> {
        let topic = self.topic.lock();
        let group = topic.groups.get(group)?;
        let owner = group.owners.get(partition as usize).copied().flatten()?;
        group.readers.get(&owner).map(|reader| reader.member.clone())
    }

    /// Move the partition to the group's next reader; back to its owner if that is the only one.
    pub fn revoke(&self, group: &str, partition: u32) {
        self.with_group(group, |group| {
            if let Some(next) = group.after_owner(partition) {
                group.take(partition);
                group.give(partition, next);
            }
        });
    }

    /// Move the partition to the group's next reader without a word to its owner, who goes on reading:
    /// two owners at once. Its commits are ignored. It hears of it when partitions move the next time.
    pub fn usurp(&self, group: &str, partition: u32) {
        self.with_group(group, |group| {
            if let Some(next) = group.after_owner(partition) {
                group.give(partition, next);
            }
        });
    }

    /// A member has been silent for too long: in every group its partitions go to others. It hears of
    /// that when it asks for something, and has joined again then.
    pub fn evict(&self, member: &str) {
        for group in self.topic.lock().groups.values_mut() {
            for reader in group.readers.values_mut().filter(|reader| reader.member == member) {
                reader.evicted = true;
            }
            group.spread();
        }
    }

    fn with_group(&self, group: &str, change: impl FnOnce(&mut Group)) {
        if let Some(group) = self.topic.lock().groups.get_mut(group) {
            change(group);
        }
    }
}

impl Group {
    fn new(committed: Vec<Position>) -> Self {
        let owners = vec![None; committed.len()];
        Self { committed, owners, readers: BTreeMap::new(), next_reader: 0 }
    }

    fn partitions(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.owners.len()).unwrap_or(u32::MAX)
    }

    /// Spread the partitions over the readers, one owner each, and tell everybody who is none any more.
    fn spread(&mut self) {
        let there = self.readers.iter().filter(|(_, reader)| !reader.evicted);
        let there: Vec<u64> = there.map(|(id, _)| *id).collect();
        for partition in self.partitions() {
            let old = self.owners[partition as usize];
            let new = there.get(partition as usize % there.len().max(1)).copied();
            if old != new {
                self.take(partition);
                if let Some(new) = new {
                    self.give(partition, new);
                }
            }
            for (id, reader) in &mut self.readers {
                if Some(*id) != new {
                    reader.loses(partition);
                }
            }
        }
    }

    /// The reader that comes after the owner.
    fn after_owner(&self, partition: u32) -> Option<u64> {
        let owner = self.owners.get(partition as usize).copied().flatten();
        let there = || self.readers.iter().filter(|(_, reader)| !reader.evicted).map(|(id, _)| *id);
        there().find(|id| owner.is_none_or(|owner| *id > owner)).or_else(|| there().next())
    }

    fn take(&mut self, partition: u32) {
        let owner = self.owners[partition as usize].take();
        if let Some(reader) = owner.and_then(|id| self.readers.get_mut(&id)) {
            reader.loses(partition);
        }
    }

    fn give(&mut self, partition: u32, to: u64) {
        let position = self.committed[partition as usize];
        self.owners[partition as usize] = Some(to);
        if let Some(reader) = self.readers.get_mut(&to) {
            reader.places.insert(partition, position);
            reader.news.push_back(Delivery::Assigned { partition, position });
            reader.wake.notify_one();
        }
    }
}

impl Reader {
    fn loses(&mut self, partition: u32) {
        if self.places.remove(&partition).is_some() {
            self.news.push_back(Delivery::Revoked { partition });
            self.wake.notify_one();
        }
    }
}

impl Topic {
    fn next_for(&mut self, group: &str, id: u64) -> Option<Delivery> {
        let (first, partitions) = (self.first, &self.partitions);
        let group = self.groups.get_mut(group)?;
        if group.readers.get(&id)?.evicted {
            group.readers.get_mut(&id)?.evicted = false;
            group.spread();
        }
        let reader = group.readers.get_mut(&id)?;
        if let Some(news) = reader.news.pop_front() {
            return Some(news);
        }
        for (&partition, place) in &mut reader.places {
            let index = usize::try_from(*place - first).unwrap_or(usize::MAX);
            if let Some(bytes) = partitions[partition as usize].get(index) {
                let position = *place;
                *place += 1;
                return Some(Delivery::Record { partition, position, bytes: bytes.clone() });
            }
        }
        None
    }
}

#[async_trait]
impl EventLog for KeptLog {
    fn partitions(&self) -> u32 {
        u32::try_from(self.topic.lock().partitions.len()).unwrap_or(u32::MAX)
    }

    async fn append(&self, partition: u32, bytes: Bytes) -> Result<Position, LogError> {
        let mut topic = self.topic.lock();
        let first = topic.first;
        let records = &mut topic.partitions[partition as usize];
        records.push(bytes);
        let position = first + records.len() as u64 - 1;
        for group in topic.groups.values() {
            for reader in group.readers.values() {
                if reader.places.contains_key(&partition) {
                    reader.wake.notify_one();
                }
            }
        }
        Ok(position)
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription>, LogError> {
        let mut topic = self.topic.lock();
        let beginning = vec![topic.first; topic.partitions.len()];
        let group = topic.groups.entry(self.group.clone()).or_insert_with(|| Group::new(beginning));
        let id = group.next_reader;
        group.next_reader += 1;
        let wake = Arc::new(Notify::new());
        let reader = Reader {
            member: self.member.clone(),
            evicted: false,
            news: VecDeque::new(),
            places: BTreeMap::new(),
            wake: wake.clone(),
        };
        group.readers.insert(id, reader);
        group.spread();
        let (topic, group) = (self.topic.clone(), self.group.clone());
        Ok(Box::new(KeptSubscription { id, wake, topic, group }))
    }
}

struct KeptSubscription {
    id: u64,
    wake: Arc<Notify>,
    topic: Arc<Mutex<Topic>>,
    group: String,
}

#[async_trait]
impl Subscription for KeptSubscription {
    async fn next(&mut self) -> Result<Delivery, LogError> {
        loop {
            if let Some(delivery) = self.try_next() {
                return Ok(delivery);
            }
            self.wake.notified().await;
        }
    }

    fn try_next(&mut self) -> Option<Delivery> {
        self.topic.lock().next_for(&self.group, self.id)
    }

    async fn commit(&mut self, partition: u32, position: Position) -> Result<(), LogError> {
        let mut topic = self.topic.lock();
        if let Some(group) = topic.groups.get_mut(&self.group)
            && group.owners[partition as usize] == Some(self.id)
        {
            let committed = &mut group.committed[partition as usize];
            *committed = position.max(*committed);
        }
        Ok(())
    }

    async fn rewind(&mut self, partition: u32) -> Result<(), LogError> {
        let mut topic = self.topic.lock();
        if let Some(group) = topic.groups.get_mut(&self.group)
            && group.owners[partition as usize] == Some(self.id)
        {
            group.give(partition, self.id);
        }
        Ok(())
    }
}

impl Drop for KeptSubscription {
    fn drop(&mut self) {
        let mut topic = self.topic.lock();
        let Some(group) = topic.groups.get_mut(&self.group) else { return };
        group.readers.remove(&self.id);
        for owner in &mut group.owners {
            owner.take_if(|owner| *owner == self.id);
        }
        group.spread();
    }
}
