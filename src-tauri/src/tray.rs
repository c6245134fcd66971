//! The tray: an icon that says whether something is unread, and a menu with the two things that one
//! wants there. On Linux there may be nothing that shows it, now or ever.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tauri::image::Image;
use tauri::menu::{Menu, MenuItem};
use tauri::tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager};

use crate::desk::Desk;
use crate::words::{self, Words};
use crate::{quit, window};

const OPEN: &str = "open";
const QUIT: &str = "quit";

/// Hear what is clicked in the tray. To be called before anything shows it: an icon that is there
/// before somebody listens loses the first click.
pub(crate) fn heed(builder: tauri::Builder<tauri::Wry>) -> tauri::Builder<tauri::Wry> {
    builder
        .on_menu_event(|app, event| match event.id().as_ref() {
            OPEN => window::show(app),
            QUIT => quit::quit(app),
            _ => {}
        })
        .on_tray_icon_event(|app, event| {
            if let TrayIconEvent::Click {
                button: MouseButton::Left,
                button_state: MouseButtonState::Up,
                ..
            } = event
            {
                window::show(app);
            }
        })
}

/// The tray, for as long as the app runs.
pub(crate) struct Tray {
    /// Its name on the system, and what it says when nothing is unread.
    id: String,
    title: String,
    /// Never locked on the main thread: who holds it may wait for that.
    shown: Mutex<Option<Shown>>,
    seen: AtomicBool,
}

struct Shown {
    icon: TrayIcon,
    open: MenuItem<tauri::Wry>,
    quit: MenuItem<tauri::Wry>,
}

impl Tray {
    /// A tray that is not shown yet. `id` tells this app from every other on the system.
    pub(crate) fn new(id: String, title: String) -> Self {
        Self { id, title, shown: Mutex::new(None), seen: AtomicBool::new(false) }
    }

    /// Whether there is something on the screen that shows it.
    pub(crate) fn is_seen(&self) -> bool {
        self.seen.load(Ordering::Relaxed)
    }

    /// Show it, if it is not shown yet, and remember whether anybody can see it.
    fn show(&self, app: &AppHandle) {
        let shown = self.begin(app);
        self.seen.store(shown.is_ok(), Ordering::Relaxed);
        warn(shown);
    }

    fn begin(&self, app: &AppHandle) -> tauri::Result<()> {
        let mut shown = self.shown.lock();
        if shown.is_some() {
            return Ok(());
        }
        let desk = app.state::<Desk>();
        let (words, unread) = (desk.words(), desk.unread());
        let open = MenuItem::with_id(app, OPEN, words.open, true, None::<&str>)?;
        let quit = MenuItem::with_id(app, QUIT, words.quit, true, None::<&str>)?;
        let menu = Menu::with_items(app, &[&open, &quit])?;
        let icon = TrayIconBuilder::with_id(self.id.clone())
            .icon(picture(app, unread > 0)?)
            .menu(&menu)
            .show_menu_on_left_click(false)
            .build(app)?;
        let new = Shown { icon, open, quit };
        self.say(&new, unread, words)?;
        *shown = Some(new);
        Ok(())
    }

    /// Show how much is unread.
    pub(crate) fn show_unread(&self, unread: u64, words: &Words) {
        let shown = self.shown.lock();
        let Some(shown) = &*shown else { return };
        let drawn = picture(shown.icon.app_handle(), unread > 0)
            .and_then(|picture| shown.icon.set_icon(Some(picture)));
        warn(drawn.and_then(|()| self.say(shown, unread, words)));
    }

    /// Say the same in another language.
    pub(crate) fn speak(&self, unread: u64, words: &Words) {
        let shown = self.shown.lock();
        let Some(shown) = &*shown else { return };
        warn(shown.open.set_text(words.open));
        warn(shown.quit.set_text(words.quit));
        warn(self.say(shown, unread, words));
    }

