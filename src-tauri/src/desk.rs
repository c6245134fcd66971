//! What the app shows and does outside of its page, as long as it runs: the tray and the title follow
//! what is unread, the system follows the settings, and the app goes on when its window is closed.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use client::Client;
use client::api::{Answers, Nothing};
use client::view::{Notification, Settings};
use parking_lot::Mutex;
use tauri::{AppHandle, Manager};

use crate::notifications::{Key, Notice, Notifications};
use crate::profile::Profile;
use crate::tray::Tray;
use crate::window::Frame;
use crate::words::{Words, words};
use crate::{anew, autostart, window};

/// What is known outside of the page.
pub(crate) struct Desk {
    unread: AtomicU64,
    settings: Mutex<Settings>,
    /// A file that is there when the person was told that the app goes on without its window.
    told: PathBuf,
    /// Whether the person wants the app to end.
    ending: AtomicBool,
}

impl Desk {
    /// Begin with these settings; `told` is a file to remember by what was said once.
    pub(crate) fn new(settings: Settings, told: PathBuf) -> Self {
        let unread = AtomicU64::new(0);
        Self { unread, settings: Mutex::new(settings), told, ending: AtomicBool::new(false) }
    }

    /// Unread messages, as the client derived them last.
    pub(crate) fn unread(&self) -> u64 {
        self.unread.load(Ordering::Relaxed)
    }

    /// The words of the person's language.
    pub(crate) fn words(&self) -> &'static Words {
        words(&self.settings.lock().language)
    }

    /// The app ends now, and is not kept by anything. Whether it was not ending before.
    pub(crate) fn ends(&self) -> bool {
        !self.ending.swap(true, Ordering::Relaxed)
    }

    /// Whether the app goes on when its last window is gone.
    pub(crate) fn goes_on(&self) -> bool {
        !self.ending.load(Ordering::Relaxed) && self.settings.lock().close_to_tray
    }

    /// Whether the person has to be told that the app goes on; `true` once.
    fn has_to_tell(&self) -> bool {
        std::fs::OpenOptions::new().write(true).create_new(true).open(&self.told).is_ok()
    }
}

/// The last window is gone. Whether the app stays as it is: it may also end, or end and begin anew
/// with less. Where no tray shows that it goes on, that is said, the first time.
pub(crate) fn goes_on_as_it_is(app: &AppHandle) -> bool {
    let desk = app.state::<Desk>();
    if !desk.goes_on() {
        return false;
    }
    let tell = !app.state::<Tray>().is_seen() && desk.has_to_tell();
    let profile = app.state::<Frame>().profile.clone();
    if anew::prepare(app, profile.as_ref().map(Profile::as_str), tell) {
        return false;
    }
    if tell {
        tell_it_goes_on(app);
    }
    true
}

/// Say that the app goes on without its window.
pub(crate) fn tell_it_goes_on(app: &AppHandle) {
    let words = app.state::<Desk>().words();
    let notice = Notice {
        key: Key::GoesOn,
        title: words.goes_on.to_owned(),
        body: words.goes_on_how.to_owned(),
        target: None,
    };
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        app.state::<Notifications>().show(notice).await;
    });
}

/// Follow what the client tells until it ends.
pub(crate) async fn follow(app: AppHandle, client: Client) {
    let mut feed = client.subscribe();
    count_anew(&app, &client).await;
    while let Some(notification) = feed.recv().await {
        match notification {
            Notification::Conversations { unread, .. } => show_unread(&app, unread),
            Notification::State { state } => {
                let lost = state.notices.iter().any(|notice| notice.code == "reload");
                if lost || state.account.is_none() {
                    count_anew(&app, &client).await;
                }
                settle(&app, &client, state.settings).await;
            }
            _ => {}
        }
    }
}

/// Ask how much is unread. With nobody signed in, nothing is.
async fn count_anew(app: &AppHandle, client: &Client) {
    let list = client.list_conversations(Nothing {}).await;
    show_unread(app, list.map_or(0, |list| list.unread));
}

fn show_unread(app: &AppHandle, unread: u64) {
    let desk = app.state::<Desk>();
    if desk.unread.swap(unread, Ordering::Relaxed) == unread {
        return;
    }
    app.state::<Tray>().show_unread(unread, desk.words());
    window::show_unread(app, unread);
}

/// The settings may be others.
async fn settle(app: &AppHandle, client: &Client, settings: Settings) {
    let desk = app.state::<Desk>();
    let before = std::mem::replace(&mut *desk.settings.lock(), settings.clone());
    if before.language != settings.language {
        app.state::<Tray>().speak(desk.unread(), desk.words());
    }
    if before.autostart != settings.autostart {
        autostart::change(app, client, settings.autostart).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::view::{Appearance, Notify};

    fn desk(close_to_tray: bool, folder: &std::path::Path) -> Desk {
        let settings = Settings {
            appearance: Appearance::System,
            notify: Notify::All,
            notify_content: true,
            language: "en".into(),
            typing: true,
            autostart: false,
            close_to_tray,
        };
        Desk::new(settings, folder.join("told"))
    }

    #[test]
    fn the_app_goes_on_without_a_window_if_the_person_wants_that_and_does_not_end_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!desk(false, folder.path()).goes_on());
        let desk = desk(true, folder.path());
        assert!(desk.goes_on());
        assert!(desk.ends());
        assert!(!desk.goes_on());
        assert!(!desk.ends(), "it ends once");
    }

    #[test]
    fn that_it_goes_on_is_told_once_also_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        assert!(desk(true, folder.path()).has_to_tell());
        assert!(!desk(true, folder.path()).has_to_tell());
    }
}
