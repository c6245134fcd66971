//! The end of a log that forgets: what is in it is stored before the lanes end, whatever happens to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use event_log::{EventLog, MemoryLog};
use server::pipeline::lanes;
use storage::memory::{Gate, Memory, Step, Verdict};
use tokio_util::sync::CancellationToken;

use super::partitions::nowhere;
use super::records::{direct, say};

/// Ends the writer before each of the first few rows.
struct Fails(AtomicUsize);

#[async_trait]
impl Gate for Fails {
    async fn before_row(&self, _: Step) -> Verdict {
        let left = |left: usize| left.checked_sub(1);
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left) {
            Ok(_) => Verdict::Crash,
            Err(_) => Verdict::Go,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lanes_that_halt_while_the_log_is_being_closed_store_what_is_in_it() {
    let (committed, _changes) = tokio::sync::mpsc::channel(100);
    let store = Memory::new(uuid::Uuid::nil(), committed);
    let fails = Arc::new(store.with_gate(Arc::new(Fails(AtomicUsize::new(3)))));
    let log = MemoryLog::new(&[1, 1]);
    for partition in 0..2 {
        let of = u64::from(partition) + 1;
        log.append(partition, direct(of, of + 1, [(of, say("one"))]).encode()).await.unwrap();
    }
    let lanes = lanes::run(Arc::new(log.clone()), fails, nowhere(), CancellationToken::new());
    let lanes = tokio::spawn(lanes);
    // It has given both records to lanes, and they have not begun.
    tokio::task::yield_now().await;
    log.close();
    let ended = tokio::time::timeout(Duration::from_secs(10), lanes).await;
    ended.expect("it ends").unwrap().unwrap();
    assert!(log.is_drained());
    assert_eq!(store.rows().events.len(), 2);
}
