//! Runs the lanes: reads the conversation log, gives each partition's records to its lane, commits
//! what the lanes have stored, and starts a lane again that has halted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ::metrics::{counter, histogram};
use bytes::Bytes;
use event_log::{Delivery, EventLog, LogError, Position, Subscription};
use storage::FoldStore;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::dead::Dead;
use super::sequence::Lane;
use crate::admin::metrics;

/// Records that may wait for one lane.
const WAITING: usize = 1024;
/// Most records, and about how many bytes, of one batch.
const BATCH: usize = 512;
const BATCH_BYTES: usize = 2 * 1024 * 1024;
/// How long a halted lane waits before it starts again.
const AGAIN: Duration = Duration::from_millis(200);

/// What a lane tells.
enum News {
    /// Everything below is stored.
    Stored(u32, Position),
    /// The lane has stopped.
    Halted(u32),
}

type Lanes = BTreeMap<u32, mpsc::Sender<(Position, Bytes)>>;

/// Sequence until the log is closed and everything in it is stored; or, a log that outlives the process,
/// until `stop`: what was handed out is stored then, and the rest is the next owner's.
///
/// # Errors
/// When the log cannot be reached.
pub async fn run(
    log: Arc<dyn EventLog>,
    store: Arc<dyn FoldStore>,
    dead: Dead,
    stop: CancellationToken,
) -> Result<(), LogError> {
    let parts = (store, dead);
    let mut log = log.subscribe().await?;
    loop {
        let halted = sequence(&mut *log, &parts, &stop).await?;
        // Of a log that was closed nobody else stores what a lane has left behind.
        if halted.is_empty() || stop.is_cancelled() {
            return Ok(());
        }
        for partition in halted {
            log.rewind(partition).await?;
        }
    }
}

/// Sequence until there is nothing more; the partitions whose lanes halted when they came to the end.
async fn sequence(
    log: &mut dyn Subscription,
    parts: &(Arc<dyn FoldStore>, Dead),
    stop: &CancellationToken,
) -> Result<BTreeSet<u32>, LogError> {
    // One place per lane and batch in flight: a lane says one thing at a time.
    let (tell, mut news) = mpsc::channel(64);
    let mut lanes = Lanes::new();
    let mut waiting: Option<(u32, Position, Bytes)> = None;
    let mut ended = false;
    loop {
        if ended && waiting.is_none() {
            break;
        }
        let lane = waiting.as_ref().and_then(|(partition, ..)| lanes.get(partition)).cloned();
        if lane.is_none() {
            // Its lane has halted; the log hands the record out again.
            waiting = None;
        }
        tokio::select! {
            biased;
            () = stop.cancelled(), if !ended => ended = true,
            Some(news) = news.recv() => heed(news, log, &mut lanes).await?,
            room = reserve(lane.as_ref()), if waiting.is_some() => {
                let record = waiting.take();
                if let (Ok(room), Some((_, position, bytes))) = (room, record) {
                    room.send((position, bytes));
                }
            }
            delivery = log.next(), if waiting.is_none() && !ended => {
                let mut delivery = match delivery {
                    Ok(delivery) => Some(delivery),
                    Err(LogError::Closed) => { ended = true; None }
                    Err(error) => return Err(error),
                };
                // All that is there, until a lane is full.
                while let Some(some) = delivery {
                    waiting = hand_out(some, &mut lanes, parts, &tell);
                    delivery = if waiting.is_none() { log.try_next() } else { None };
                }
            }
        }
    }
    // The log is closed: let the lanes end what they have.
    drop(lanes);
    drop(tell);
    let mut halted = BTreeSet::new();
    while let Some(last) = news.recv().await {
        match last {
            News::Stored(partition, position) => log.commit(partition, position).await?,
            News::Halted(partition) => drop(halted.insert(partition)),
        }
    }
    Ok(halted)
}

/// Give a record to its lane, or begin or end a lane. The record again, when its lane is full.
fn hand_out(
    delivery: Delivery,
    lanes: &mut Lanes,
    (store, dead): &(Arc<dyn FoldStore>, Dead),
    tell: &mpsc::Sender<News>,
) -> Option<(u32, Position, Bytes)> {
    match delivery {
        Delivery::Assigned { partition, .. } => {
            let (give, records) = mpsc::channel(WAITING);
            lanes.insert(partition, give);
            let lane = Lane::new(partition, store.clone()).burying(dead.clone());
            tokio::spawn(lane_task(partition, lane, records, tell.clone()));
        }
        Delivery::Revoked { partition } => drop(lanes.remove(&partition)),
        Delivery::Record { partition, position, bytes } => {
            // Without a lane, or with one that has halted, the log hands the record out again.
            if let Some(lane) = lanes.get(&partition)
                && let Err(TrySendError::Full((position, bytes))) = lane.try_send((position, bytes))
            {
                return Some((partition, position, bytes));
            }
        }
    }
    None
}

async fn heed(news: News, log: &mut dyn Subscription, lanes: &mut Lanes) -> Result<(), LogError> {
    match news {
        News::Stored(partition, position) => log.commit(partition, position).await,
        News::Halted(partition) => {
            lanes.remove(&partition);
            log.rewind(partition).await
        }
    }
}

async fn reserve(
    lane: Option<&mpsc::Sender<(Position, Bytes)>>,
) -> Result<mpsc::Permit<'_, (Position, Bytes)>, ()> {
    match lane {
        Some(lane) => lane.reserve().await.map_err(|_| ()),
        None => Err(()),
    }
}

async fn lane_task(
    partition: u32,
    mut lane: Lane,
    mut records: mpsc::Receiver<(Position, Bytes)>,
    tell: mpsc::Sender<News>,
) {
    while let Some(first) = records.recv().await {
        // What is being accepted at this moment comes along.
        tokio::task::yield_now().await;
        let mut bytes = first.1.len();
        let mut batch = vec![first];
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            let Ok(next) = records.try_recv() else { break };
            bytes += next.1.len();
            batch.push(next);
        }
        let begun = Instant::now();
        let processed = lane.process(&batch).await;
        histogram!(metrics::STORE).record(begun.elapsed());
        #[expect(clippy::cast_precision_loss, reason = "at most a few thousand")]
        {
            histogram!(metrics::BATCH).record(batch.len() as f64);
            histogram!(metrics::WAITING).record(records.len() as f64);
        }
        let news = match processed {
            Ok(()) => News::Stored(partition, batch.last().map_or(0, |(at, _)| at + 1)),
            Err(halt) => {
                counter!(metrics::HALTS).increment(1);
                tracing::error!(partition, "the lane has halted: {halt}");
                tokio::time::sleep(AGAIN).await;
                News::Halted(partition)
            }
        };
        let halted = matches!(news, News::Halted(_));
        if tell.send(news).await.is_err() || halted {
            return;
        }
    }
}
