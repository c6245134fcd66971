//! Waiting for what a screen, a bus or a server shows, which nobody can be told of.

use std::time::Duration;

use anyhow::{Result, bail};
use programs::PATIENCE;
use tokio::time::{Instant, sleep};

/// Wait until something holds.
///
/// # Errors
/// When it does not hold within [`PATIENCE`]; `what` says what was waited for.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await? {
        if Instant::now() > deadline {
            bail!("waited for {what}");
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
