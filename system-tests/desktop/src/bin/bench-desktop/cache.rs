//! A filled data folder, as the app finds it where it keeps its data.

use std::path::Path;

use anyhow::{Context, Result};
use client::secrets::{KeychainSecrets, Secrets};
use serde_json::Value;

/// Messages that an app has.
pub(crate) struct Cache {
    /// The profile of the app that has them.
    pub(crate) profile: &'static str,
    /// What `cache_speed` said of them.
    pub(crate) said: Value,
}

impl Cache {
    /// Put a folder where the app of this profile looks for its data, with a session in the keyring.
    pub(crate) async fn provide(profile: &'static str, folder: &Path) -> Result<Self> {
        let read = |name: &str| -> Result<Value> {
            let path = folder.join(name);
            let text = std::fs::read(&path).with_context(|| path.display().to_string())?;
            Ok(serde_json::from_slice(&text)?)
        };
        let service = format!("chat.kith.desktop.{profile}");
        let data = std::env::var_os("XDG_DATA_HOME").context("no folder for data")?;
        std::os::unix::fs::symlink(folder, Path::new(&data).join(&service))?;
        let app = read("kith.json")?;
        let account = app["account"].as_str().context("nobody is signed in there")?;
        // No server ever sees it.
        KeychainSecrets::default().put(&service, account, "a refresh token").await?;
        Ok(Self { profile, said: read("speed.json")? })
    }

    /// How many there are.
    pub(crate) fn messages(&self) -> &Value {
        &self.said["messages"]
    }

    /// The link to the newest message of the busiest conversation.
    pub(crate) fn newest(&self) -> Result<&str> {
        self.said["newest"].as_str().context("no link to a message")
    }
}
