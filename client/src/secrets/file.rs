//! Secrets in a file that only its owner can read: for bots and tests, which have no keychain and
//! whose operators chose this.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::{Secrets, SecretsError};

/// A file of secrets, readable by its owner only.
pub struct FileSecrets {
    path: PathBuf,
    /// One change at a time: each reads and replaces the whole file.
    changing: Mutex<()>,
}

type All = BTreeMap<String, BTreeMap<String, String>>;

impl FileSecrets {
    /// The file at `path`; made when something is first kept.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), changing: Mutex::new(()) }
    }

    fn read(&self) -> Result<All, SecretsError> {
        match std::fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(failed),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(All::new()),
            Err(error) => Err(failed(error)),
        }
    }

    fn change(&self, change: impl FnOnce(&mut All)) -> Result<(), SecretsError> {
        let _one = self.changing.lock();
        let mut all = self.read()?;
        change(&mut all);
        write(&self.path, &serde_json::to_vec(&all).map_err(failed)?).map_err(failed)
    }
}

#[async_trait::async_trait]
impl Secrets for FileSecrets {
    async fn get(&self, service: &str, account: &str) -> Result<Option<String>, SecretsError> {
        Ok(self.read()?.get(service).and_then(|accounts| accounts.get(account)).cloned())
    }

    async fn put(&self, service: &str, account: &str, secret: &str) -> Result<(), SecretsError> {
        self.change(|all| {
            let accounts = all.entry(service.to_owned()).or_default();
            accounts.insert(account.to_owned(), secret.to_owned());
        })
    }

    async fn delete(&self, service: &str, account: &str) -> Result<(), SecretsError> {
        self.change(|all| {
            if let Some(accounts) = all.get_mut(service) {
                accounts.remove(account);
            }
        })
    }
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    // An older half-written file may have other rights.
    let _ = std::fs::remove_file(&new);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    std::fs::rename(&new, path)
}

fn failed(error: impl std::fmt::Display) -> SecretsError {
    SecretsError(error.to_string())
}
