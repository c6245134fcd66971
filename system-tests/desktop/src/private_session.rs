//! A desktop session that belongs to one test: a screen, a bus, a home folder, a keyring. A test
//! starts itself once more inside it, so that it works under a plain `cargo test`.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};

/// Set inside a session.
const INSIDE: &str = "KITH_PRIVATE_SESSION";

/// One at a time: two at once would measure each other's patience on a small machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Run `scene` inside a session of its own. Outside of one, this starts the same test inside one,
/// and panics with all that it printed when it fails.
///
/// # Panics
/// When the scene fails, or the session cannot be had.
#[allow(clippy::panic)] // That is how a test fails.
pub fn play(test: &str, scene: impl AsyncFnOnce() -> Result<()>) {
    let result = if std::env::var_os(INSIDE).is_some() {
        block_on(scene)
    } else {
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        outside(test)
    };
    if let Err(error) = result {
        panic!("{error:#}");
    }
}

/// Start this very program inside a session, with other arguments, and give what it printed.
///
/// # Errors
/// When a program that makes a session is missing.
pub fn again_inside(arguments: &[&str], output: Stdio) -> Result<Output> {
    let home = tempfile::tempdir()?;
    for folder in ["data", "config", "cache", "config/gtk-3.0"] {
        std::fs::create_dir_all(home.path().join(folder))?;
    }
    // Nothing moves, so that a picture shows how things stand.
    std::fs::write(
        home.path().join("config/gtk-3.0/settings.ini"),
        "[Settings]\ngtk-enable-animations=0\n",
    )?;
    let run = private_folder(home.path())?;
    Command::new("xvfb-run")
        .args(["-a", "-s", "-screen 0 1280x800x24", "dbus-run-session", "--"])
        .arg(std::env::current_exe()?)
        .args(arguments)
        .env(INSIDE, "1")
        .env("HOME", home.path())
        .env("XDG_DATA_HOME", home.path().join("data"))
        .env("XDG_CONFIG_HOME", home.path().join("config"))
        .env("XDG_CACHE_HOME", home.path().join("cache"))
        .env("XDG_RUNTIME_DIR", run)
        .env("NO_AT_BRIDGE", "1")
        .env("GTK_USE_PORTAL", "0")
        .env("LC_ALL", "C.UTF-8")
        .env("LANGUAGE", "en")
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .env_remove("WAYLAND_DISPLAY")
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .context("xvfb-run is missing; cargo xtask setup installs it")
}

/// Whether this program runs inside a session already.
#[must_use]
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Unlock the keyring of this session, as signing in to a desktop does. Once in each session.
///
/// # Errors
/// When there is no keyring.
pub fn unlock_keyring() -> Result<()> {
    use std::io::Write;
    let mut keyring = Command::new("gnome-keyring-daemon")
        .args(["--unlock", "--components=secrets"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("gnome-keyring is missing; cargo xtask setup installs it")?;
    if let Some(mut stdin) = keyring.stdin.take() {
        stdin.write_all(b"test")?;
    }
    let status = keyring.wait()?;
    if !status.success() {
        bail!("the keyring ended with {status}");
    }
    Ok(())
}

fn outside(test: &str) -> Result<()> {
    let output = again_inside(&["--exact", test, "--nocapture"], Stdio::piped())?;
    let printed = String::from_utf8_lossy(&output.stdout);
    // A name that matches no test would pass without a trace.
    if output.status.success() && printed.contains("1 passed") {
        return Ok(());
    }
    let mut all = String::new();
    for line in printed.lines().chain(String::from_utf8_lossy(&output.stderr).lines()) {
        all.push_str(&format!("  | {line}\n"));
    }
    bail!("{test} failed in its session, {}:\n{all}", output.status)
}

fn block_on(scene: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
    // One thread, this one: programs that it starts end with it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(scene())
}

/// The folder for sockets; a bus refuses one that others can read.
fn private_folder(home: &Path) -> Result<std::path::PathBuf> {
    let folder = home.join("run");
    std::fs::create_dir(&folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(folder)
}
