//! The embedded log: bounded queues in this process. A record is kept until it is committed, so a
//! reader that stumbles can be given it again; when the process ends, what was not committed is
//! gone, which is why nothing was acknowledged for it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{Delivery, EventLog, LogError, Position, Subscription};

/// Most uncommitted records of one partition.
const PARTITION_RECORDS: usize = 4096;
/// Most bytes of uncommitted records of one partition.
const PARTITION_BYTES: usize = 16 * 1024 * 1024;

/// A topic in memory. A cheap handle: clones are the same topic.
#[derive(Clone)]
pub struct MemoryLog {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Woken when a commit made room.
    room: Notify,
}

struct State {
    partitions: Vec<Partition>,
    readers: BTreeMap<u64, Reader>,
    next_reader: u64,
    closed: bool,
}

#[derive(Default)]
struct Partition {
    /// The position of the first record of `records`: the committed position.
    first: Position,
    records: VecDeque<Bytes>,
    bytes: usize,
    owner: Option<u64>,
}

struct Reader {
    /// News that come before records.
    news: VecDeque<Delivery>,
    /// The next position to hand out, by partition.
    places: BTreeMap<u32, Position>,
    wake: Arc<Notify>,
}

impl MemoryLog {
    /// A topic whose partitions continue at these positions: the store's last position + 1 each.
    #[must_use]
    pub fn new(starts: &[Position]) -> Self {
        let partition = |first: &Position| Partition { first: *first, ..Partition::default() };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    partitions: starts.iter().map(partition).collect(),
                    readers: BTreeMap::new(),
                    next_reader: 0,
                    closed: false,
                }),
                room: Notify::new(),
            }),
        }
    }

    /// End the log: appends fail, readers get what is there and then [`LogError::Closed`].
    pub fn close(&self) {
        let mut state = self.shared.state.lock();
        state.closed = true;
        for reader in state.readers.values() {
            reader.wake.notify_one();
        }
        self.shared.room.notify_waiters();
    }

    /// Whether every appended record has been committed.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.shared.state.lock().partitions.iter().all(|p| p.records.is_empty())
    }
}

#[cfg(feature = "testing")]
impl MemoryLog {
    /// Take the partition from its owner and give it back, from the committed position.
    pub fn revoke(&self, partition: u32) {
        let mut state = self.shared.state.lock();
        if let Some(owner) = state.partitions[partition as usize].owner {
            state.take(partition);
            state.give(partition, owner);
        }
    }

    /// Give the partition to the newest reader without a word to the owner, who goes on as a
    /// zombie: its commits are ignored, and it gets every record until the new owner has committed
    /// one that it has not read yet.
    pub fn usurp(&self, partition: u32) {
        let mut state = self.shared.state.lock();
        if let Some(newest) = state.readers.keys().next_back().copied() {
            state.give(partition, newest);
        }
    }
}

impl State {
    /// Spread the partitions over the readers, one owner each.
    fn spread(&mut self) {
        let readers: Vec<u64> = self.readers.keys().copied().collect();
        for partition in 0..u32::try_from(self.partitions.len()).unwrap_or(u32::MAX) {
            let old = self.partitions[partition as usize].owner;
            let new = readers.get(partition as usize % readers.len().max(1)).copied();
            if old != new {
                self.take(partition);
                if let Some(new) = new {
                    self.give(partition, new);
                }
            }
        }
    }

    fn take(&mut self, partition: u32) {
        let owner = self.partitions[partition as usize].owner.take();
        if let Some(reader) = owner.and_then(|id| self.readers.get_mut(&id)) {
            reader.places.remove(&partition);
            reader.news.push_back(Delivery::Revoked { partition });
            reader.wake.notify_one();
        }
    }

    fn give(&mut self, partition: u32, to: u64) {
        let position = self.partitions[partition as usize].first;
        self.partitions[partition as usize].owner = Some(to);
        if let Some(reader) = self.readers.get_mut(&to) {
            reader.places.insert(partition, position);
            reader.news.push_back(Delivery::Assigned { partition, position });
            reader.wake.notify_one();
        }
    }

