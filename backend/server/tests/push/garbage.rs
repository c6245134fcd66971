//! What cannot be read is skipped, and a copy is kept.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event_log::{Delivery, EventLog, MemoryLog};
use protocol::push::PushSays;
use protocol::{ServerFrame, wire};
use server::environment::Environment;
use server::pipeline::dead::Dead;
use server::pipeline::lanes;
use server::pipeline::record::{DeadLetter, InboxRecord, PushRecord};
use server::push::gather::Gather;
use storage::memory::Memory;
use tokio_util::sync::CancellationToken;

use crate::place::Place;

/// Wait until everything in the log is behind its readers.
async fn drained(log: &MemoryLog) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while !log.is_drained() {
        assert!(tokio::time::Instant::now() < deadline, "it is not read");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The records of a log, as many as are wanted.
async fn read(log: &MemoryLog, count: usize) -> Vec<Bytes> {
    let mut reader = log.subscribe().await.unwrap();
    let mut read = Vec::new();
    while read.len() < count {
        let next = tokio::time::timeout(Duration::from_secs(30), reader.next()).await;
        if let Delivery::Record { bytes, .. } = next.unwrap().unwrap() {
            read.push(bytes);
        }
    }
    read
}

#[tokio::test]
async fn row_41_garbage_in_the_push_queue_is_skipped_and_a_copy_is_kept() {
    let mut place = Place::new().await;
    place.grace_subscribes(place.receiver.webhook("grace"), PushSays::Text).await;
    for garbage in [&b""[..], b"\xff\xfe", b"{\"seq\":1}", &[b'[', 0x31]] {
        place.queue.append(0, Bytes::copy_from_slice(garbage)).await.unwrap();
    }
    place.pushes("hi").await;
    place.settle().await;
    assert_eq!(place.receiver.got().len(), 1, "what comes behind it is pushed");
    let letters = place.letters();
    let read: Vec<_> =
        letters.iter().map(|letter| (letter.position, letter.bytes().unwrap())).collect();
    assert_eq!(read.len(), 4);
    assert_eq!(read[1], (1, b"\xff\xfe".to_vec()));
}

#[tokio::test]
async fn row_41_garbage_in_the_conversation_log_is_skipped_and_a_copy_is_kept_before_it_is_committed()
 {
    let (log, dead) = (MemoryLog::new(&[1 << 42]), MemoryLog::new(&[0]));
    let environment = Environment::simulated(Arc::new(|| 1_700_000_000_000), 1);
    let (sender, _changes) = tokio::sync::mpsc::channel(16);
    let store = Arc::new(Memory::new(uuid::Uuid::from_u128(1), sender));
    let to = Dead::topic(Arc::new(dead.clone()), environment);
    let garbage = [&b"\xff"[..], b"", b"{\"version\":9}"];
    for bytes in garbage {
        log.append(0, Bytes::copy_from_slice(bytes)).await.unwrap();
    }
    let stop = CancellationToken::new();
    let running = tokio::spawn(lanes::run(Arc::new(log.clone()), store, to, stop.clone()));
    drained(&log).await;
    stop.cancel();
    running.await.unwrap().unwrap();
    let letters = read(&dead, 3).await;
    for (n, bytes) in (0..).zip(letters) {
        let letter = DeadLetter::decode(&bytes).unwrap();
        assert_eq!((&*letter.topic, letter.partition, letter.position), ("log", 0, (1 << 42) + n));
        assert_eq!(letter.bytes().unwrap(), garbage[usize::try_from(n).unwrap()]);
    }
}

#[tokio::test]
async fn row_41_garbage_that_cannot_be_copied_is_not_committed() {
    let (log, dead) = (MemoryLog::new(&[1 << 42]), MemoryLog::new(&[0]));
    dead.close();
    let environment = Environment::simulated(Arc::new(|| 1_700_000_000_000), 1);
    let (sender, _changes) = tokio::sync::mpsc::channel(16);
    let store = Arc::new(Memory::new(uuid::Uuid::from_u128(1), sender));
    let mut lane = server::pipeline::sequence::Lane::new(0, store)
        .burying(Dead::topic(Arc::new(dead), environment));
    let records = [(1 << 42, Bytes::from_static(b"\xff"))];
    log.append(0, records[0].1.clone()).await.unwrap();
    assert!(lane.process(&records).await.is_err());
}

#[tokio::test]
async fn of_the_inbox_new_messages_are_queued_for_those_who_are_subscribed_and_garbage_is_copied() {
    let mut place = Place::with_queue().await;
    place.grace_subscribes(place.receiver.webhook("grace"), PushSays::Text).await;
    let (inbox, dead) = (MemoryLog::new(&[0]), MemoryLog::new(&[0]));
    let seq = place.ada_says("hi").await;
    let stretch = place.api.app.stores.history.stretch(place.conversation(), seq, seq, 1, 99);
    let stretch = stretch.await.unwrap();
    let told = protocol::frame::EventFrame {
        conversation: place.conversation(),
        event: stretch.events[0].clone(),
        states: stretch.states.clone(),
    };
    let to = vec![place.ada.user, place.grace.user];
    let record = |frame: ServerFrame| InboxRecord {
        changed: None,
        listed: true,
        to: to.clone(),
        session: None,
        frame: wire::encode(&frame).into(),
    };
    let edited = protocol::frame::EventFrame {
        event: protocol::Event {
            kind: protocol::EventKind::Edited { target: seq },
            ..told.event.clone()
        },
        ..told.clone()
    };
    inbox.append(0, record(ServerFrame::SessionEnded {}).encode()).await.unwrap();
    inbox.append(0, record(ServerFrame::Event(edited)).encode()).await.unwrap();
    inbox.append(0, Bytes::from_static(b"\xff")).await.unwrap();
    inbox.append(0, record(ServerFrame::Event(told)).encode()).await.unwrap();
    let environment = place.api.app.environment.clone();
    let gather = Gather::new(Arc::new(place.queue.clone()), place.api.app.stores.push.clone());
    let to_dead = Dead::topic(Arc::new(dead.clone()), environment);
    let (stop, from) = (CancellationToken::new(), Arc::new(inbox.clone()));
    let stopping = stop.clone();
    let running = tokio::spawn(async move { gather.run(from, to_dead, stopping).await });
    drained(&inbox).await;
    stop.cancel();
    running.await.unwrap().unwrap();
    let queued = read(&place.queue, 1).await;
    let queued = PushRecord::decode(&queued[0]).unwrap();
    assert_eq!((queued.seq, queued.to), (seq, vec![place.grace.user]));
    let letter = DeadLetter::decode(&read(&dead, 1).await[0]).unwrap();
    assert_eq!((&*letter.topic, letter.position, letter.size), ("inbox", 2, 1));
}
