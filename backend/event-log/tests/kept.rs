//! The contract on the log that keeps its records, and what groups of readers do there.
#![allow(clippy::unwrap_used, reason = "everything here is a test")]

use bytes::Bytes;
use event_log::{Delivery, EventLog, KeptLog, Subscription, contract};
use futures_util::FutureExt;

#[tokio::test]
async fn the_log_that_keeps_its_records_keeps_the_contract() {
    contract::all(async || KeptLog::new(2, 1)).await;
}

/// All that is at hand.
fn all(reader: &mut dyn Subscription) -> Vec<Delivery> {
    std::iter::from_fn(|| reader.try_next()).collect()
}

fn record(position: u64) -> Delivery {
    Delivery::Record { partition: 0, position, bytes: Bytes::from_static(b"x") }
}

fn assigned(position: u64) -> Delivery {
    Delivery::Assigned { partition: 0, position }
}

const REVOKED: Delivery = Delivery::Revoked { partition: 0 };

/// A topic of one partition with two records, and two readers of one group, the first of them its owner.
async fn two() -> (KeptLog, Box<dyn Subscription>, Box<dyn Subscription>) {
    let log = KeptLog::new(1, 10);
    let first = log.for_member("g", "first", None).subscribe().await.unwrap();
    let second = log.for_member("g", "second", None).subscribe().await.unwrap();
    for _ in 0..2 {
        log.append(0, Bytes::from_static(b"x")).await.unwrap();
    }
    (log, first, second)
}

#[tokio::test]
async fn each_group_has_every_record_and_a_new_one_begins_where_it_says() {
    let (log, mut first, _second) = two().await;
    assert_eq!(all(&mut *first), [assigned(10), record(10), record(11)]);
    first.commit(0, 12).await.unwrap();
    let mut other = log.for_member("h", "first", None).subscribe().await.unwrap();
    assert_eq!(all(&mut *other), [assigned(10), record(10), record(11)]);
    let mut late = log.for_member("i", "first", Some(log.ends())).subscribe().await.unwrap();
    assert_eq!(all(&mut *late), [assigned(12)]);
    assert_eq!((log.committed("g"), log.committed("h")), (vec![12], vec![10]));
}

#[tokio::test]
async fn a_usurped_owner_goes_on_reading_until_partitions_move() {
    let (log, mut first, mut second) = two().await;
    assert_eq!(all(&mut *first).len(), 3);
    log.usurp("g", 0);
    log.append(0, Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(all(&mut *second), [assigned(10), record(10), record(11), record(12)]);
    second.commit(0, 13).await.unwrap();
    assert_eq!(all(&mut *first), [record(12)], "the committed one too: nothing is forgotten");
    first.commit(0, 11).await.unwrap();
    assert_eq!(log.committed("g"), [13]);
    let _third = log.for_member("g", "third", None).subscribe().await.unwrap();
    assert_eq!(log.owner("g", 0).as_deref(), Some("first"));
    assert_eq!(all(&mut *second), [REVOKED]);
    assert_eq!(all(&mut *first), [assigned(13)]);
}

#[tokio::test]
async fn who_was_silent_hears_of_it_and_is_a_reader_again() {
    let (log, mut first, mut second) = two().await;
    all(&mut *first);
    log.evict("first");
    assert_eq!(log.owner("g", 0).as_deref(), Some("second"));
    assert_eq!(all(&mut *second).len(), 3);
    assert_eq!(all(&mut *first), [REVOKED, assigned(10), record(10), record(11)]);
    assert_eq!(all(&mut *second), [REVOKED]);
    assert!(second.next().now_or_never().is_none());
}
