//! What the thread that reads and the subscription that hands out share: a bounded queue, who owns
//! what, and what is to be committed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{Delivery, LogError};

/// Above this many records nothing more is fetched; below half of it, again.
const RECORDS: usize = 4096;
/// Above this many bytes nothing more is fetched; below half of it, again.
const BYTES: usize = 16 * 1024 * 1024;

#[derive(Default)]
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    /// Woken when there is something to hand out.
    pub(super) wake: Notify,
}

#[derive(Default)]
pub(super) struct State {
    queue: VecDeque<Delivery>,
    bytes: usize,
    owned: BTreeMap<u32, Place>,
    /// Offsets that are to be committed.
    dirty: BTreeMap<u32, i64>,
    /// Why nothing more will come.
    pub(super) failed: Option<LogError>,
    /// The subscription was dropped.
    pub(super) closing: bool,
    /// When the broker of each partition last answered.
    answered: BTreeMap<u32, Instant>,
    /// Partitions have come that are fetched, whatever was paused before.
    pub(super) fresh: bool,
}

/// Where this reader is in a partition that it owns.
struct Place {
    /// The offset that must come next.
    next: i64,
    /// Everything below has been dealt with.
    committed: i64,
    /// Records are dropped until the reader stands at the committed offset again.
    rewinding: bool,
}

/// Where a record stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fits {
    /// It is the next one.
    Yes,
    /// It is not wanted (any more).
    Not,
    /// Records before it are missing.
    Hole(i64),
}

impl State {
    pub(super) fn push(&mut self, delivery: Delivery) {
        self.bytes += size(&delivery);
        self.queue.push_back(delivery);
    }

    pub(super) fn pop(&mut self) -> Option<Delivery> {
        let delivery = self.queue.pop_front()?;
        self.bytes -= size(&delivery);
        Some(delivery)
    }

    /// Whether fetching has to stop; `paused` is whether it has.
    pub(super) fn is_full(&self, paused: bool) -> bool {
        let part = if paused { 2 } else { 1 };
        self.queue.len() > RECORDS / part || self.bytes > BYTES / part
    }

    pub(super) fn own(&mut self, partition: u32, offset: i64) {
        let place = Place { next: offset, committed: offset, rewinding: false };
        self.owned.insert(partition, place);
        self.fresh = true;
    }

    /// Forget the partition, and what of it was not handed out. What was to be committed is the answer.
    pub(super) fn disown(&mut self, partition: u32) -> Option<i64> {
        self.drop_undelivered(partition);
        self.owned.remove(&partition);
        self.dirty.remove(&partition)
    }

    /// The partition's broker answered at this moment.
    pub(super) fn answered(&mut self, partition: u32, at: Instant) {
        self.answered.insert(partition, at);
    }

    /// How long the partition's broker has been silent.
    pub(super) fn silent(&self, partition: u32, now: Instant) -> Option<Duration> {
        self.answered.get(&partition).map(|at| now.saturating_duration_since(*at))
    }

    pub(super) fn owned(&self) -> impl Iterator<Item = u32> {
        self.owned.keys().copied()
    }

    /// Whether the record at this offset is the partition's next, which it then has been.
    pub(super) fn fits(&mut self, partition: u32, offset: i64) -> Fits {
        let Some(place) = self.owned.get_mut(&partition) else { return Fits::Not };
        if place.rewinding || offset < place.next {
            return Fits::Not;
        }
        if offset > place.next {
            return Fits::Hole(place.next);
        }
        place.next += 1;
        Fits::Yes
    }

    /// Remember to commit, if the partition is owned and this is news.
    pub(super) fn commit(&mut self, partition: u32, offset: i64) {
        if let Some(place) = self.owned.get_mut(&partition)
            && offset > place.committed
        {
            place.committed = offset;
            self.dirty.insert(partition, offset);
        }
    }

    pub(super) fn take_dirty(&mut self) -> BTreeMap<u32, i64> {
        std::mem::take(&mut self.dirty)
    }

    /// To be committed again, unless there is newer: the brokers did not take it.
    pub(super) fn still_dirty(&mut self, partition: u32, offset: i64) {
        if self.owned.contains_key(&partition) {
            let newest = self.dirty.entry(partition).or_insert(offset);
            *newest = offset.max(*newest);
        }
    }

    /// Hand out nothing more of the partition until [`State::rewound`].
    pub(super) fn rewind(&mut self, partition: u32) {
        if let Some(place) = self.owned.get_mut(&partition) {
            place.rewinding = true;
            self.drop_undelivered(partition);
        }
    }

    /// The partitions that are to be rewound, and to which offset.
    pub(super) fn rewinds(&self) -> Vec<(u32, i64)> {
        let rewinding = self.owned.iter().filter(|(_, place)| place.rewinding);
        rewinding.map(|(partition, place)| (*partition, place.committed)).collect()
    }

    /// The partition's records come again from this offset.
    pub(super) fn rewound(&mut self, partition: u32, offset: i64) {
        if let Some(place) = self.owned.get_mut(&partition) {
            place.next = offset;
            place.rewinding = false;
        }
    }

    /// What was not handed out of a partition; a `Revoked` stays, for its owner has not heard of it.
    fn drop_undelivered(&mut self, dropped: u32) {
        let one: BTreeSet<u32> = [dropped].into();
        self.queue.retain(|delivery| match delivery {
            Delivery::Assigned { partition, .. } | Delivery::Record { partition, .. } => {
                !one.contains(partition)
            }
            Delivery::Revoked { .. } => true,
        });
        self.bytes = self.queue.iter().map(size).sum();
    }
}

fn size(delivery: &Delivery) -> usize {
    match delivery {
        Delivery::Record { bytes, .. } => bytes.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_is_not_the_next_is_old_or_leaves_a_hole() {
        let mut state = State::default();
        assert_eq!(state.fits(0, 5), Fits::Not, "not owned");
        state.own(0, 5);
        assert_eq!(state.fits(0, 5), Fits::Yes);
        assert_eq!(state.fits(0, 5), Fits::Not);
        assert_eq!(state.fits(0, 7), Fits::Hole(6));
    }

    #[test]
    fn a_rewind_drops_what_was_not_handed_out_and_begins_at_what_was_committed() {
        let mut state = State::default();
        state.own(0, 5);
        for offset in 5..8 {
            assert_eq!(state.fits(0, offset), Fits::Yes);
            state.push(Delivery::Record { partition: 0, position: 0, bytes: "x".into() });
        }
        state.commit(0, 6);
        state.rewind(0);
        assert_eq!(state.pop(), None);
        assert_eq!(state.fits(0, 8), Fits::Not);
        assert_eq!(state.rewinds(), [(0, 6)]);
        state.rewound(0, 6);
        assert_eq!(state.fits(0, 6), Fits::Yes);
        assert_eq!((state.bytes, state.rewinds()), (0, Vec::new()));
    }

    #[test]
    fn a_commit_of_a_partition_that_is_not_owned_is_ignored() {
        let mut state = State::default();
        state.commit(0, 6);
        state.own(1, 5);
        state.commit(1, 6);
        assert_eq!(state.disown(1), Some(6));
        state.commit(1, 7);
        assert!(state.take_dirty().is_empty());
    }
}
