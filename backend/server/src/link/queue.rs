//! A bounded queue in one direction of a link. What does not fit ends the link: its reader is too far
//! behind, and everybody whom it serves begins anew.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Most messages that wait.
const MESSAGES: usize = 16 * 1024;
/// Most bytes that wait.
const BYTES: usize = 16 * 1024 * 1024;

/// One direction of a link.
pub struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    /// Woken when something was queued, or nothing will be any more.
    filled: Notify,
}

struct Waiting<T> {
    messages: VecDeque<T>,
    bytes: usize,
    ended: bool,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        let waiting = Waiting { messages: VecDeque::new(), bytes: 0, ended: false };
        Self { waiting: Mutex::new(waiting), filled: Notify::new() }
    }
}

impl<T> Waiting<T> {
    fn end(&mut self) {
        *self = Self { messages: VecDeque::new(), bytes: 0, ended: true };
    }
}

impl<T> Queue<T> {
    /// Queue a message of about so many bytes. `false` when the queue has ended, as it does when
    /// there is no room.
    pub fn push(&self, message: T, bytes: usize) -> bool {
        let mut waiting = self.waiting.lock();
        let fits = waiting.messages.len() < MESSAGES && waiting.bytes + bytes <= BYTES;
        if !waiting.ended && fits {
            waiting.messages.push_back(message);
            waiting.bytes += bytes;
        } else {
            waiting.end();
        }
        let goes_on = !waiting.ended;
        drop(waiting);
        self.filled.notify_one();
        goes_on
    }

    /// Everything that waits; waits until there is something. `None` when the queue has ended.
    pub async fn take(&self) -> Option<VecDeque<T>> {
        loop {
            {
                let mut waiting = self.waiting.lock();
                if waiting.ended {
                    return None;
                }
                if !waiting.messages.is_empty() {
                    waiting.bytes = 0;
                    return Some(std::mem::take(&mut waiting.messages));
                }
            }
            self.filled.notified().await;
        }
    }

    /// Nothing goes through it any more.
    pub fn end(&self) {
        self.waiting.lock().end();
        self.filled.notify_one();
    }

    /// Whether more than half of it is taken: who can wait a moment should.
    pub fn is_crowded(&self) -> bool {
        let waiting = self.waiting.lock();
        waiting.messages.len() > MESSAGES / 2 || waiting.bytes > BYTES / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_come_in_order_and_what_does_not_fit_ends_the_queue() {
        let queue = Queue::default();
        assert!(queue.push(1, 10) && queue.push(2, BYTES / 2));
        assert!(queue.is_crowded());
        assert_eq!(queue.take().await, Some(VecDeque::from([1, 2])));
        assert!(!queue.is_crowded(), "what was taken makes room");
        assert!(queue.push(3, BYTES));
        assert!(!queue.push(4, 1), "there is no room");
        assert_eq!(queue.take().await, None, "and nothing of it goes through any more");
        assert!(!queue.push(5, 1));
    }

    #[tokio::test]
    async fn many_small_messages_end_it_too() {
        let queue = Queue::default();
        let taken = (0..=MESSAGES).filter(|n| queue.push(*n, 1)).count();
        assert_eq!(taken, MESSAGES);
    }
}
