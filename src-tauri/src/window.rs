//! The window: one page, which can go nowhere else, in one place that it remembers.

use std::path::Path;

use tauri::webview::NewWindowResponse;
use tauri::{AppHandle, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

use crate::links::{Way, open_outside, way};

/// The window's label; the capability names it.
pub(crate) const LABEL: &str = "main";

/// Open the window. `folder` is where the web view keeps its own files.
///
/// # Errors
/// What the system says.
pub(crate) fn open(app: &AppHandle, title: &str, folder: &Path) -> tauri::Result<()> {
    let window = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default())
        .title(title)
        .inner_size(1120.0, 760.0)
        .min_inner_size(360.0, 480.0)
        .data_directory(folder.to_owned())
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
        .on_download(|_, _| false)
        .build()?;
    compose_in_place(&window)
}

/// Bring the window before the person: a second start of the app did what they see.
pub(crate) fn show(app: &AppHandle) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    for result in [window.unminimize(), window.show(), window.set_focus()] {
        if let Err(error) = result {
            tracing::warn!(%error, "the window could not be shown");
        }
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
