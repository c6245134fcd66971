//! `kith.json`: this installed app, its settings, and which account is current. It is read before
//! anything else, and replaced as a whole.

use std::io::Write;
use std::path::{Path, PathBuf};

use protocol::{DeviceId, UserId};
use serde::{Deserialize, Serialize};

use super::{StoreError, file_error};
use crate::environment::Environment;
use crate::view::{Appearance, Notify, Settings};

/// What the file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// This installed app.
    pub device: DeviceId,
    /// Its settings.
    #[serde(default = "default_settings")]
    pub settings: Settings,
    /// The folder under `accounts` of who is signed in.
    #[serde(default)]
    pub account: Option<String>,
}

/// The file, with what it holds.
pub struct ProfileFile {
    data: PathBuf,
    /// As it is stored.
    pub profile: Profile,
}

impl ProfileFile {
    /// Read the file in the data folder, making both if they are not there; only its owner can read
    /// a folder that is made. A file that does not read is kept aside; of several accounts none is
    /// current then, a single one is.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn open(data: &Path, environment: &Environment) -> Result<Self, StoreError> {
        make_private(&data.join("accounts")).map_err(file_error(data))?;
        let path = data.join("kith.json");
        let read = match std::fs::read(&path) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(file_error(&path)(error)),
        };
        let profile = match read {
            Some(Ok(profile)) => return Ok(Self { data: data.to_owned(), profile }),
            Some(Err(error)) => {
                tracing::warn!(%error, "kith.json is set aside");
                let aside = data.join("kith.json.damaged");
                std::fs::rename(&path, aside).map_err(file_error(&path))?;
                Profile { account: only_account(data), ..Profile::new(environment) }
            }
            None => Profile::new(environment),
        };
        let mut file = Self { data: data.to_owned(), profile };
        file.save(file.profile.clone())?;
        Ok(file)
    }

    /// Replace the file.
    ///
    /// # Errors
    /// When it cannot be written; then the old one stays.
    pub fn save(&mut self, profile: Profile) -> Result<(), StoreError> {
        let path = self.data.join("kith.json");
        replace(&path, &serde_json::to_vec_pretty(&profile)?).map_err(file_error(&path))?;
        self.profile = profile;
        Ok(())
    }

    /// Where an account's files are.
    #[must_use]
    pub fn account_path(&self, folder: &str) -> PathBuf {
        self.data.join("accounts").join(folder)
    }
}

impl Profile {
    fn new(environment: &Environment) -> Self {
        Self { device: environment.device_id(), settings: default_settings(), account: None }
    }
}

/// The name of an account's folder: the server's host and port, and the user.
#[must_use]
pub fn account_folder(address: &str, user: UserId) -> String {
    let host = address.rsplit("://").next().unwrap_or_default();
    let host: String =
        host.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).collect();
    format!("{host}-{user}")
}

/// Write a file so that there is always the old or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    std::fs::rename(&new, path)
}

/// Make a folder, and those above it that are not there. Messages are in it, so it is its owner's only.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn only_account(data: &Path) -> Option<String> {
    let mut folders = std::fs::read_dir(data.join("accounts")).ok()?.flatten();
    let first = folders.next()?.file_name().into_string().ok()?;
    folders.next().is_none().then_some(first)
}

fn default_settings() -> Settings {
    Settings {
        appearance: Appearance::System,
        notify: Notify::All,
        notify_content: true,
        language: String::new(),
        typing: true,
        autostart: false,
        close_to_tray: true,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_data_folder_that_is_made_can_be_read_by_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("programs/kith");
        ProfileFile::open(&data, &Environment::system()).unwrap();
        for made in [folder.path().join("programs"), data.clone(), data.join("accounts")] {
            let mode = std::fs::metadata(&made).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", made.display());
        }
    }
}
