//! The window: one page, which can go nowhere else, in one place that it remembers. It comes and
//! goes; the app is there without it.

use std::path::PathBuf;

use client::Client;
use client::notify::Looking;
use tauri::webview::NewWindowResponse;
use tauri::{AppHandle, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder};
use tauri_plugin_window_state::{AppHandleExt, StateFlags};

use crate::caret;
use crate::desk::Desk;
use crate::links::{Way, open_outside, way};
use crate::profile::Profile;
use crate::words;

/// The window's label; the capability names it.
pub(crate) const LABEL: &str = "main";

/// What every window of this app begins with.
pub(crate) struct Frame {
    /// What its title says when nothing is unread.
    pub(crate) title: String,
    /// Where the web view keeps its own files.
    pub(crate) folder: PathBuf,
    /// Whose it is.
    pub(crate) profile: Option<Profile>,
}

/// What is remembered of its place: all but whether it is visible, or it could stay hidden for ever.
pub(crate) fn remembered() -> StateFlags {
    StateFlags::all() - StateFlags::VISIBLE
}

/// Bring the window before the person; make it if it is not there.
pub(crate) fn show(app: &AppHandle) {
    let shown = app.clone();
    let queued = app.run_on_main_thread(move || {
        let result = match shown.get_webview_window(LABEL) {
            Some(window) => bring_forward(&window),
            None => open(&shown).and_then(|window| bring_forward(&window)),
        };
        if let Err(error) = result {
            tracing::error!(%error, "the window cannot be shown");
        }
    });
    if let Err(error) = queued {
        tracing::error!(%error, "the window cannot be shown");
    }
}

fn bring_forward(window: &WebviewWindow) -> tauri::Result<()> {
    window.unminimize()?;
    window.show()?;
    window.set_focus()
}

/// Make the window. On the main thread only.
///
/// # Errors
/// What the system says.
pub(crate) fn open(app: &AppHandle) -> tauri::Result<WebviewWindow> {
    let frame = app.state::<Frame>();
    // Whoever opens it looks at it; the page says more as soon as it knows.
    app.state::<Client>().looks_at(Looking { focused: true, conversation: None });
    let window = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default())
        .title(title(&frame.title, app.state::<Desk>().unread()))
        .inner_size(1120.0, 760.0)
        .min_inner_size(360.0, 480.0)
        .data_directory(frame.folder.clone())
        // Files are not dropped into the page by the browser's own rules.
        .disable_drag_drop_handler()
        .on_navigation(|url| match way(url) {
            Way::Here => true,
            Way::Outside | Way::Nowhere => {
                open_outside(url);
                false
            }
        })
        .on_new_window(|url, _| {
            open_outside(&url);
            NewWindowResponse::Deny
        })
        .on_download(|_, _| false);
    #[cfg(feature = "e2e")]
    let window = window.initialization_script(crate::e2e::page());
    let window = window.build()?;
    compose_in_place(&window)?;
    caret::rests(&window)?;
    Ok(window)
}

/// The person closes the window: its place is kept now, since the app may end in any way.
pub(crate) fn closes(app: &AppHandle) {
    if let Err(error) = app.save_window_state(remembered()) {
        tracing::warn!(%error, "the place of the window is not remembered");
    }
}

/// It is gone, with its page and all that the page held. Nobody looks at anything.
pub(crate) fn closed(app: &AppHandle) {
    let client = app.state::<Client>().inner().clone();
    tauri::async_runtime::spawn(async move { client.window_is_gone().await });
}

/// Say in the title, and where else the system shows it, how much is unread.
pub(crate) fn show_unread(app: &AppHandle, unread: u64) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    let result = window.set_title(&title(&app.state::<Frame>().title, unread));
    #[cfg(target_os = "macos")]
    let result = result.and_then(|()| {
        window.set_badge_count((unread > 0).then(|| unread.min(1000).try_into().unwrap_or(1000)))
    });
    if let Err(error) = result {
        tracing::warn!(%error, "the title does not say how much is unread");
    }
}

fn title(title: &str, unread: u64) -> String {
    match unread {
        0 => title.to_owned(),
        some => format!("({}) {title}", words::count(some)),
    }
}

/// Show what an input method composes where it is written. The web view comes with that switched
/// off, which leaves people who write Chinese or Japanese without sight of what they write.
#[cfg(target_os = "linux")]
fn compose_in_place(window: &WebviewWindow) -> tauri::Result<()> {
    use webkit2gtk::{InputMethodContextExt, WebViewExt};
    window.with_webview(|webview| {
        if let Some(context) = webview.inner().input_method_context() {
            context.set_enable_preedit(true);
        }
    })
}

#[cfg(not(target_os = "linux"))]
fn compose_in_place(_: &WebviewWindow) -> tauri::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_says_how_much_is_unread() {
        assert_eq!(title("Kith", 0), "Kith");
        assert_eq!(title("Kith (ada)", 3), "(3) Kith (ada)");
        assert_eq!(title("Kith", 1000), "(999+) Kith");
    }
}
