//! On three real brokers; each test has a topic of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use event_log::{
    Delivery, EventLog, KafkaLog, KafkaSettings, LogError, Made, OFFSETS, Position, Restart,
    Subscription, Topics, Wanted, contract, wanted,
};
use futures_util::future::join_all;
use std::time::Duration;

/// No test waits longer for one thing.
const PATIENCE: Duration = Duration::from_secs(60);

fn brokers() -> Vec<String> {
    ["127.0.0.1:19092", "127.0.0.2:19092", "127.0.0.3:19092"].map(String::from).to_vec()
}

fn topics() -> Topics {
    Topics::of(&brokers()).unwrap()
}

fn two(name: &str) -> Wanted {
    Wanted { name: name.into(), partitions: 2, replicas: 3, retention_ms: 3_600_000 }
}

/// A new topic of two partitions.
async fn topic() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test.{}.{number}", std::process::id());
        let made = topics().create(&[two(&name)]).await;
        let made = made.expect("no brokers: cargo xtask services up --only kafka");
        // A process with this number may have been here before.
        if made[0].1 == Made::New {
            return name;
        }
    }
}

fn settings(topic: &str) -> KafkaSettings {
    KafkaSettings {
        brokers: brokers(),
        topic: topic.into(),
        partitions: 2,
        epoch: 1,
        group: topic.into(),
    }
}

/// A store that has seen the first partition up to here, or nothing.
fn restart(position: Option<Position>) -> Restart {
    Arc::new(move |partition| Box::pin(async move { Ok(position.filter(|_| partition == 0)) }))
}

async fn log_from(topic: &str, position: Option<Position>) -> KafkaLog {
    let fatal = Arc::new(|why: &str| panic!("a fatal error: {why}"));
    KafkaLog::connect(settings(topic), restart(position), fatal).await.unwrap()
}

async fn log(topic: &str) -> KafkaLog {
    log_from(topic, None).await
}

/// The next record.
async fn record(reader: &mut dyn Subscription) -> (u32, Position, Bytes) {
    let record = async {
        loop {
            if let Delivery::Record { partition, position, bytes } = reader.next().await.unwrap() {
                return (partition, position, bytes);
            }
        }
    };
    tokio::time::timeout(PATIENCE, record).await.expect("no record comes")
}

#[tokio::test]
async fn kafka_keeps_the_contract() {
    contract::all(async || log(&topic().await).await).await;
}

#[tokio::test]
async fn positions_are_of_the_epoch_and_begin_at_its_first() {
    let topic = topic().await;
    let log = KafkaLog::connect(
        KafkaSettings { epoch: 7, ..settings(&topic) },
        restart(None),
        Arc::new(|_| {}),
    )
    .await
    .unwrap();
    assert_eq!(log.ends().await, Ok(vec![7 * OFFSETS, 7 * OFFSETS]));
    assert_eq!(log.append(1, "x".into()).await, Ok(7 * OFFSETS));
    assert_eq!(log.ends().await, Ok(vec![7 * OFFSETS, 7 * OFFSETS + 1]));
}

#[tokio::test]
async fn where_nothing_was_committed_the_store_says_where_to_begin() {
    let topic = topic().await;
    let mut positions = Vec::new();
    {
        let log = log(&topic).await;
        for n in 0..5_u8 {
            positions.push(log.append(0, vec![n].into()).await.unwrap());
        }
    }
    let log = log_from(&topic, Some(positions[3])).await;
    let mut reader = log.subscribe().await.unwrap();
    assert_eq!(record(&mut *reader).await.1, positions[3]);
}

#[tokio::test]
async fn at_the_very_first_start_a_reader_begins_at_the_beginning() {
    let topic = topic().await;
    let log = log(&topic).await;
    let first = log.append(0, "a".into()).await.unwrap();
    let mut reader = log.subscribe().await.unwrap();
    assert_eq!(record(&mut *reader).await.1, first);
}

#[tokio::test]
async fn the_last_commit_before_a_drop_is_there_after_it() {
    let topic = topic().await;
    let log = log(&topic).await;
    for n in 0..200_u8 {
        log.append(0, vec![n].into()).await.unwrap();
    }
    let mut reader = log.subscribe().await.unwrap();
    for _ in 0..150 {
        let (partition, position, _) = record(&mut *reader).await;
        reader.commit(partition, position + 1).await.unwrap();
    }
    drop(reader);
    let mut reader = log.subscribe().await.unwrap();
    assert_eq!(record(&mut *reader).await.2, Bytes::from(vec![150]));
}

