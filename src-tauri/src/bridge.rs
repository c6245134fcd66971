//! The two commands of the page: `call` asks the client, `subscribe` hears from it. Which calls there
//! are, and what they take, is the client's table; nothing of it is repeated here.

use std::sync::Arc;
use std::time::Duration;

use client::api::{Answers, CallError, dispatch};
use client::view::Notification;
use parking_lot::Mutex;
use serde_json::Value;
use tauri::State;
use tauri::async_runtime::JoinHandle;
use tauri::ipc::Channel;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep_until, timeout_at};

/// The page draws no more often, so it is told no more often.
const FRAME: Duration = Duration::from_millis(16);
/// So much is told at once at most.
const MOST: usize = 256;

/// What the page reaches through its commands.
pub(crate) struct Bridge {
    answers: Arc<dyn Answers>,
    listen: Box<dyn Fn() -> Receiver<Notification> + Send + Sync>,
    /// What tells the page. A page that was loaded again subscribes again and takes its place.
    teller: Mutex<Option<JoinHandle<()>>>,
}

impl Bridge {
    /// A bridge to whatever answers the calls; `listen` gives notifications from now on.
    pub(crate) fn new(
        answers: Arc<dyn Answers>,
        listen: impl Fn() -> Receiver<Notification> + Send + Sync + 'static,
    ) -> Self {
        Self { answers, listen: Box::new(listen), teller: Mutex::new(None) }
    }
}

/// Ask the client.
#[tauri::command]
pub(crate) async fn call(
    bridge: State<'_, Bridge>,
    name: String,
    args: Value,
) -> Result<Value, CallError> {
    dispatch(&*bridge.answers, &name, args).await
}

/// Hear from the client from now on, in batches, in order.
#[tauri::command]
pub(crate) fn subscribe(bridge: State<'_, Bridge>, channel: Channel<Vec<Notification>>) {
    let feed = (bridge.listen)();
    let tell = move |batch| channel.send(batch).is_ok();
    let teller = tauri::async_runtime::spawn(forward(feed, tell));
    if let Some(before) = bridge.teller.lock().replace(teller) {
        before.abort();
    }
}

/// Pass notifications on: at once after a pause, else together with all that come until the next
/// frame. Ends when nothing more can come, or nobody hears it.
async fn forward(
    mut feed: Receiver<Notification>,
    mut tell: impl FnMut(Vec<Notification>) -> bool + Send,
) {
    let mut next = Instant::now();
    while let Some(first) = feed.recv().await {
        let mut batch = vec![first];
        while batch.len() < MOST
            && let Ok(Some(more)) = timeout_at(next, feed.recv()).await
        {
            batch.push(more);
        }
        sleep_until(next).await;
        if !tell(batch) {
            return;
        }
        next = Instant::now() + FRAME;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    fn idle(idle: bool) -> Notification {
        Notification::Idle { idle }
    }

    /// Everything that the page was told, each batch with the time since the beginning.
    async fn told(feed: Receiver<Notification>, most: usize) -> Vec<(Duration, Vec<Notification>)> {
        let began = Instant::now();
        let mut told = Vec::new();
        forward(feed, |batch| {
            told.push((began.elapsed(), batch));
            told.len() < most
        })
        .await;
        told
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_is_told_at_once_and_a_burst_in_one_batch_a_frame_later() {
        let (send, feed) = mpsc::channel(8);
        tokio::spawn(async move {
            for one in [true, false, true] {
                send.send(idle(one)).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let told = told(feed, usize::MAX).await;
        assert_eq!(told[0], (Duration::ZERO, vec![idle(true)]));
        assert_eq!(told[1], (FRAME, vec![idle(false), idle(true)]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_has_a_largest_size_and_nothing_is_lost() {
        let (send, feed) = mpsc::channel(2000);
        for n in 0..1000 {
            send.send(idle(n % 2 == 0)).await.unwrap();
        }
        drop(send);
        let told = told(feed, usize::MAX).await;
        assert!(told.iter().all(|(_, batch)| batch.len() <= MOST));
        let all: Vec<_> = told.into_iter().flat_map(|(_, batch)| batch).collect();
        assert_eq!(all, (0..1000).map(|n| idle(n % 2 == 0)).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_is_gone_is_told_nothing_more() {
        let (send, feed) = mpsc::channel(8);
        send.send(idle(true)).await.unwrap();
        assert_eq!(told(feed, 1).await.len(), 1);
        assert!(send.is_closed());
    }
}
