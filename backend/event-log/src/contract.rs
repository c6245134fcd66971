//! What every log promises, as tests that run on each real one. A log under test is empty and has
//! two partitions.
#![allow(clippy::unwrap_used, reason = "everything here is a test")]

use bytes::Bytes;

use crate::{Delivery, EventLog, Position, Subscription};

/// Run the whole suite; `make` gives a new, empty log of two partitions each time.
pub async fn all<L: EventLog, F: AsyncFn() -> L>(make: F) {
    records_come_back_in_the_order_of_their_append(&make().await).await;
    a_new_reader_begins_at_the_committed_position(&make().await).await;
    a_rewind_hands_out_again_what_was_not_committed(&make().await).await;
    two_readers_share_the_partitions_and_the_survivor_takes_over(&make().await).await;
    a_reader_that_lost_a_partition_cannot_commit_it(&make().await).await;
}

async fn records_come_back_in_the_order_of_their_append(log: &impl EventLog) {
    assert_eq!(log.partitions(), 2);
    let mut reader = log.subscribe().await.unwrap();
    let mut positions = Vec::new();
    for n in 0..20_u8 {
        positions.push(log.append(u32::from(n % 2), Bytes::from(vec![n])).await.unwrap());
    }
    for partition in 0..2 {
        let own: Vec<Position> = positions.iter().skip(partition).step_by(2).copied().collect();
        assert!(own.is_sorted_by(|a, b| a < b), "positions grow");
    }
    let mut seen = [Vec::new(), Vec::new()];
    for _ in 0..20 {
        let (partition, position, bytes) = record(&mut *reader).await;
        assert_eq!(position, positions[usize::from(bytes[0])]);
        seen[partition as usize].push(bytes[0]);
    }
    assert_eq!(seen[0], (0..20).step_by(2).collect::<Vec<u8>>());
    assert_eq!(seen[1], (1..20).step_by(2).collect::<Vec<u8>>());
}

async fn a_new_reader_begins_at_the_committed_position(log: &impl EventLog) {
    let mut first = log.subscribe().await.unwrap();
    for n in 0..3_u8 {
        log.append(0, Bytes::from(vec![n])).await.unwrap();
    }
    let (_, position, _) = record(&mut *first).await;
    first.commit(0, position + 1).await.unwrap();
    record(&mut *first).await;
    drop(first);
    let mut second = log.subscribe().await.unwrap();
    assert_eq!(record(&mut *second).await.2, Bytes::from_static(&[1]));
}

async fn a_rewind_hands_out_again_what_was_not_committed(log: &impl EventLog) {
    let mut reader = log.subscribe().await.unwrap();
    for n in 0..3_u8 {
        log.append(1, Bytes::from(vec![n])).await.unwrap();
    }
    let (_, position, _) = record(&mut *reader).await;
    record(&mut *reader).await;
    reader.commit(1, position + 1).await.unwrap();
    reader.rewind(1).await.unwrap();
    let assigned = reader.next().await.unwrap();
    assert!(matches!(assigned, Delivery::Assigned { partition: 1, .. }), "{assigned:?}");
    assert_eq!(record(&mut *reader).await.2, Bytes::from_static(&[1]));
}

async fn two_readers_share_the_partitions_and_the_survivor_takes_over(log: &impl EventLog) {
    let mut first = log.subscribe().await.unwrap();
    assert_eq!(owned(&mut *first, 2).await, [0, 1]);
    let mut second = log.subscribe().await.unwrap();
    let moved = owned(&mut *second, 1).await;
    let lost = first.next().await.unwrap();
    assert_eq!(lost, Delivery::Revoked { partition: moved[0] });
    drop(first);
    let rest = owned(&mut *second, 1).await;
    assert_ne!(rest, moved);
}

async fn a_reader_that_lost_a_partition_cannot_commit_it(log: &impl EventLog) {
    let mut first = log.subscribe().await.unwrap();
    owned(&mut *first, 2).await;
    let mut second = log.subscribe().await.unwrap();
    let moved = owned(&mut *second, 1).await[0];
    let position = log.append(moved, Bytes::from_static(b"x")).await.unwrap();
    record(&mut *second).await;
    first.commit(moved, position + 1).await.unwrap();
    second.rewind(moved).await.unwrap();
    assert_eq!(record(&mut *second).await.1, position, "the lost commit was ignored");
}

/// The next record, whatever news come before it.
async fn record(reader: &mut dyn Subscription) -> (u32, Position, Bytes) {
    loop {
        if let Delivery::Record { partition, position, bytes } = reader.next().await.unwrap() {
            return (partition, position, bytes);
        }
    }
}

/// The next `n` partitions that are assigned.
async fn owned(reader: &mut dyn Subscription, n: usize) -> Vec<u32> {
    let mut partitions = Vec::new();
    while partitions.len() < n {
        if let Delivery::Assigned { partition, .. } = reader.next().await.unwrap() {
            partitions.push(partition);
        }
    }
    partitions
}
