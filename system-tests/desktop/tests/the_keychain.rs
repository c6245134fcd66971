//! A keychain that is not there, or that never answers: the person chooses, and nothing is kept.
#![cfg(target_os = "linux")]

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use desktop_tests::people::{PASSWORD, at};
use desktop_tests::private_session::play;
use desktop_tests::window::Window;
use programs::server::Server;
use tokio::time::Instant;
use zbus::fdo::RequestNameFlags;

/// Sign up as somebody whose keychain does not answer, and choose to go on without it.
async fn goes_on_without_a_keychain(server: &Server) -> Result<()> {
    let ada = Window::open("ada").await?;
    ada.clicks(&at("switch-register-button")).await?;
    ada.types(&at("server-input"), &server.address()).await?;
    ada.types(&at("name-input"), "ada").await?;
    ada.types(&at("display-name-input"), "Ada Lovelace").await?;
    ada.types(&at("password-input"), PASSWORD).await?;
    let began = Instant::now();
    ada.clicks("[data-testid=register-button]:enabled").await?;
    ada.sees(&at("session-only-button")).await?;
    ensure!(began.elapsed() > Duration::from_secs(2), "it was not waited for");
    // Three seconds, and what a slow machine adds to them; the page was alive all the time.
    ensure!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());

    ada.clicks(&at("session-only-button")).await?;
    ada.sees(&at("conversation-list")).await?;
    ada.sees("html[data-idle]").await?;
    ada.close().await?;

    // Nothing of the session is left: neither in a file nor in the memory of a next start.
    let data = format!("{}/data/chat.kith.desktop.ada", std::env::var("HOME")?);
    let grep = Command::new("grep").args(["-raqiE", "refresh_?token", &data]).status()?;
    ensure!(grep.code() == Some(1), "something of a token stands in {data}");
    let ada = Window::open("ada").await?;
    ada.sees(&at("sign-in-button")).await?;
    ada.close().await
}

#[test]
fn row_46_a_keychain_that_hangs_is_asked_for_three_seconds_and_the_person_chooses() {
    play(
        "row_46_a_keychain_that_hangs_is_asked_for_three_seconds_and_the_person_chooses",
        async || {
            // It has the name of one, takes calls, and never answers.
            let bus = zbus::Connection::session().await?;
            let silent = zbus::MessageStream::from(&bus);
            bus.request_name_with_flags(
                "org.freedesktop.secrets",
                RequestNameFlags::DoNotQueue.into(),
            )
            .await
            .context("there is a keychain already")?;
            let folder = tempfile::tempdir()?;
            let server = Server::start(folder.path()).await?;
            goes_on_without_a_keychain(&server).await?;
            drop(silent);
            Ok(())
        },
    );
}
