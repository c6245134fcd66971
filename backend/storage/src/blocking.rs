//! Where blocking work runs.

use std::time::Duration;

/// In production blocking work runs on threads of its own; in a simulated world it runs inline, so
/// that one thread and one seed give one trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocking {
    /// On tokio's blocking threads.
    Threads,
    /// Here and now.
    Inline,
    /// Here, after this long: a simulated disk that takes its time.
    After(Duration),
}

impl Blocking {
    /// Run `work` and wait for it.
    ///
    /// # Panics
    /// When `work` panics.
    pub async fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> T {
        match self {
            Self::Inline => work(),
            Self::After(time) => {
                tokio::time::sleep(time).await;
                work()
            }
            Self::Threads => match tokio::task::spawn_blocking(work).await {
                Ok(value) => value,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // Blocking work is only cancelled when the runtime ends, and we with it.
                    Err(_) => std::future::pending().await,
                },
            },
        }
    }
}
