//! The contract on the memory log, and what only the memory log does.

use bytes::Bytes;
use event_log::{Delivery, EventLog, LogError, MemoryLog, contract};
use futures_util::FutureExt;

#[tokio::test]
async fn the_memory_log_keeps_the_contract() {
    contract::all(async || MemoryLog::new(&[1, 1])).await;
}

#[tokio::test]
async fn it_continues_where_the_store_ended() {
    let log = MemoryLog::new(&[42, 1]);
    assert_eq!(log.append(0, Bytes::from_static(b"x")).await, Ok(42));
}

#[tokio::test]
async fn an_append_to_a_full_partition_waits_for_a_commit() {
    let log = MemoryLog::new(&[0]);
    let mut reader = log.subscribe().await.unwrap();
    let mut last = 0;
    while let Some(position) = log.append(0, Bytes::from_static(b"x")).now_or_never() {
        last = position.unwrap();
    }
    let mut waiting = Box::pin(log.append(0, Bytes::from_static(b"y")));
    assert!(waiting.as_mut().now_or_never().is_none());
    reader.commit(0, 1).await.unwrap();
    assert_eq!(waiting.now_or_never(), Some(Ok(last + 1)));
}

#[tokio::test]
async fn a_closed_log_gives_what_is_there_and_ends() {
    let log = MemoryLog::new(&[0]);
    let mut reader = log.subscribe().await.unwrap();
    log.append(0, Bytes::from_static(b"x")).await.unwrap();
    log.close();
    assert_eq!(log.append(0, Bytes::new()).await, Err(LogError::Closed));
    assert!(matches!(reader.next().await, Ok(Delivery::Assigned { .. })));
    assert!(matches!(reader.next().await, Ok(Delivery::Record { .. })));
    assert_eq!(reader.next().await, Err(LogError::Closed));
}

#[tokio::test]
async fn a_usurped_owner_goes_on_reading_and_its_commits_count_for_nothing() {
    let log = MemoryLog::new(&[0]);
    let mut zombie = log.subscribe().await.unwrap();
    let mut heir = log.subscribe().await.unwrap();
    log.usurp(0);
    log.append(0, Bytes::from_static(b"x")).await.unwrap();
    zombie.next().await.unwrap();
    assert!(matches!(zombie.next().await, Ok(Delivery::Record { position: 0, .. })));
    zombie.commit(0, 1).await.unwrap();
    assert!(!log.is_drained());
    heir.next().await.unwrap();
    assert!(matches!(heir.next().await, Ok(Delivery::Record { position: 0, .. })));
    heir.commit(0, 1).await.unwrap();
    assert!(log.is_drained());
}

#[tokio::test]
async fn a_usurped_owner_whose_next_record_is_gone_loses_the_partition_and_sees_no_hole() {
    let log = MemoryLog::new(&[0]);
    let mut zombie = log.subscribe().await.unwrap();
    let mut heir = log.subscribe().await.unwrap();
    for n in 0..3 {
        log.append(0, Bytes::from(vec![n])).await.unwrap();
    }
    zombie.next().await.unwrap();
    assert!(matches!(zombie.next().await, Ok(Delivery::Record { position: 0, .. })));
    log.usurp(0);
    heir.next().await.unwrap();
    for position in 0..2 {
        heir.next().await.unwrap();
        heir.commit(0, position + 1).await.unwrap();
    }
    assert_eq!(zombie.next().await, Ok(Delivery::Revoked { partition: 0 }));
    assert_eq!(zombie.try_next(), None);
}

#[tokio::test]
async fn a_commit_from_before_a_revoke_makes_no_hole_for_who_reads_again() {
    let log = MemoryLog::new(&[0]);
    let mut reader = log.subscribe().await.unwrap();
    for n in 0..3 {
        log.append(0, Bytes::from(vec![n])).await.unwrap();
    }
    for _ in 0..4 {
        reader.next().await.unwrap();
    }
    log.revoke(0);
    assert_eq!(reader.next().await, Ok(Delivery::Revoked { partition: 0 }));
    assert_eq!(reader.next().await, Ok(Delivery::Assigned { partition: 0, position: 0 }));
    assert!(matches!(reader.next().await, Ok(Delivery::Record { position: 0, .. })));
    reader.commit(0, 2).await.unwrap();
    assert_eq!(reader.next().await, Ok(Delivery::Revoked { partition: 0 }));
    assert_eq!(reader.next().await, Ok(Delivery::Assigned { partition: 0, position: 2 }));
    assert!(matches!(reader.next().await, Ok(Delivery::Record { position: 2, .. })));
}
