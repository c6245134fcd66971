//! The end of the app. Everything is on the disk already, so it may take a moment to close in good
//! order, and never more than that.

use std::time::Duration;

use client::Client;
use tauri::async_runtime::block_on;
use tauri::{AppHandle, Manager};
use tokio::time::timeout;

use crate::desk::Desk;
use crate::notifications::Notifications;

/// So long good order may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// After this the app ends in any case: a hung program that cannot be quit is the worst of all.
const LONGEST: Duration = Duration::from_secs(5);

/// End the app.
pub(crate) fn quit(app: &AppHandle) {
    if let Some(desk) = app.try_state::<Desk>() {
        if !desk.ends() {
            return;
        }
        std::thread::spawn(|| {
            std::thread::sleep(LONGEST);
            tracing::error!("the app did not end in good order");
            std::process::exit(0);
        });
    }
    app.exit(0);
}

/// The event loop is over: close what is open.
pub(crate) fn close(app: &AppHandle) {
    let closing = async {
        // A notification that leads nowhere any more should not stay on the screen.
        if let Some(notifications) = app.try_state::<Notifications>() {
            notifications.withdraw_all().await;
        }
        if let Some(client) = app.try_state::<Client>() {
            client.shutdown().await;
        }
    };
    if block_on(async { timeout(PATIENCE, closing).await }).is_err() {
        tracing::warn!("something did not close in time");
    }
}

/// A session that ends, or a terminal, asks the app to end: that is a quit like any other.
#[cfg(unix)]
pub(crate) async fn on_request(app: AppHandle) {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    let mut waiting = tokio::task::JoinSet::new();
    for kind in signals {
        match signal(kind) {
            Ok(mut asked) => {
                waiting.spawn(async move { asked.recv().await });
            }
            Err(error) => tracing::warn!(%error, "a signal of the system is not heard"),
        }
    }
    if waiting.join_next().await.is_some() {
        quit(&app);
    }
}