    fn say(&self, shown: &Shown, unread: u64, words: &Words) -> tauri::Result<()> {
        let tip = match unread {
            0 => self.title.clone(),
            some => format!("{}: {}", self.title, (words.unread)(&words::count(some))),
        };
        shown.icon.set_tooltip(Some(&tip))?;
        // Beside the icon on macOS; on Linux it is what the icon is called.
        let title = if cfg!(target_os = "macos") {
            (unread > 0).then(|| words::count(unread))
        } else {
            Some(tip)
        };
        shown.icon.set_title(title)
    }
}

fn warn(result: tauri::Result<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, "the tray does not show what it should");
    }
}

/// The app's picture, with a dot on it when something is unread.
fn picture(app: &AppHandle, dot: bool) -> tauri::Result<Image<'static>> {
    let picture = match app.default_window_icon() {
        Some(icon) => icon.clone().to_owned(),
        None => Image::from_bytes(include_bytes!("../icons/32x32.png"))?,
    };
    if !dot {
        return Ok(picture);
    }
    let (width, height) = (picture.width(), picture.height());
    Ok(Image::new_owned(with_dot(picture.rgba(), width, height), width, height))
}

/// A red dot in the lower right corner, with a white edge so that it shows on any background.
fn with_dot(rgba: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut drawn = rgba.to_vec();
    let size = f64::from(width.min(height));
    let (radius, edge) = (size * 0.22, size * 0.28);
    let (x, y) = (f64::from(width) - edge, f64::from(height) - edge);
    for (n, pixel) in drawn.chunks_exact_mut(4).enumerate() {
        let n = n as u32;
        let away = (f64::from(n % width) + 0.5 - x).hypot(f64::from(n / width) + 0.5 - y);
        if away <= radius {
            pixel.copy_from_slice(&[0xe5, 0x48, 0x4d, 0xff]);
        } else if away <= edge {
            pixel.copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
        }
    }
    drawn
}

/// Show the tray, as soon and as long as something on the system shows trays.
#[cfg(not(target_os = "linux"))]
pub(crate) async fn run(app: AppHandle) {
    app.state::<Tray>().show(&app);
}

/// Show the tray, as soon and as long as something on the system shows trays.
#[cfg(target_os = "linux")]
pub(crate) async fn run(app: AppHandle) {
    if let Err(error) = host::follow(&app).await {
        tracing::info!(%error, "no session bus, so no tray");
    }
}

#[cfg(target_os = "linux")]
mod host {
    //! On Linux a program of the desktop shows all trays, and may come later than the app, or never.

    use futures_util::StreamExt;
    use zbus::fdo::DBusProxy;

    use super::*;

    const WATCHER: &str = "org.kde.StatusNotifierWatcher";

    pub(super) async fn follow(app: &AppHandle) -> zbus::Result<()> {
        let bus = zbus::Connection::session().await?;
        let names = DBusProxy::new(&bus).await?;
        let mut changes = names.receive_name_owner_changed_with_args(&[(0, WATCHER)]).await?;
        let there = names.name_has_owner(WATCHER.try_into()?).await?;
        seen(app, there);
        while let Some(change) = changes.next().await {
            let there = change.args()?.new_owner.is_some();
            seen(app, there);
        }
        Ok(())
    }

    fn seen(app: &AppHandle, there: bool) {
        let tray = app.state::<Tray>();
        if there {
            // Once shown it comes back by itself when the program of the desktop does.
            tray.show(app);
        } else {
            tray.seen.store(false, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dot_is_in_the_corner_and_the_rest_of_the_picture_stays() {
        let (width, height) = (32, 32);
        let plain = vec![7; (width * height * 4) as usize];
        let drawn = with_dot(&plain, width, height);
        let pixel = |x: u32, y: u32| {
            let at = ((y * width + x) * 4) as usize;
            [drawn[at], drawn[at + 1], drawn[at + 2], drawn[at + 3]]
        };
        assert_eq!(pixel(23, 23), [0xe5, 0x48, 0x4d, 0xff]);
        assert_eq!(pixel(0, 0), [7; 4]);
        assert_eq!(pixel(31, 0), [7; 4]);
        assert_eq!(drawn.len(), plain.len());
    }
}
