//! What happens by itself: a backup every day, and forgetting what nobody needs any more.

use std::time::{Duration, UNIX_EPOCH};

use protocol::Millis;

use crate::app::App;

/// How often to look what is due.
const EVERY: Duration = Duration::from_secs(60 * 60);
const DAY: Millis = 24 * 60 * 60 * 1_000;
/// A `client_ref` is remembered at least this long.
const REFS: Millis = 90 * DAY;
/// A session that is not used for this long is over.
const SESSIONS: Millis = 90 * DAY;

/// Look every hour, the first time an hour after the start. Never returns.
pub async fn run(app: App) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = round(&app).await {
            tracing::error!("upkeep failed and will be tried again: {error:#}");
        }
    }
}

/// Do what is due.
///
/// # Errors
/// When the store cannot do it.
pub async fn round(app: &App) -> anyhow::Result<()> {
    let now = app.environment.now();
    let sessions = app.stores.sessions.prune(now - SESSIONS).await?;
    let mut refs = 0;
    loop {
        // A few thousand a call, so that messages get their turn in between.
        match app.stores.fold.prune_refs(now - REFS).await? {
            0 => break,
            some => refs += some,
        }
    }
    tracing::debug!(sessions, refs, "forgotten");
    let folder = app.config.server.data.clone();
    let backup = app.environment.blocking.run(move || back_up_daily(&folder, now));
    if let Some(path) = backup.await? {
        tracing::info!(path = %path.display(), "backed up");
    }
    Ok(())
}

/// Make a backup unless there is one of the last day.
fn back_up_daily(
    folder: &std::path::Path,
    now: Millis,
) -> anyhow::Result<Option<std::path::PathBuf>> {
    if let Some(newest) = storage::sqlite::backups(folder).pop() {
        let made = std::fs::metadata(&newest)?.modified()?.duration_since(UNIX_EPOCH)?;
        if now - Millis::try_from(made.as_millis())? < DAY {
            return Ok(None);
        }
    }
    Ok(Some(storage::sqlite::backup(folder, now)?))
}
