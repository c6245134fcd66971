//! The app without its window: it goes on, notifies, comes back to where a click leads, and ends when
//! one wants it to.
#![cfg(target_os = "linux")]

use anyhow::ensure;
use desktop_tests::app::App;
use desktop_tests::notifications::Notifications;
use desktop_tests::patience::until;
use desktop_tests::people::{at, opens, registers};
use desktop_tests::person::Person;
use desktop_tests::private_session::{play, unlock_keyring};
use desktop_tests::screen::{Place, Screen};
use desktop_tests::tray::TrayHost;
use desktop_tests::window::Window;
use programs::server::Server;
use serde_json::json;

#[test]
fn close_to_tray_message_notification_click_window() {
    play("close_to_tray_message_notification_click_window", async || {
        unlock_keyring()?;
        let notifications = Notifications::serve().await?;
        let tray = TrayHost::serve().await?;
        let folder = tempfile::tempdir()?;
        let server = Server::start(folder.path()).await?;
        let grace = Person::registers(&server.address(), "grace", "Grace Hopper").await?;
        let ada = Window::open("ada").await?;
        registers(&ada, &server.address(), "ada", "Ada Lovelace").await?;
        tray.says("Kith (ada)").await?;
        ensure!(tray.entries().await? == ["Open Kith", "Quit"], "{:?}", tray.entries().await?);

        let app = ada.is_closed().await?;
        app.is_without_a_window().await?;
        ensure!(notifications.times() == 0, "the tray shows that the app goes on");

        let room = grace.with("ada").await?;
        grace.says(room, "Are you there?").await?;
        tray.says("Kith (ada): 1 unread").await?;
        let shown = notifications.shows("Grace Hopper", "Are you there?").await?;
        grace.sees_progress(room, "Are you there?", "delivered").await?;
        notifications.click(&shown).await?;
        let ada = Window::of(app).await?;
        ada.reads(&at("conversation-title"), "Grace Hopper").await?;
        ada.sees("[data-testid=message][data-seq='1']").await?;
        grace.sees_progress(room, "Are you there?", "read").await?;
        tray.says("Kith (ada)").await?;

        let app = ada.is_closed().await?;
        app.is_without_a_window().await?;
        tray.click().await?;
        let ada = Window::of(app).await?;
        opens(&ada, "Grace Hopper").await?;
        let app = ada.is_closed().await?;
        app.is_without_a_window().await?;
        tray.choose("Open Kith").await?;
        let app = Window::of(app).await?.is_closed().await?;
        app.is_without_a_window().await?;
        tray.choose("Quit").await?;
        app.ends().await
    });
}

#[test]
fn without_a_tray_the_first_close_says_so_and_a_second_start_shows_the_window() {
    play(
        "without_a_tray_the_first_close_says_so_and_a_second_start_shows_the_window",
        async || {
            unlock_keyring()?;
            let notifications = Notifications::serve().await?;
            let app = Window::open("ada").await?.is_closed().await?;
            let said = notifications
                .shows(
                    "Kith goes on in the background",
                    "You are still notified of messages. Start Kith again to see its window.",
                )
                .await?;
            notifications.click(&said).await?;
            let app = Window::of(app).await?.is_closed().await?;
            app.started_again(&[]).await?;
            let app = Window::of(app).await?.is_closed().await?;
            // A start that is not meant to be seen shows nothing.
            app.started_again(&["--hidden"]).await?;
            // A host of trays comes late: the icon is there as soon as it is.
            let tray = TrayHost::serve().await?;
            tray.says("Kith (ada)").await?;
            ensure!(!Screen::connect()?.has(&app.title())?, "a window is shown");
            ensure!(notifications.times() == 1, "it is said once");
            app.started_again(&["--quit"]).await?;
            app.ends().await
        },
    );
}

#[test]
fn who_does_not_want_that_ends_the_app_with_its_window() {
    play("who_does_not_want_that_ends_the_app_with_its_window", async || {
        unlock_keyring()?;
        let notifications = Notifications::serve().await?;
        let folder = tempfile::tempdir()?;
        let server = Server::start(folder.path()).await?;
        let ada = Window::open("ada").await?;
        registers(&ada, &server.address(), "ada", "Ada Lovelace").await?;
        ada.clicks(&at("settings-button")).await?;
        ada.clicks(&at("settings-background")).await?;
        ada.clicks(&at("close-to-tray")).await?;
        ada.sees("html[data-idle]").await?;
        ada.is_closed().await?.ends().await?;
        ensure!(notifications.times() == 0, "{:?}", notifications.shown());

        // The page can end the app too.
        let ada = Window::open("ada").await?;
        let asked = ada.asks("call", json!({ "name": "quit", "args": {} })).await;
        ensure!(!matches!(asked, Ok(Err(_))), "{asked:?}");
        ada.ends().await
    });
}

