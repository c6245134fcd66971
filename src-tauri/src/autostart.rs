//! Whether the app starts when the person signs in to the computer. The system keeps that; the
//! setting follows it, since a system has a place of its own where people switch such things off.

use client::Client;
use client::api::Answers;
use tauri::plugin::TauriPlugin;
use tauri::{AppHandle, Wry};
use tauri_plugin_autostart::ManagerExt;

use crate::profile::{self, Profile};

/// The plugin, for this profile: each has an entry of its own, which starts it without a window.
pub(crate) fn plugin(profile: Option<&Profile>) -> TauriPlugin<Wry> {
    let mut builder = tauri_plugin_autostart::Builder::new().app_name(profile::title(profile));
    if let Some(profile) = profile {
        builder = builder.args(["--profile", profile.as_str()]);
    }
    builder.arg("--hidden").build()
}

/// At the start: what the system says counts. An entry that is there is written anew, since the app
/// may have moved.
pub(crate) async fn take_over(app: &AppHandle, client: &Client) {
    let there = match app.autolaunch().is_enabled() {
        Ok(there) => there,
        Err(error) => {
            tracing::warn!(%error, "whether the app starts by itself is not known");
            return;
        }
    };
    if there && let Err(error) = app.autolaunch().enable() {
        tracing::warn!(%error, "the entry that starts the app stays as it was");
    }
    set(client, there).await;
}

/// The person has changed the setting. If the system does not let it, the setting goes back.
pub(crate) async fn change(app: &AppHandle, client: &Client, on: bool) {
    let system = app.autolaunch();
    let changed = if on { system.enable() } else { system.disable() };
    if let Err(error) = changed {
        tracing::warn!(%error, on, "the system does not let the app start by itself, or not");
        set(client, !on).await;
    }
}

async fn set(client: &Client, autostart: bool) {
    let settings = client.settings();
    if settings.autostart == autostart {
        return;
    }
    let settings = client::view::Settings { autostart, ..settings };
    if let Err(error) = client.change_settings(settings).await {
        tracing::warn!(detail = error.detail, "the setting cannot be kept");
    }
}
