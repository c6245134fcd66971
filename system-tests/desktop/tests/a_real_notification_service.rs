//! The same with `dunst`, a notification service that people use, and a click as they make it.
#![cfg(target_os = "linux")]

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use desktop_tests::patience::until;
use desktop_tests::people::{at, registers};
use desktop_tests::person::Person;
use desktop_tests::private_session::{play, unlock_keyring};
use desktop_tests::window::Window;
use programs::command;
use programs::server::Server;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::ChildStdout;

/// Ask dunst something.
async fn dunstctl(words: &[&str]) -> Result<String> {
    let asked = command("dunstctl").args(words).output().await?;
    ensure!(asked.status.success(), "dunstctl {words:?}: {}", asked.status);
    Ok(String::from_utf8(asked.stdout)?.trim().to_owned())
}

/// Whether somebody has the name of the notification service.
async fn notifications_are_served() -> Result<bool> {
    let words = [
        "--session",
        "--print-reply=literal",
        "--dest=org.freedesktop.DBus",
        "/org/freedesktop/DBus",
        "org.freedesktop.DBus.NameHasOwner",
        "string:org.freedesktop.Notifications",
    ];
    let asked = command("dbus-send").args(words).output().await?;
    Ok(String::from_utf8(asked.stdout)?.contains("true"))
}

/// Read what dunst prints about a notification, up to a line that begins so.
async fn prints(lines: &mut Lines<BufReader<ChildStdout>>, beginning: &str) -> Result<String> {
    loop {
        let line = lines.next_line().await?.context("dunst has ended")?;
        if let Some(rest) = line.trim().strip_prefix(beginning) {
            return Ok(rest.trim().to_owned());
        }
    }
}

#[test]
fn dunst_shows_a_message_to_an_app_in_the_background_and_a_click_opens_it() {
    play("dunst_shows_a_message_to_an_app_in_the_background_and_a_click_opens_it", async || {
        unlock_keyring()?;
        let mut dunst = command("dunst")
            .arg("-print")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("dunst is missing; cargo xtask setup installs it")?;
        let printed = dunst.stdout.take().context("dunst prints nothing")?;
        let mut printed = BufReader::new(printed).lines();
        // To ask dunst itself before it is there would make the bus start another one.
        until("dunst to be there", notifications_are_served).await?;

        let folder = tempfile::tempdir()?;
        let server = Server::start(folder.path()).await?;
        let grace = Person::registers(&server.address(), "grace", "Grace Hopper").await?;
        let ada = Window::open("ada").await?;
        registers(&ada, &server.address(), "ada", "Ada Lovelace").await?;
        let app = ada.is_closed().await?;
        // No tray is on this screen, so the app says that it goes on.
        ensure!(prints(&mut printed, "summary:").await?.contains("goes on in the background"));
        dunstctl(&["close-all"]).await?;

        let room = grace.with("ada").await?;
        grace.says(room, "1 < 2 & **so** on").await?;
        ensure!(prints(&mut printed, "summary:").await? == "'Grace Hopper'");
        let body = prints(&mut printed, "body:").await?;
        ensure!(body == "'1 &lt; 2 &amp; so on'", "it shows {body}");

        dunstctl(&["action", "0"]).await?;
        let ada = Window::of(app).await?;
        ada.reads(&at("conversation-title"), "Grace Hopper").await?;
        ada.reads(&at("message"), "1 < 2 & so on").await?;
        grace.sees_progress(room, "1 < 2 & **so** on", "read").await?;
        until(
            "dunst to show nothing",
            async || Ok(dunstctl(&["count", "displayed"]).await? == "0"),
        )
        .await?;
        ada.close().await
    });
}
