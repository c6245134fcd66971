//! The lanes as they run over the memory log, while its partition is revoked and usurped.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use event_log::{EventLog, LogError, MemoryLog};
use proptest::prelude::*;
use server::environment::Environment;
use server::pipeline::dead::Dead;
use server::pipeline::lanes;
use storage::memory::{Gate, Memory, Read, Step, Verdict};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::generated::{config, history};
use super::lone::{self, store};
use super::records::{Log, START, direct, edit, log, react, reply, say};
use super::told::{drain, heard};

/// How long anything may take. The clock is a paused one: it only moves when everybody waits.
const PATIENCE: Duration = Duration::from_secs(600);

/// Wait until something is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        sleep(Duration::from_millis(1)).await;
    }
}

fn run(log: &MemoryLog, store: &Memory, gate: Arc<dyn Gate>) -> JoinHandle<Result<(), LogError>> {
    tokio::spawn(lanes::run(
        Arc::new(log.clone()),
        Arc::new(store.with_gate(gate)),
        nowhere(),
        CancellationToken::new(),
    ))
}

/// There is no garbage in these logs.
pub(crate) fn nowhere() -> Dead {
    let environment = Environment::simulated(Arc::new(|| 0), 1);
    Dead::topic(Arc::new(MemoryLog::new(&[0])), environment)
}

async fn append(log: &MemoryLog, records: &Log) {
    for (position, bytes) in records {
        assert_eq!(log.append(0, bytes.clone()).await, Ok(*position));
    }
}

async fn drained(log: &MemoryLog) {
    until("everything is stored and committed", || log.is_drained()).await;
}

/// Something of everything.
fn talk() -> Log {
    log([
        direct(1, 2, [(1, say("one")), (2, edit(1, "two"))]),
        direct(2, 1, [(3, reply(1, "three")), (4, edit(1, "not mine"))]),
        direct(1, 2, [(2, edit(1, "two")), (5, react(3, "👍", true))]),
        direct(2, 1, [(6, edit(3, "four"))]),
    ])
}

/// Counts how often a conversation is loaded.
#[derive(Default)]
struct Loads(AtomicUsize);

#[async_trait]
impl Gate for Loads {
    async fn before_row(&self, _: Step) -> Verdict {
        Verdict::Go
    }

