//! Brokers that fail on command: they live in this process, so that a fault hits exactly where it
//! is wanted and nobody else's tests.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event_log::{EventLog, KafkaLog, KafkaSettings, LogError, OFFSETS};
use futures_util::FutureExt;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster() -> Cluster {
    let cluster = MockCluster::new(3).unwrap();
    cluster.create_topic("log", 2, 3).unwrap();
    cluster.partition_leader("log", 0, Some(1)).unwrap();
    cluster.partition_leader("log", 1, Some(2)).unwrap();
    cluster
}

async fn log(cluster: &Cluster) -> KafkaLog {
    let settings = KafkaSettings {
        brokers: vec![cluster.bootstrap_servers()],
        topic: "log".into(),
        partitions: 2,
        epoch: 1,
        group: "readers".into(),
    };
    let restart = Arc::new(|_| -> std::pin::Pin<Box<dyn Future<Output = _> + Send>> {
        Box::pin(async { Ok(None) })
    });
    KafkaLog::connect(settings, restart, Arc::new(|_| {})).await.unwrap()
}

#[tokio::test]
async fn an_append_that_gets_no_answer_is_unknown_and_the_next_ones_go_on() {
    let cluster = cluster();
    let log = log(&cluster).await;
    assert_eq!(log.append(0, "a".into()).await, Ok(OFFSETS));
    for broker in 1..=3 {
        cluster.broker_down(broker).unwrap();
    }
    let error = log.append(0, "b".into()).await.unwrap_err();
    assert!(matches!(error, LogError::Unknown(_)), "{error:?}");
    for broker in 1..=3 {
        cluster.broker_up(broker).unwrap();
    }
    // It may have been appended or not, so this one may be the second or the third.
    let position = log.append(0, "c".into()).await.unwrap();
    assert!((OFFSETS + 1..=OFFSETS + 2).contains(&position), "{position}");
}

#[tokio::test]
async fn a_broker_that_is_gone_during_an_append_is_replaced_by_the_next_leader() {
    let cluster = cluster();
    let log = log(&cluster).await;
    assert_eq!(log.append(0, "a".into()).await, Ok(OFFSETS));
    cluster.broker_down(1).unwrap();
    let waiting = tokio::spawn({
        let log = log.clone();
        async move { log.append(0, "b".into()).await }
    });
    // The other partition's leader answers, so the first append is on its way by now.
    log.append(1, "x".into()).await.unwrap();
    cluster.partition_leader("log", 0, Some(3)).unwrap();
    assert_eq!(waiting.await.unwrap(), Ok(OFFSETS + 1));
}

#[tokio::test]
async fn refusals_that_pass_are_tried_again_and_appended_once() {
    let cluster = cluster();
    let log = log(&cluster).await;
    let errors = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
    ];
    cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    assert_eq!(log.append(0, "a".into()).await, Ok(OFFSETS));
    assert_eq!(log.append(0, "b".into()).await, Ok(OFFSETS + 1));
}

#[tokio::test]
async fn a_full_queue_is_said_at_once_and_never_waits() {
    let cluster = cluster();
    let log = log(&cluster).await;
    for broker in 1..=3 {
        cluster.broker_down(broker).unwrap();
    }
    let full = (0..100_000).find_map(|_| {
        let bytes = Bytes::from_static(&[7; 64]);
        match log.append(0, bytes).now_or_never() {
            Some(Err(error)) => Some(error),
            Some(Ok(position)) => panic!("appended at {position} without a broker"),
            None => None,
        }
    });
    assert_eq!(full, Some(LogError::Full { retry_after: Duration::from_secs(1) }));
}
