//! Keeps the load generator awake. Waking a thread that sleeps costs whoever wakes it, and on one machine
//! that is the server, with every frame that it sends. Clients on other machines cost it nothing of the
//! kind, so those here never sleep while they measure. How much of the time goes by with turning round
//! then says how busy the load generator is.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

/// How long an idle load generator is watched before it measures.
const WATCHED: Duration = Duration::from_millis(300);

/// A task that does nothing, again and again.
pub(crate) struct Spin {
    turns: Rc<Cell<u64>>,
    /// Turns a second when there is nothing else to do.
    idle: f64,
    task: AbortHandle,
}

impl Spin {
    /// Begin; nothing else may go on until it has begun.
    pub(crate) async fn begin() -> Self {
        let turns: Rc<Cell<u64>> = Rc::default();
        let counted = turns.clone();
        let spinning = tokio::task::spawn_local(async move {
            loop {
                counted.set(counted.get() + 1);
                tokio::task::yield_now().await;
            }
        });
        let mut spin = Self { turns, idle: 0.0, task: spinning.abort_handle() };
        let (mark, began) = (spin.mark(), Instant::now());
        sleep(WATCHED).await;
        spin.idle = (spin.mark() - mark) as f64 / began.elapsed().as_secs_f64();
        spin
    }

    /// The turns so far.
    pub(crate) fn mark(&self) -> u64 {
        self.turns.get()
    }

    /// The share of this time, which began at `mark`, in which there was something to do.
    pub(crate) fn busy(&self, mark: u64, time: Duration) -> f64 {
        let turns = (self.mark() - mark) as f64 / time.as_secs_f64();
        (1.0 - turns / self.idle).clamp(0.0, 1.0)
    }
}

impl Drop for Spin {
    fn drop(&mut self) {
        self.task.abort();
    }
}
