//! The system's notifications: what they say, where a click leads, and what is not worth one.
#![cfg(target_os = "linux")]

use anyhow::{Result, ensure};
use desktop_tests::app::App;
use desktop_tests::notifications::Notifications;
use desktop_tests::people::{at, opens, registers};
use desktop_tests::person::Person;
use desktop_tests::private_session::{play, unlock_keyring};
use desktop_tests::screen::Screen;
use desktop_tests::window::Window;
use programs::server::Server;
use serde_json::json;
use tempfile::TempDir;

/// A server, Ada with a window, Grace without one.
struct Scene {
    notifications: Notifications,
    server: Server,
    grace: Person,
    ada: Window,
    _folder: TempDir,
}

async fn scene() -> Result<Scene> {
    unlock_keyring()?;
    let notifications = Notifications::serve().await?;
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path()).await?;
    let grace = Person::registers(&server.address(), "grace", "Grace Hopper").await?;
    let ada = Window::open("ada").await?;
    registers(&ada, &server.address(), "ada", "Ada Lovelace").await?;
    ada.sees("html[data-idle]").await?;
    Ok(Scene { notifications, server, grace, ada, _folder: folder })
}

#[test]
fn a_message_is_notified_unless_one_looks_at_its_conversation_and_a_click_opens_it_there() {
    play(
        "a_message_is_notified_unless_one_looks_at_its_conversation_and_a_click_opens_it_there",
        async || {
            let Scene { notifications, server: _server, grace, ada, _folder } = scene().await?;
            let room = grace.with("ada").await?;
            // The list is on screen, and no conversation.
            grace.says(room, "Does the **engine** weave?").await?;
            let shown = notifications.shows("Grace Hopper", "Does the engine weave?").await?;
            Screen::connect()?.is_titled("(1) Kith (ada)").await?;

            notifications.click(&shown).await?;
            ada.reads(&at("conversation-title"), "Grace Hopper").await?;
            ada.sees("[data-testid=message][data-seq='1']").await?;
            grace.sees_progress(room, "Does the **engine** weave?", "read").await?;
            Screen::connect()?.is_titled("Kith (ada)").await?;

            // The conversation is before her eyes: nothing to tell.
            let read = async {
                grace.says(room, "It weaves.").await?;
                grace.sees_progress(room, "It weaves.", "read").await
            };
            notifications.show_nothing_before(read).await?;

            // The same conversation is open, and she looks at something else.
            Screen::connect()?.looks_away()?;
            ada.holds_no_focus().await?;
            grace.says(room, "Algebraic patterns.").await?;
            notifications.shows("Grace Hopper", "Algebraic patterns.").await?;
            // She comes back, and what the notification says is on the screen.
            ada.comes_to_front().await?;
            notifications.shows_nothing().await?;
            ada.close().await
        },
    );
}

#[test]
fn what_is_read_or_deleted_elsewhere_is_taken_away_and_what_was_read_meanwhile_never_shown() {
    play(
        "what_is_read_or_deleted_elsewhere_is_taken_away_and_what_was_read_meanwhile_never_shown",
        async || {
            let Scene { notifications, server, grace, ada, _folder } = scene().await?;
            let phone = Person::signs_in(&server.address(), "ada").await?;
            let room = grace.with("ada").await?;
            grace.says(room, "one").await?;
            notifications.shows("Grace Hopper", "one").await?;
            phone.sees(room, "one").await?;
            phone.reads_all(room).await?;
            notifications.shows_nothing().await?;

            grace.says(room, "two").await?;
            notifications.shows("Grace Hopper", "two").await?;
            grace.deletes_last(room).await?;
            notifications.shows_nothing().await?;
            ada.close().await?;

            // Her computer is off; she reads on her phone.
            let before = notifications.times();
            grace.says(room, "three").await?;
            phone.sees(room, "three").await?;
            phone.reads_all(room).await?;
            grace.sees_progress(room, "three", "read").await?;
            let app = App::start("ada", &["--hidden"])?;
            phone.reads_all(room).await?;
            grace.says(room, "four").await?;
            notifications.shows("Grace Hopper", "four").await?;
            ensure!(notifications.times() == before + 1, "what was read was notified");
            app.close().await?;
            // What leads nowhere any more does not stay.
            notifications.shows_nothing().await
        },
    );
}

