//! How a closed window gives its memory back. Libraries of a web view that were loaded once stay, and
//! a helper program of it too: more than twice what the app itself takes. So when its window is closed
//! the app begins anew in the same process, without one. All that matters is on the disk, and what
//! comes meanwhile comes with the next answer to `hello`.

use std::ffi::OsString;
use std::path::PathBuf;

use client::Client;
use client::api::{Answers, Nothing};
use parking_lot::Mutex;
use tauri::async_runtime::block_on;
use tauri::{AppHandle, Manager};

/// What the app begins anew with, when it ends.
#[derive(Default)]
pub(crate) struct Anew(Mutex<Option<Start>>);

/// A start.
struct Start {
    program: PathBuf,
    arguments: Vec<OsString>,
}

/// Let the app begin anew when it ends, without a window. `tell`: say then that it goes on. Whether
/// that can be done; if not, the app has to go on as it is.
pub(crate) fn prepare(app: &AppHandle, profile: Option<&str>, tell: bool) -> bool {
    if !cfg!(target_os = "linux") || holds_the_only_session(app) {
        return false;
    }
    // The program's file is gone when a newer version was installed meanwhile.
    let Some(program) = std::env::current_exe().ok().filter(|program| program.exists()) else {
        return false;
    };
    let mut arguments: Vec<OsString> = Vec::new();
    if let Some(profile) = profile {
        arguments.extend(["--profile".into(), profile.into()]);
    }
    arguments.push("--hidden".into());
    if tell {
        arguments.push("--tell-it-goes-on".into());
    }
    *app.state::<Anew>().0.lock() = Some(Start { program, arguments });
    true
}

/// A session that is in no keychain would end with this program.
fn holds_the_only_session(app: &AppHandle) -> bool {
    let state = block_on(app.state::<Client>().get_state(Nothing {}));
    state.is_ok_and(|state| state.account.is_some_and(|account| account.session_only))
}

/// Everything is closed: begin anew, if that was prepared.
pub(crate) fn begin(app: &AppHandle) {
    let Some(start) = app.state::<Anew>().0.lock().take() else { return };
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt;
        let Start { program, arguments } = start;
        let error = std::process::Command::new(program).arg0("kith").args(arguments).exec();
        tracing::error!(%error, "the app does not go on without its window");
    }
    #[cfg(not(target_os = "linux"))]
    drop(start);
}

/// At the start: the programs that the web view of before had beside it end by themselves, and somebody
/// has to take note of that, or the system keeps their names for as long as this program runs.
#[cfg(target_os = "linux")]
pub(crate) fn see_off() {
    use rustix::process::{Pid, WaitOptions, waitpid};
    let process = std::process::id();
    let children = std::fs::read_to_string(format!("/proc/self/task/{process}/children"));
    let before: Vec<Pid> = children
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|child| Pid::from_raw(child.parse().ok()?))
        .collect();
    if !before.is_empty() {
        std::thread::spawn(move || {
            for child in before {
                let _ = waitpid(Some(child), WaitOptions::empty());
            }
        });
    }
}

/// At the start: nothing is left of a program before.
#[cfg(not(target_os = "linux"))]
pub(crate) fn see_off() {}
