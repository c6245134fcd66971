//! The memory store can be stopped, delayed and interleaved between any two rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use storage::contract::Room;
use storage::memory::{Gate, Memory, Step, Verdict};
use storage::{Batch, FoldStore, StorageError};
use tokio::sync::{Semaphore, mpsc};

/// Writes down what it was asked, and ends the writer before the nth row.
struct CrashBefore {
    row: usize,
    asked: Mutex<Vec<Step>>,
}

#[async_trait]
impl Gate for CrashBefore {
    async fn before_row(&self, step: Step) -> Verdict {
        let mut asked = self.asked.lock();
        asked.push(step);
        if asked.len() > self.row { Verdict::Crash } else { Verdict::Go }
    }
}

/// Lets as many rows through as it has permits.
struct Stepwise {
    permits: Semaphore,
    passed: AtomicUsize,
}

#[async_trait]
impl Gate for Stepwise {
    async fn before_row(&self, _: Step) -> Verdict {
        self.permits.acquire().await.unwrap().forget();
        self.passed.fetch_add(1, Ordering::Relaxed);
        Verdict::Go
    }
}

fn store() -> (Memory, mpsc::Receiver<storage::Committed>) {
    let (sender, committed) = mpsc::channel(100);
    (Memory::new(uuid::Uuid::nil(), sender), committed)
}

fn batch() -> Batch {
    let mut room = Room::group(1, 3, false);
    let said = room.says(1, "first");
    room.edits(1, said, "second");
    room.leaves(2);
    room.tells(1, "told");
    room.take()
}

#[tokio::test]
async fn rows_are_written_in_the_order_of_effects() {
    let (store, _committed) = store();
    let gate = Arc::new(CrashBefore { row: usize::MAX, asked: Mutex::default() });
    store.with_gate(gate.clone()).apply(batch()).await.unwrap();
    let asked = gate.asked.lock();
    let place = |step: &Step| match step {
        Step::Event(..) | Step::Ref(..) => 1,
        Step::Head(_) => 2,
        Step::Conversation(_) | Step::Member(..) | Step::Message(..) => 3,
        Step::Changes(_) => 4,
        Step::Restart(_) => 5,
        other => panic!("{other:?} is no row of a batch"),
    };
    assert!(asked.is_sorted_by_key(place), "{asked:?}");
    assert_eq!(asked.len(), 4 + 4 + 1 + 1 + 3 + 1 + 1 + 1);
}

#[tokio::test]
async fn a_writer_that_ends_between_two_rows_leaves_those_before_and_the_next_completes_them() {
    let (whole, _committed) = store();
    whole.apply(batch()).await.unwrap();
    for row in 0..16 {
        let (store, mut committed) = store();
        let gate = Arc::new(CrashBefore { row, asked: Mutex::default() });
        let ended = store.with_gate(gate.clone()).apply(batch()).await;
        assert!(matches!(ended, Err(StorageError::CommitFailed(_))), "{ended:?}");
        assert_eq!(gate.asked.lock().len(), row + 1);
        let rows = store.rows();
        let written = rows.events.len()
            + rows.refs.len()
            + rows.heads.len()
            + rows.conversations.len()
            + rows.members.len()
            + rows.messages.len();
        // Handing out comes before the last step and writes no row.
        assert_eq!(written, row.min(14));
        assert_eq!(committed.try_recv().is_ok(), row == 15, "handed out after all rows");
        store.apply(batch()).await.unwrap();
        assert_eq!(store.rows(), whole.rows());
    }
}

#[tokio::test]
async fn two_owners_can_be_interleaved_row_by_row() {
    let (whole, _committed) = store();
    whole.apply(batch()).await.unwrap();
    let (store, _also_committed) = store();
    let gates = [0, 1]
        .map(|_| Arc::new(Stepwise { permits: Semaphore::new(0), passed: AtomicUsize::new(0) }));
    let mut owners = tokio::task::JoinSet::new();
    for gate in &gates {
        let owner = store.with_gate(gate.clone());
        owners.spawn(async move { owner.apply(batch()).await });
    }
    // The one is always some rows ahead of the other, which in the end overtakes it.
    for (owner, rows) in [(0, 6), (1, 3), (0, 2), (1, 9), (1, 4), (0, 8)] {
        let goal = gates[owner].passed.load(Ordering::Relaxed) + rows;
        gates[owner].permits.add_permits(rows);
        while gates[owner].passed.load(Ordering::Relaxed) < goal {
            tokio::task::yield_now().await;
        }
    }
    while let Some(done) = owners.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(store.rows(), whole.rows());
}