#[test]
fn the_window_comes_back_where_it_was() {
    play("the_window_comes_back_where_it_was", async || {
        unlock_keyring()?;
        let _notifications = Notifications::serve().await?;
        let screen = Screen::connect()?;
        let ada = Window::open("ada").await?;
        let place = Place { x: 40, y: 30, width: 900, height: 600 };
        screen.moves(&ada.app().title(), place).await?;
        let app = ada.is_closed().await?;
        app.started_again(&[]).await?;
        let ada = Window::of(app).await?;
        until("the same place", async || Ok(screen.place(&ada.app().title())? == place)).await?;

        let other = Place { x: 60, y: 10, width: 800, height: 620 };
        screen.moves(&ada.app().title(), other).await?;
        ada.close().await?;
        let ada = Window::open("ada").await?;
        until("the place of last time", async || Ok(screen.place(&ada.app().title())? == other))
            .await?;
        ada.close().await
    });
}

#[test]
fn a_link_leads_to_its_message_and_any_other_link_does_nothing() {
    play("a_link_leads_to_its_message_and_any_other_link_does_nothing", async || {
        unlock_keyring()?;
        let _notifications = Notifications::serve().await?;
        let folder = tempfile::tempdir()?;
        let server = Server::start(folder.path()).await?;
        let grace = Person::registers(&server.address(), "grace", "Grace Hopper").await?;
        let ada = Window::open("ada").await?;
        registers(&ada, &server.address(), "ada", "Ada Lovelace").await?;
        let room = grace.with("ada").await?;
        grace.says(room, "first").await?;
        grace.says(room, "second").await?;
        ada.reads(&at("conversation-item"), "second").await?;

        let link = format!("kith://conversation/{room}/1");
        ada.app().started_again(&[&link]).await?;
        ada.reads(&at("conversation-title"), "Grace Hopper").await?;
        ada.sees("[data-testid=message][data-seq='1']").await?;

        // Without a window, none of these brings one.
        let app = ada.is_closed().await?;
        let stranger = "kith://conversation/0193e4a0-0000-7000-8000-0000000000aa/1";
        for hostile in
            ["kith://conversation/../../x", "kith://quit", "file:///etc/passwd", stranger]
        {
            app.started_again(&[hostile]).await?;
        }
        app.started_again(&["kith://nonsense", &link]).await?;
        let ada = Window::of(app).await?;
        ada.reads(&at("conversation-title"), "Grace Hopper").await?;
        ada.close().await?;

        // From a cold start.
        let ada = Window::of(App::start("ada", &[&link])?).await?;
        ada.reads(&at("conversation-title"), "Grace Hopper").await?;
        ada.close().await?;
        let ada = Window::of(App::start("ada", &["kith://conversation/../../x"])?).await?;
        ada.reads(&at("conversation-item"), "second").await?;
        ada.sees_no(&at("conversation-title")).await?;
        ada.close().await
    });
}

#[test]
fn the_app_starts_by_itself_for_who_wants_that_and_without_a_window() {
    play("the_app_starts_by_itself_for_who_wants_that_and_without_a_window", async || {
        unlock_keyring()?;
        let _notifications = Notifications::serve().await?;
        let folder = tempfile::tempdir()?;
        let server = Server::start(folder.path()).await?;
        let entry = format!("{}/.config/autostart/Kith (ada).desktop", std::env::var("HOME")?);
        let ada = Window::open("ada").await?;
        registers(&ada, &server.address(), "ada", "Ada Lovelace").await?;
        ada.clicks(&at("settings-button")).await?;
        ada.clicks(&at("settings-background")).await?;
        ada.clicks(&at("autostart")).await?;
        until("the entry", async || Ok(std::path::Path::new(&entry).exists())).await?;
        let text = std::fs::read_to_string(&entry)?;
        ensure!(text.contains("kith --profile ada --hidden"), "{text}");
        ada.clicks(&at("autostart")).await?;
        until("no entry", async || Ok(!std::path::Path::new(&entry).exists())).await?;
        ada.clicks(&at("autostart")).await?;
        until("the entry", async || Ok(std::path::Path::new(&entry).exists())).await?;
        ada.close().await?;

        // Somebody has removed it by the desktop's own means: that counts.
        std::fs::remove_file(&entry)?;
        let ada = Window::open("ada").await?;
        let state = ada.asks("call", json!({ "name": "get_state", "args": {} })).await?;
        let off = state.is_ok_and(|state| state["settings"]["autostart"] == json!(false));
        ensure!(off, "the setting does not follow the system");
        ada.close().await
    });
}