#[test]
fn what_came_while_the_computer_was_off_is_one_summary_and_never_comes_twice() {
    play("what_came_while_the_computer_was_off_is_one_summary_and_never_comes_twice", async || {
        let Scene { notifications, server, grace, ada, _folder } = scene().await?;
        ada.close().await?;
        let room = grace.with("ada").await?;
        let alan = Person::registers(&server.address(), "alan", "Alan Turing").await?;
        let other = alan.with("ada").await?;
        grace.says(room, "one").await?;
        grace.says(room, "two").await?;
        alan.says(other, "three").await?;

        let app = App::start("ada", &["--hidden"])?;
        notifications.shows("Kith", "3 new messages in 2 conversations").await?;
        ensure!(notifications.times() == 1, "{:?}", notifications.shown());
        app.close().await?;

        let app = App::start("ada", &["--hidden"])?;
        grace.says(room, "four").await?;
        notifications.shows("Grace Hopper (3)", "four").await?;
        ensure!(notifications.times() == 2, "{:?}", notifications.shown());
        app.close().await
    });
}

#[test]
fn the_person_says_what_is_shown_and_of_what() {
    play("the_person_says_what_is_shown_and_of_what", async || {
        let Scene { notifications, server, grace, ada, _folder } = scene().await?;
        let room = grace.with("ada").await?;
        ada.clicks(&at("settings-button")).await?;
        ada.clicks(&at("settings-notifications")).await?;
        ada.clicks(&at("notify-content")).await?;
        ada.sees("html[data-idle]").await?;
        grace.says(room, "secret").await?;
        let shown = notifications.shows("Kith", "New message").await?;
        notifications.dismiss(&shown).await?;

        // A muted conversation is silent, and another is not.
        let mute = json!({ "conversation": room, "until": 9_007_199_254_740_991_i64 });
        let muted = ada.asks("call", json!({ "name": "mute_conversation", "args": mute })).await?;
        ensure!(muted.is_ok(), "{muted:?}");
        let alan = Person::registers(&server.address(), "alan", "Alan Turing").await?;
        let other = alan.with("ada").await?;
        let both = async {
            grace.says(room, "psst").await?;
            ada.reads(&at("conversation-item"), "psst").await
        };
        notifications.show_nothing_before(both).await?;
        alan.says(other, "halt?").await?;
        notifications.shows("Kith", "New message").await?;
        ensure!(notifications.shown().len() == 1, "{:?}", notifications.shown());

        ada.clicks("[data-testid=notify-choice] [data-value=nothing]").await?;
        notifications.shows_nothing().await?;
        ada.close().await
    });
}

#[test]
fn row_47_a_hostile_text_is_plain_text_in_a_notification() {
    play("row_47_a_hostile_text_is_plain_text_in_a_notification", async || {
        let Scene { notifications, server, ada, grace: _grace, _folder } = scene().await?;
        let name = "<b>Mallory</b> & <img src=x>";
        let mallory = Person::registers(&server.address(), "mallory", name).await?;
        let room = mallory.with("ada").await?;
        mallory.says(room, "<img src=\"file:///etc/passwd\"> & <a href=\"x:\">y</a>").await?;
        let body = "&lt;img src=\"file:///etc/passwd\"&gt; &amp; &lt;a href=\"x:\"&gt;y&lt;/a&gt;";
        let shown = notifications.shows(name, body).await?;
        notifications.click(&shown).await?;
        ada.reads(&at("conversation-title"), name).await?;
        ada.reads(&at("message"), "<img src=\"file:///etc/passwd\">").await?;
        opens(&ada, name).await?;
        ada.close().await
    });
}
