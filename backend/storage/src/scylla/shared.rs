//! Reads of a hot conversation, made once for all who ask at the same time.
//!
//! Whoever asks while a read of the same thing is under way waits for the *next* one and shares that with
//! all others who came meanwhile. So nobody is ever given an answer that was begun before they asked,
//! and what was acknowledged to somebody before they asked is always in it.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::{Result, StorageError};

/// The answer of one read, for all who wait for it.
type Answer<V> = Arc<OnceCell<Result<V>>>;

/// What is under way for one key.
struct Line<V> {
    /// Held by who reads.
    turn: tokio::sync::Mutex<()>,
    /// What those who come now will get.
    next: Mutex<Answer<V>>,
}

impl<V> Line<V> {
    /// Whoever comes from here on is too late for this read.
    fn begins(&self, answer: &Answer<V>) {
        let mut next = self.next.lock();
        if Arc::ptr_eq(&next, answer) {
            *next = Answer::default();
        }
    }
}

/// Reads of one kind by their key.
pub(super) struct Shared<K: Eq + Hash + Clone, V> {
    lines: Mutex<HashMap<K, Arc<Line<V>>>>,
}

impl<K: Eq + Hash + Clone, V> Default for Shared<K, V> {
    fn default() -> Self {
        Self { lines: Mutex::default() }
    }
}

/// Somebody who waits; the line goes with the last of them, also when they give up.
struct Waiter<'s, K: Eq + Hash + Clone, V> {
    shared: &'s Shared<K, V>,
    key: K,
    line: Arc<Line<V>>,
}

impl<K: Eq + Hash + Clone, V> Drop for Waiter<'_, K, V> {
    fn drop(&mut self) {
        let mut lines = self.shared.lines.lock();
        // Those in the map and in this waiter.
        if Arc::strong_count(&self.line) == 2 {
            lines.remove(&self.key);
        }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Shared<K, V> {
    /// The answer of a read that begins after this call.
    ///
    /// # Errors
    /// Those of the read, to all who share it.
    pub(super) async fn read<F: Future<Output = Result<V>>>(
        &self,
        key: K,
        read: impl FnOnce() -> F,
    ) -> Result<V> {
        let line = {
            let new =
                || Arc::new(Line { turn: tokio::sync::Mutex::default(), next: Mutex::default() });
            self.lines.lock().entry(key.clone()).or_insert_with(new).clone()
        };
        let waiter = Waiter { shared: self, key, line };
        let line = &*waiter.line;
        let answer = line.next.lock().clone();
        let begin = async || {
            let _turn = line.turn.lock().await;
            line.begins(&answer);
            read().await
        };
        match answer.get_or_init(begin).await {
            Ok(value) => Ok(value.clone()),
            Err(error) => Err(again(error)),
        }
    }
}

/// The same error for the next who shares the read.
fn again(error: &StorageError) -> StorageError {
    match error {
        StorageError::Damaged { conversation, seq } => {
            StorageError::Damaged { conversation: *conversation, seq: *seq }
        }
        other => StorageError::Unavailable(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    /// Counts reads, each of which waits for a permit.
    struct Slow {
        shared: Shared<u8, u32>,
        begun: AtomicU32,
        permits: Semaphore,
    }

    impl Slow {
        fn new() -> Arc<Self> {
            let (shared, begun) = (Shared::default(), AtomicU32::new(0));
            Arc::new(Self { shared, begun, permits: Semaphore::new(0) })
        }

        fn ask(self: &Arc<Self>) -> tokio::task::JoinHandle<Result<u32>> {
            let slow = self.clone();
            tokio::spawn(async move {
                let read = async || {
                    let number = slow.begun.fetch_add(1, Ordering::Relaxed) + 1;
                    slow.permits.acquire().await.unwrap().forget();
                    match number {
                        13 => Err(StorageError::Unavailable("unlucky".into())),
                        number => Ok(number),
                    }
                };
                slow.shared.read(7, read).await
            })
        }

        /// Everybody goes as far as they can: there is one thread.
        async fn settle(&self) {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn who_comes_while_a_read_runs_shares_the_next_one() {
        let slow = Slow::new();
        let first = slow.ask();
        slow.settle().await;
        let later: Vec<_> = (0..5).map(|_| slow.ask()).collect();
        slow.settle().await;
        assert_eq!(slow.begun.load(Ordering::Relaxed), 1, "the others wait");
        slow.permits.add_permits(1);
        assert_eq!(first.await.unwrap().unwrap(), 1);
        slow.settle().await;
        // The second runs: who comes now gets a third.
        let last = slow.ask();
        slow.settle().await;
        slow.permits.add_permits(2);
        for one in later {
            assert_eq!(one.await.unwrap().unwrap(), 2);
        }
        assert_eq!(last.await.unwrap().unwrap(), 3);
        assert!(slow.shared.lines.lock().is_empty(), "nothing is kept");
    }

    #[tokio::test]
    async fn who_gives_up_takes_nobody_along() {
        let slow = Slow::new();
        let first = slow.ask();
        slow.settle().await;
        let (second, third) = (slow.ask(), slow.ask());
        slow.settle().await;
        first.abort();
        slow.settle().await;
        second.abort();
        slow.settle().await;
        slow.permits.add_permits(9);
        assert!(third.await.unwrap().is_ok());
        slow.settle().await;
        assert!(slow.shared.lines.lock().is_empty(), "nothing is kept");
    }

    #[tokio::test]
    async fn an_error_goes_to_all_who_share_the_read_and_to_nobody_else() {
        let slow = Slow::new();
        slow.begun.store(11, Ordering::Relaxed);
        let first = slow.ask();
        slow.settle().await;
        let unlucky = [slow.ask(), slow.ask()];
        slow.settle().await;
        slow.permits.add_permits(2);
        assert_eq!(first.await.unwrap().unwrap(), 12);
        for one in unlucky {
            assert!(one.await.unwrap().unwrap_err().to_string().contains("unlucky"));
        }
        slow.permits.add_permits(1);
        assert_eq!(slow.ask().await.unwrap().unwrap(), 14);
    }
}
