//! How the client of this app begins: where it keeps what it knows, and what it starts with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use client::connect::Network;
use client::secrets::{KeychainSecrets, Secrets};
use client::{Client, Environment, Options};
use tauri::{AppHandle, Manager};

/// The folder with everything of this profile: databases, and what the web view keeps.
///
/// # Errors
/// When the system names none.
pub(crate) fn folder(app: &AppHandle) -> Result<PathBuf> {
    #[cfg(feature = "e2e")]
    if let Some(folder) = crate::e2e::data() {
        return Ok(folder);
    }
    app.path().app_data_dir().context("the system names no folder for the data of apps")
}

/// Start the client over what stands in the folder. Refresh tokens are kept in the system's
/// keychain, under the identifier of this profile.
///
/// # Errors
/// When the folder cannot be used, or another program has it open.
pub(crate) async fn client(identifier: String, folder: &Path) -> Result<Client> {
    let options = Options {
        data: folder.to_owned(),
        environment: environment(),
        connector: Arc::new(Network::new().context("the network cannot be set up")?),
        secrets: secrets(),
        service: identifier,
        device_name: device_name(),
        platform: std::env::consts::OS.to_owned(),
    };
    let shown = folder.display();
    Client::start(options).await.with_context(|| format!("{shown} cannot be used"))
}

fn secrets() -> Arc<dyn Secrets> {
    #[cfg(feature = "e2e")]
    if let Some(file) = crate::e2e::secrets() {
        return Arc::new(client::secrets::FileSecrets::new(file));
    }
    Arc::new(KeychainSecrets::default())
}

/// Time, randomness and threads, of this computer.
fn environment() -> Environment {
    #[cfg(feature = "e2e")]
    if let Some(now) = crate::e2e::now() {
        return Environment::system().with_clock(Arc::new(move || now));
    }
    Environment::system()
}

/// What the list of sessions calls this computer.
fn device_name() -> String {
    let name = gethostname::gethostname().to_string_lossy().trim().to_owned();
    if name.is_empty() { "computer".to_owned() } else { name }
}
