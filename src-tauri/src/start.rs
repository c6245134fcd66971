//! How the client of this app begins: where it keeps what it knows, and what it starts with.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tauri::{AppHandle, Manager};

use crate::bridge::Bridge;

/// The folder with everything of this profile: databases, and what the web view keeps.
///
/// # Errors
/// When the system names none.
pub(crate) fn folder(app: &AppHandle) -> Result<PathBuf> {
    app.path().app_data_dir().context("the system names no folder for the data of apps")
}

/// The client of this profile behind its bridge, signed in as `sign_in_from` says.
///
/// # Errors
/// Always, until the crate `client` has the `Client` that answers its calls: here it is started with
/// the keychain under this profile's identifier, signed in with `sign_in::sign_in_from`, and handed to
/// [`Bridge::new`] with its stream of notifications.
pub(crate) fn client(_folder: &Path, _sign_in_from: Option<&Path>) -> Result<Bridge> {
    bail!("this build has no client yet")
}
