//! What comes from outside of the app: a second start of it, a link that was followed, a notification
//! that was clicked. All of them may come before the app is ready; then they wait.

use clap::Parser;
use client::Client;
use client::view::Target;
use parking_lot::Mutex;
use tauri::{AppHandle, Manager};

use crate::{Arguments, deep_links, quit, window};

/// What came while the app was starting; `None` as soon as it is ready.
pub(crate) struct Early(Mutex<Option<Vec<Wish>>>);

impl Default for Early {
    fn default() -> Self {
        Self(Mutex::new(Some(Vec::new())))
    }
}

/// What somebody wants of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To see it.
    Window,
    /// To see a place in it.
    Place(Target),
    /// To end it.
    Quit,
}

/// What a start with these arguments is meant to do; the first is the program's name. `None` for
/// nothing: a link that is none, or a start that should not be seen.
pub(crate) fn wish(arguments: &[String]) -> Option<Wish> {
    // What cannot be understood came from a program of the same person, and is not meant for us.
    let arguments = Arguments::try_parse_from(arguments).ok()?;
    wish_of(&arguments)
}

/// The same, of arguments that are read already.
pub(crate) fn wish_of(arguments: &Arguments) -> Option<Wish> {
    if arguments.quit {
        return Some(Wish::Quit);
    }
    if !arguments.links.is_empty() {
        let target = arguments.links.iter().find_map(|link| deep_links::target(link));
        if target.is_none() {
            tracing::warn!("a link that leads nowhere");
        }
        return target.map(Wish::Place);
    }
    (!arguments.hidden).then_some(Wish::Window)
}

/// Do it, or as soon as the app is ready.
pub(crate) fn grant(app: &AppHandle, wish: Wish) {
    if let Some(early) = &mut *app.state::<Early>().0.lock() {
        early.push(wish);
        return;
    }
    match wish {
        Wish::Window => window::show(app),
        Wish::Quit => quit::quit(app),
        Wish::Place(target) => {
            let app = app.clone();
            tauri::async_runtime::spawn(async move { go(&app, target).await });
        }
    }
}

/// Show a place, if the person has it. A link to any other does nothing at all.
async fn go(app: &AppHandle, target: Target) {
    let client = app.state::<Client>();
    if client.knows(target.conversation).await {
        client.go_to(target);
        window::show(app);
    } else {
        tracing::info!("a link to a conversation that the person does not have");
    }
}

/// The app is ready: do what was wanted meanwhile.
pub(crate) fn ready(app: &AppHandle) {
    let early = app.state::<Early>().0.lock().take();
    for wish in early.unwrap_or_default() {
        grant(app, wish);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "kith://conversation/0193e4a0-0000-7000-8000-0000000000aa/7";

    fn of(arguments: &[&str]) -> Option<Wish> {
        let all: Vec<String> = ["kith"].iter().chain(arguments).map(|&a| a.to_owned()).collect();
        wish(&all)
    }

    #[test]
    fn a_second_start_shows_the_window_or_the_place_of_its_link() {
        let target = deep_links::target(LINK).unwrap();
        assert_eq!(of(&[]), Some(Wish::Window));
        assert_eq!(of(&["--profile", "ada"]), Some(Wish::Window));
        assert_eq!(of(&[LINK]), Some(Wish::Place(target.clone())));
        assert_eq!(of(&["--profile", "ada", LINK]), Some(Wish::Place(target.clone())));
        assert_eq!(of(&["kith://nonsense", LINK]), Some(Wish::Place(target)));
        assert_eq!(of(&["--quit"]), Some(Wish::Quit));
    }

    #[test]
    fn a_hostile_link_or_an_unknown_argument_or_a_hidden_start_does_nothing() {
        for arguments in [
            &["kith://conversation/../../x"][..],
            &["https://example.org"],
            &["file:///etc/passwd"],
            &["--sign-in-from"],
            &["--profile", "../x"],
            &["--no-such-thing"],
            &["--hidden"],
        ] {
            assert_eq!(of(arguments), None, "{arguments:?}");
        }
    }
}
