//! What the web view has to find in the environment before it starts.

/// WebKitGTK's DMA-BUF renderer leaves windows empty with some graphics drivers. It is off unless
/// the person says otherwise; and then GTK itself has no use for OpenGL, whose libraries would take
/// 30 MB of an app that waits in the tray. The environment of a running program cannot be changed
/// safely, so the program starts itself once more, in the same process.
#[cfg(target_os = "linux")]
pub(crate) fn prepare() -> std::io::Result<()> {
    use std::os::unix::process::CommandExt;
    const RENDERER: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";
    if std::env::var_os(RENDERER).is_some() {
        return Ok(());
    }
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| "kith".into());
    Err(std::process::Command::new(std::env::current_exe()?)
        .arg0(name)
        .args(arguments)
        .env(RENDERER, "1")
        .env("GDK_GL", "disable")
        .exec())
}

#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps)] // It can fail elsewhere.
pub(crate) fn prepare() -> std::io::Result<()> {
    Ok(())
}
