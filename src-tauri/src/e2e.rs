//! What automated tests may fix from outside, in a build with the feature `e2e`; without it nothing of
//! this is in the app. `docs/qa.md` lists it.

use std::ffi::OsString;
use std::path::PathBuf;

/// The folder with everything of this app, instead of the system's.
pub(crate) fn data() -> Option<PathBuf> {
    variable("KITH_E2E_DATA").map(PathBuf::from)
}

/// The file that notifications go to, instead of the screen.
pub(crate) fn notifications() -> Option<PathBuf> {
    variable("KITH_E2E_NOTIFICATIONS").map(PathBuf::from)
}

/// The file with the refresh tokens, instead of the keychain.
pub(crate) fn secrets() -> Option<PathBuf> {
    variable("KITH_E2E_SECRETS").map(PathBuf::from)
}

/// Where the clock stands, in milliseconds since 1970, instead of the computer's.
pub(crate) fn now() -> Option<i64> {
    text("KITH_E2E_NOW")?.parse().ok()
}

/// What a new page finds before it begins: the clock, and the address that the sign-in proposes.
pub(crate) fn page() -> String {
    let now = now().map(|now| format!("Date.now = () => {now};"));
    let server = text("KITH_E2E_SERVER").map(|address| {
        let address = serde_json::Value::from(address);
        format!("localStorage.setItem('kith.server', {address});")
    });
    [now, server].into_iter().flatten().collect()
}

fn text(name: &str) -> Option<String> {
    variable(name)?.into_string().ok()
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
