//! Nodes whose clocks are an hour apart: clocks are for display, so nothing else may notice.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::roll::{self, Rolled};
use crate::place::Different;

/// What gives a program another time of day. From Debian's package `faketime`.
const LIBRARY: &str = "faketime/libfaketime.so.1";
/// Where libraries are.
const FOLDERS: &[&str] = &["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"];

/// One roll of three nodes, one of which is an hour ahead and another an hour behind, so that work and
/// people go from each to each, with access tokens that are good for an hour.
///
/// # Errors
/// As [`roll::play`].
pub async fn play(folder: &Path) -> Result<Rolled> {
    let library = library()?.display().to_string();
    let clock = |offset: &str| {
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            set("LD_PRELOAD", &library),
            set("FAKETIME", offset),
            set("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            set("DONT_FAKE_MONOTONIC", "1"),
        ]
    };
    let different = Different {
        variables: vec![("KITH__AUTH__ACCESS_SECONDS".into(), "3600".into())],
        each: [Vec::new(), clock("+3600"), clock("-3600")],
        ..Different::default()
    };
    roll::play(folder, 1, different).await
}

fn library() -> Result<PathBuf> {
    let mut all = FOLDERS.iter().map(|folder| Path::new(folder).join(LIBRARY));
    all.find(|path| path.exists()).context("libfaketime is missing: cargo xtask setup installs it")
}