    async fn before_read(&self, read: Read) {
        self.0.fetch_add(usize::from(matches!(read, Read::Head(_))), Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn state_never_survives_a_revoke() {
    let (store, _committed) = store();
    let topic = MemoryLog::new(&[START]);
    let loads = Arc::new(Loads::default());
    let owner = run(&topic, &store, loads.clone());
    let records = talk();
    let mut loaded = Vec::new();
    for (at, one) in records.iter().enumerate() {
        append(&topic, &vec![one.clone()]).await;
        drained(&topic).await;
        loaded.push(loads.0.load(Ordering::Relaxed));
        if at == 1 {
            topic.revoke(0);
        }
    }
    assert_eq!(loaded, [1, 1, 2, 2], "kept between batches, and loaded anew after the revoke");
    topic.close();
    owner.await.unwrap().unwrap();
    assert_eq!(store.rows(), lone::fold(&[records]).0);
}

/// Whoever asks for the nth row waits until it is let go; all others pass.
struct Freeze {
    at: usize,
    asked: AtomicUsize,
    thaw: Notify,
}

#[async_trait]
impl Gate for Freeze {
    async fn before_row(&self, _: Step) -> Verdict {
        if self.asked.fetch_add(1, Ordering::Relaxed) == self.at {
            self.thaw.notified().await;
        }
        Verdict::Go
    }
}

/// Also when it is revoked or usurped between two rows, and goes on when others have done its work.
#[tokio::test(start_paused = true)]
async fn a_lane_that_has_lost_its_partition_between_two_rows_does_no_harm_when_it_goes_on() {
    let records = talk();
    let (rows, told) = lone::fold(std::slice::from_ref(&records));
    for usurped in [false, true] {
        for at in 0.. {
            let (store, mut committed) = store();
            let topic = MemoryLog::new(&[START]);
            let freeze = Arc::new(Freeze { at, asked: AtomicUsize::new(0), thaw: Notify::new() });
            let first = run(&topic, &store, freeze.clone());
            append(&topic, &records[..3].to_vec()).await;
            until("frozen or done", || {
                freeze.asked.load(Ordering::Relaxed) > at || topic.is_drained()
            })
            .await;
            if topic.is_drained() {
                // There are no more rows to stop before.
                topic.close();
                first.await.unwrap().unwrap();
                break;
            }
            let second = usurped.then(|| run(&topic, &store, Arc::new(storage::memory::Open)));
            if usurped {
                // The new owner has come when it has been given the partition.
                sleep(Duration::from_millis(1)).await;
                topic.usurp(0);
            } else {
                topic.revoke(0);
            }
            append(&topic, &records[3..].to_vec()).await;
            drained(&topic).await;
            assert_eq!(store.rows(), rows, "stopped before row {at}");
            freeze.thaw.notify_one();
            topic.close();
            first.await.unwrap().unwrap();
            if let Some(second) = second {
                second.await.unwrap().unwrap();
            }
            assert_eq!(store.rows(), rows, "stopped before row {at}");
            assert_eq!(heard(&drain(&mut committed)), heard(&told));
        }
    }
}

/// Takes its time before rows and reads, and ends the writer before some rows.
struct Uneven {
    delays: Vec<u8>,
    crashes: BTreeSet<usize>,
    asked: AtomicUsize,
}

impl Uneven {
    async fn wait(&self) -> usize {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let delay = self.delays[asked % self.delays.len()];
        sleep(Duration::from_millis(delay.into())).await;
        asked
    }
}

#[async_trait]
impl Gate for Uneven {
    async fn before_row(&self, _: Step) -> Verdict {
        let asked = self.wait().await;
        if self.crashes.contains(&asked) { Verdict::Crash } else { Verdict::Go }
    }

    async fn before_read(&self, _: Read) {
        self.wait().await;
    }
}

fn uneven() -> impl Strategy<Value = Uneven> {
    let delays = prop::collection::vec(prop_oneof![3 => 0u8..3, 1 => 0u8..40], 1..40);
    let crashes = prop::collection::btree_set(0usize..200, 0..3);
    (delays, crashes).prop_map(|(delays, crashes)| Uneven {
        delays,
        crashes,
        asked: AtomicUsize::new(0),
    })
}

impl std::fmt::Debug for Uneven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "delays {:?}, crashes {:?}", self.delays, self.crashes)
    }
}

/// What happens to the partition while its records come.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Append(usize),
    Pass(u64),
    Revoke,
    /// The newest owner takes the partition without a word to the one that has it.
    Usurp,
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => (1usize..5).prop_map(Turn::Append),
        4 => (1u64..60).prop_map(Turn::Pass),
        1 => Just(Turn::Revoke),
        2 => Just(Turn::Usurp),
    ]
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn owners_over_one_log_leave_the_rows_and_answers_of_one(
        records in history(32),
        gates in prop::collection::vec(uneven(), 2..4),
        turns in prop::collection::vec(turn(), 1..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (rows, told) = lone::fold(std::slice::from_ref(&records));
            let (store, mut committed) = store();
            let topic = MemoryLog::new(&[START]);
            let owners: Vec<_> = gates
                .into_iter()
                .map(|gate| run(&topic, &store, Arc::new(gate)))
                .collect();
            let mut rest = &records[..];
            for turn in turns {
                match turn {
                    Turn::Append(n) => {
                        let (now, later) = rest.split_at(n.min(rest.len()));
                        append(&topic, &now.to_vec()).await;
                        rest = later;
                    }
                    Turn::Pass(millis) => sleep(Duration::from_millis(millis)).await,
                    Turn::Revoke => topic.revoke(0),
                    Turn::Usurp => topic.usurp(0),
                }
            }
            append(&topic, &rest.to_vec()).await;
            drained(&topic).await;
            topic.close();
            for owner in owners {
                owner.await.unwrap().unwrap();
            }
            assert_eq!(store.rows(), rows);
            assert_eq!(heard(&drain(&mut committed)), heard(&told));
        });
    }
}