#[tokio::test]
async fn a_reader_that_is_slow_holds_little_and_misses_nothing() {
    let topic = topic().await;
    let log = log(&topic).await;
    let mut reader = log.subscribe().await.unwrap();
    const RECORDS: u32 = 15_000;
    // More than its queue has room for, before it takes the first.
    for some in 0..RECORDS / 1000 {
        let numbers = some * 1000..(some + 1) * 1000;
        let appends = numbers.map(|n| log.append(n % 2, Bytes::copy_from_slice(&n.to_be_bytes())));
        for done in join_all(appends).await {
            done.unwrap();
        }
    }
    let mut next = [0, 1];
    for _ in 0..RECORDS {
        let (partition, _, bytes) = record(&mut *reader).await;
        let expected = &mut next[partition as usize];
        assert_eq!(bytes, Bytes::copy_from_slice(&u32::to_be_bytes(*expected)));
        *expected += 2;
    }
}

#[tokio::test]
async fn a_place_behind_the_end_of_the_log_is_an_error_and_no_jump() {
    let topic = topic().await;
    let log = log_from(&topic, Some(OFFSETS + 1000)).await;
    log.append(0, "x".into()).await.unwrap();
    let mut reader = log.subscribe().await.unwrap();
    let error = async {
        loop {
            match reader.next().await {
                Ok(Delivery::Record { .. }) => panic!("a record after a jump"),
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    };
    let error = tokio::time::timeout(PATIENCE, error).await.unwrap();
    assert!(matches!(error, LogError::Unfit(_)), "{error:?}");
}

#[tokio::test]
async fn a_topic_with_other_partitions_or_none_at_all_is_refused() {
    let topic = topic().await;
    let connect = async |settings: KafkaSettings| {
        KafkaLog::connect(settings, restart(None), Arc::new(|_| {})).await.err().unwrap()
    };
    let error = connect(KafkaSettings { partitions: 64, ..settings(&topic) }).await.to_string();
    assert!(error.contains("has 2 partitions and must have 64"), "{error}");
    let error = connect(settings("test.that.nobody.made")).await;
    assert!(matches!(error, LogError::Unfit(_)), "{error:?}");
}

#[tokio::test]
async fn a_topic_made_anew_under_its_old_name_has_another_identity() {
    let topic = topic().await;
    let first = topics().id(&topic).await.unwrap();
    assert_eq!((first.len(), topics().id(&topic).await.unwrap()), (32, first.clone()));
    topics().delete(&topic).await.unwrap();
    let until = tokio::time::Instant::now() + PATIENCE;
    // Its name is free a moment later.
    while topics().create(&[two(&topic)]).await.ok().is_none_or(|made| made[0].1 == Made::Before) {
        assert!(tokio::time::Instant::now() < until, "the topic is not made anew");
    }
    loop {
        assert!(tokio::time::Instant::now() < until, "the topic has no identity");
        if let Ok(second) = topics().id(&topic).await
            && second != first
        {
            break;
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_topics_is_said_with_their_names() {
    let topic = topic().await;
    assert_eq!(topics().check(&[two(&topic)]).await, Ok(vec![]));
    let other = Wanted { partitions: 4, retention_ms: 7, ..two(&topic) };
    let none = two("test.that.nobody.made");
    let complaints = topics().check(&[other, none]).await.unwrap();
    assert_eq!(
        complaints,
        [
            format!("{topic} has 2 partitions and must have 4"),
            format!("{topic}: retention.ms is `3600000` and must be `7`"),
            "test.that.nobody.made is missing".into(),
        ]
    );
    assert_eq!(topics().create(&[two(&topic)]).await, Ok(vec![(topic, Made::Before)]));
}

#[test]
fn the_topics_of_kith_are_kept_as_long_as_the_design_says() {
    let days: Vec<(String, u64)> =
        wanted(64, 3).into_iter().map(|one| (one.name, one.retention_ms / 86_400_000)).collect();
    let expected = [("kith.log", 7), ("kith.inbox", 2), ("kith.push", 2), ("kith.dead", 7)];
    assert_eq!(days, expected.map(|(name, days)| (name.to_owned(), days)));
}
