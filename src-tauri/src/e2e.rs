//! What automated tests may fix from outside, in a build with the feature `e2e`; without it nothing of
//! this is in the app. `docs/qa.md` lists it.

use std::path::PathBuf;

/// The folder with everything of this app, instead of the system's.
pub(crate) fn data() -> Option<PathBuf> {
    variable("KITH_E2E_DATA")
}

/// The file that notifications go to, instead of the screen.
pub(crate) fn notifications() -> Option<PathBuf> {
    variable("KITH_E2E_NOTIFICATIONS")
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
