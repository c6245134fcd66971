//! Notifications in batches, for whoever paints them: a window's page, or one in a browser. A screen
//! draws only so often, so a burst is told at once.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::view::Notification;

/// A page draws no more often, so it is told no more often.
const FRAME: Duration = Duration::from_millis(16);
/// So much is told at once at most.
const MOST: usize = 256;

/// What a subscriber hears, in batches and in order.
pub struct Batches {
    feed: Receiver<Notification>,
    /// What the next batch has already.
    begun: Vec<Notification>,
    /// The next frame; no batch ends before it.
    frame: Instant,
}

impl Batches {
    /// What comes out of `feed` from now on.
    #[must_use]
    pub fn new(feed: Receiver<Notification>) -> Self {
        Self { feed, begun: Vec::new(), frame: Instant::now() }
    }

    /// The next batch, of at least one: at once after a pause, else together with all that comes
    /// until the next frame. `None` when nothing more can come. Whoever stops waiting for it loses
    /// nothing: what came meanwhile is in the next batch.
    pub async fn next(&mut self) -> Option<Vec<Notification>> {
        if self.begun.is_empty() {
            self.begun.push(self.feed.recv().await?);
        }
        while self.begun.len() < MOST
            && let Ok(Some(more)) = timeout_at(self.frame, self.feed.recv()).await
        {
            self.begun.push(more);
        }
        sleep_until(self.frame).await;
        self.frame = Instant::now() + FRAME;
        Some(std::mem::take(&mut self.begun))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;
    use tokio::time::{sleep, timeout};

    fn idle(idle: bool) -> Notification {
        Notification::Idle { idle }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_is_told_at_once_and_a_burst_in_one_batch_a_frame_later() {
        let (send, feed) = mpsc::channel(8);
        tokio::spawn(async move {
            for one in [true, false, true] {
                send.send(idle(one)).await.unwrap();
                sleep(Duration::from_millis(1)).await;
            }
        });
        let began = Instant::now();
        let mut batches = Batches::new(feed);
        assert_eq!(batches.next().await, Some(vec![idle(true)]));
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(batches.next().await, Some(vec![idle(false), idle(true)]));
        assert_eq!(began.elapsed(), FRAME);
        assert_eq!(batches.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_has_a_largest_size_and_nothing_is_lost() {
        let (send, feed) = mpsc::channel(2000);
        let sent: Vec<_> = (0..1000).map(|n| idle(n % 2 == 0)).collect();
        for one in &sent {
            send.send(one.clone()).await.unwrap();
        }
        drop(send);
        let mut batches = Batches::new(feed);
        let mut all = Vec::new();
        while let Some(batch) = batches.next().await {
            assert!((1..=MOST).contains(&batch.len()));
            all.extend(batch);
        }
        assert_eq!(all, sent);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_stops_waiting_for_a_batch_loses_nothing() {
        let (send, feed) = mpsc::channel(8);
        let mut batches = Batches::new(feed);
        send.send(idle(true)).await.unwrap();
        assert_eq!(batches.next().await, Some(vec![idle(true)]));
        send.send(idle(false)).await.unwrap();
        assert!(timeout(FRAME / 2, batches.next()).await.is_err(), "it was told before its frame");
        send.send(idle(true)).await.unwrap();
        assert_eq!(batches.next().await, Some(vec![idle(false), idle(true)]));
    }
}