    fn next_for(&mut self, id: u64) -> Option<Delivery> {
        let reader = self.readers.get_mut(&id)?;
        if let Some(news) = reader.news.pop_front() {
            return Some(news);
        }
        let mut lost = None;
        for (&partition, place) in &mut reader.places {
            let queue = &self.partitions[partition as usize];
            let Some(index) = place.checked_sub(queue.first) else {
                lost = Some(partition);
                break;
            };
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            if let Some(bytes) = queue.records.get(index) {
                let position = *place;
                *place += 1;
                return Some(Delivery::Record { partition, position, bytes: bytes.clone() });
            }
        }
        // Somebody has committed what this reader was to read next: another owner, or the reader
        // itself before a revoke. It must not see a hole, so it begins anew or not at all.
        let partition = lost?;
        reader.places.remove(&partition);
        if self.partitions[partition as usize].owner == Some(id) {
            self.give(partition, id);
        }
        Some(Delivery::Revoked { partition })
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    fn partitions(&self) -> u32 {
        u32::try_from(self.shared.state.lock().partitions.len()).unwrap_or(u32::MAX)
    }

    async fn append(&self, partition: u32, bytes: Bytes) -> Result<Position, LogError> {
        loop {
            let room = self.shared.room.notified();
            tokio::pin!(room);
            // Registered before the look, so that room made in between is not missed.
            room.as_mut().enable();
            {
                let mut state = self.shared.state.lock();
                if state.closed {
                    return Err(LogError::Closed);
                }
                let queue = &mut state.partitions[partition as usize];
                if queue.records.len() < PARTITION_RECORDS && queue.bytes < PARTITION_BYTES {
                    let position = queue.first + queue.records.len() as u64;
                    queue.bytes += bytes.len();
                    queue.records.push_back(bytes);
                    for reader in state.readers.values() {
                        if reader.places.contains_key(&partition) {
                            reader.wake.notify_one();
                        }
                    }
                    return Ok(position);
                }
            }
            room.await;
        }
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription>, LogError> {
        let mut state = self.shared.state.lock();
        if state.closed {
            return Err(LogError::Closed);
        }
        let id = state.next_reader;
        state.next_reader += 1;
        let wake = Arc::new(Notify::new());
        let reader = Reader { news: VecDeque::new(), places: BTreeMap::new(), wake: wake.clone() };
        state.readers.insert(id, reader);
        state.spread();
        Ok(Box::new(MemorySubscription { id, wake, shared: self.shared.clone() }))
    }
}

struct MemorySubscription {
    id: u64,
    wake: Arc<Notify>,
    shared: Arc<Shared>,
}

#[async_trait]
impl Subscription for MemorySubscription {
    async fn next(&mut self) -> Result<Delivery, LogError> {
        loop {
            if let Some(delivery) = self.try_next() {
                return Ok(delivery);
            }
            if self.shared.state.lock().closed {
                return Err(LogError::Closed);
            }
            self.wake.notified().await;
        }
    }

    fn try_next(&mut self) -> Option<Delivery> {
        self.shared.state.lock().next_for(self.id)
    }

    async fn commit(&mut self, partition: u32, position: Position) -> Result<(), LogError> {
        let mut state = self.shared.state.lock();
        let queue = &mut state.partitions[partition as usize];
        if queue.owner != Some(self.id) {
            return Ok(());
        }
        while queue.first < position {
            let Some(bytes) = queue.records.pop_front() else { break };
            queue.bytes -= bytes.len();
            queue.first += 1;
        }
        self.shared.room.notify_waiters();
        Ok(())
    }

    async fn rewind(&mut self, partition: u32) -> Result<(), LogError> {
        let mut state = self.shared.state.lock();
        if state.partitions[partition as usize].owner == Some(self.id) {
            state.give(partition, self.id);
        }
        Ok(())
    }
}

impl Drop for MemorySubscription {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.readers.remove(&self.id);
        for partition in &mut state.partitions {
            if partition.owner == Some(self.id) {
                partition.owner = None;
            }
        }
        state.spread();
    }
}
