//! The caret blinks while the person writes, and stands still after a while, as it does in every field
//! of GTK. The web view follows GTK's setting for the blinking and not the one for its end; each blink
//! wakes two processes, and is most of what an app takes that nobody touches.

#[cfg(target_os = "linux")]
use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

#[cfg(target_os = "linux")]
use gtk::{glib::Propagation, prelude::*};
use tauri::WebviewWindow;

#[cfg(target_os = "linux")]
const BLINK: &str = "gtk-cursor-blink";

/// Let the caret of this window come to rest.
#[cfg(target_os = "linux")]
pub(crate) fn rests(window: &WebviewWindow) -> tauri::Result<()> {
    window.with_webview(|webview| {
        let view = webview.inner();
        let Some((settings, outer)) = gtk::Settings::default().zip(view.toplevel()) else { return };
        if !settings.property::<bool>(BLINK) {
            return; // The person wants it to stand still always.
        }
        let seconds = settings.property::<i32>("gtk-cursor-blink-timeout");
        let caret = Rc::new(Caret {
            settings: settings.clone(),
            after: Duration::from_secs(seconds.max(1).unsigned_abs().into()),
            used: Cell::new(Instant::now()),
            blinks: Cell::new(false),
        });
        let (keys, focus, buttons) = (caret.clone(), caret.clone(), caret);
        outer.connect_key_press_event(move |_, _| keys.is_used());
        outer.connect_focus_in_event(move |_, _| focus.is_used());
        view.connect_button_press_event(move |_, _| buttons.is_used());
        outer.connect_destroy(move |_| settings.set_property(BLINK, true));
    })
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn rests(_: &WebviewWindow) -> tauri::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
struct Caret {
    settings: gtk::Settings,
    /// How long after it was used last it stands still.
    after: Duration,
    used: Cell<Instant>,
    blinks: Cell<bool>,
}

#[cfg(target_os = "linux")]
impl Caret {
    /// Somebody writes, or puts it somewhere. Others see the event too.
    fn is_used(self: &Rc<Self>) -> Propagation {
        self.used.set(Instant::now());
        if !self.blinks.replace(true) {
            self.settings.set_property(BLINK, true);
            self.looks_again(self.after);
        }
        Propagation::Proceed
    }

    fn looks_again(self: &Rc<Self>, wait: Duration) {
        let caret = self.clone();
        gtk::glib::timeout_add_local_once(wait, move || {
            match caret.after.checked_sub(caret.used.get().elapsed()) {
                Some(left) if !left.is_zero() => caret.looks_again(left),
                _ => {
                    caret.blinks.set(false);
                    caret.settings.set_property(BLINK, false);
                }
            }
        });
    }
}
