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
