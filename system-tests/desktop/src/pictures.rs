//! Where pictures of the windows are left.

use std::path::PathBuf;

use anyhow::Result;
use programs::build_folder;

/// Where pictures of a purpose are left: `target/screenshots/PURPOSE`.
///
/// # Errors
/// When the folder cannot be made.
pub fn pictures(purpose: &str) -> Result<PathBuf> {
    let folder = build_folder()?.with_file_name("screenshots").join(purpose);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
