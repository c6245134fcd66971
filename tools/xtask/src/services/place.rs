//! Where a service keeps what it writes, under `target/services`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Service;

/// The folder of one service.
pub(super) struct Place {
    folder: PathBuf,
}

impl Place {
    pub(super) fn of(root: &Path, service: &Service) -> Self {
        Self { folder: all(root).join(service.name) }
    }

    #[cfg(test)]
    pub(super) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Made when it is not there.
    pub(super) fn make(&self) -> Result<()> {
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot make {}", self.folder.display()))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Which process it is.
    pub(super) fn pid_file(&self) -> PathBuf {
        self.folder.join("pid")
    }

    /// What it printed since its last start.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// What it stored.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Write a configuration file whose `{data}` and `{node}` are filled in.
    pub(super) fn write(&self, name: &str, text: &str, service: &Service) -> Result<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, self.filled(text, service))?;
        Ok(path)
    }

    pub(super) fn filled(&self, text: &str, service: &Service) -> String {
        text.replace("{data}", &self.data().display().to_string())
            .replace("{node}", &service.node.to_string())
    }
}

/// The folder of all of them.
pub(super) fn all(root: &Path) -> PathBuf {
    root.join("target/services")
}
