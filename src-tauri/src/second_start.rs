//! A second start: the app runs already, so what was wanted of this one is handed over, and it ends.
//!
//! The single-instance plugin does that too, but on Linux only when GTK has begun: it then needs a
//! screen, and ends the program beside GTK's threads, of which one may still be at work with what the
//! exit takes away, and crash. So it is done before anything else begins; the plugin remains for the
//! app that is there first, and for two that start in the same moment.

/// Hand the arguments of this start over to the app of this identifier, if it runs. Whether it has
/// taken them.
///
/// # Errors
/// When it runs and does not answer.
#[cfg(target_os = "linux")]
pub(crate) fn hand_over(identifier: &str) -> anyhow::Result<bool> {
    use std::time::Duration;

    /// The app answers before it does anything, so only one that hangs takes so long.
    const PATIENCE: Duration = Duration::from_secs(10);

    // As the plugin names it. Without a session bus nobody can be found.
    let name = format!("{identifier}.SingleInstance");
    let path = format!("/{}", name.replace('.', "/").replace('-', "_"));
    let bus = zbus::blocking::connection::Builder::session();
    let Ok(bus) = bus.and_then(|bus| bus.method_timeout(PATIENCE).build()) else {
        return Ok(false);
    };
    let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let arguments: Vec<String> = std::env::args_os().map(lossy).collect();
    let folder = lossy(std::env::current_dir().unwrap_or_default().into_os_string());
    let interface = Some("org.SingleInstance.DBus");
    let told = (arguments, folder);
    match bus.call_method(Some(name.as_str()), path.as_str(), interface, "ExecuteCallback", &told) {
        Ok(_) => Ok(true),
        Err(zbus::Error::InputOutput(error)) => {
            Err(anyhow::anyhow!("the app runs already and does not answer: {error}"))
        }
        // Nobody has that name, or whoever had it is just ending.
        Err(error) => {
            tracing::debug!(%error, "the app does not run yet");
            Ok(false)
        }
    }
}

/// Elsewhere the plugin sees to it.
#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps)] // It can fail elsewhere.
pub(crate) fn hand_over(_: &str) -> anyhow::Result<bool> {
    Ok(false)
}
