//! A keychain that is not there, or that never answers: the person chooses, and nothing is kept.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use desktop_tests::app::App;
use desktop_tests::people::{PASSWORD, at};
use desktop_tests::private_session::play;
use desktop_tests::window::Window;
use programs::command;
use programs::server::Server;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::time::Instant;
use zbus::fdo::RequestNameFlags;

/// Sign up as somebody whose keychain does not answer, and choose to go on without it. Tells how long
/// it took until that was asked. `variables` are for the app.
async fn goes_on_without_a_keychain(
    server: &Server,
    variables: &[(&str, &str)],
) -> Result<Duration> {
    let ada = Window::of(App::start_with("ada", &[], variables)?).await?;
    ada.clicks(&at("switch-register-button")).await?;
    ada.types(&at("server-input"), &server.address()).await?;
    ada.types(&at("name-input"), "ada").await?;
    ada.types(&at("display-name-input"), "Ada Lovelace").await?;
    ada.types(&at("password-input"), PASSWORD).await?;
    let began = Instant::now();
    ada.clicks("[data-testid=register-button]:enabled").await?;
    ada.sees(&at("session-only-button")).await?;
    let asked = began.elapsed();

    ada.clicks(&at("session-only-button")).await?;
    ada.sees(&at("conversation-list")).await?;
    ada.sees("html[data-idle]").await?;
    ada.close().await?;

    // Nothing of the session is left: neither in a file nor in the memory of a next start.
    let data = format!("{}/data/chat.kith.desktop.ada", std::env::var("HOME")?);
    let grep = Command::new("grep").args(["-raqiE", "refresh_?token", &data]).status()?;
    ensure!(grep.code() == Some(1), "something of a token stands in {data}");
    let ada = Window::of(App::start_with("ada", &[], variables)?).await?;
    ada.sees(&at("sign-in-button")).await?;
    ada.close().await?;
    Ok(asked)
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
            let asked = goes_on_without_a_keychain(&server, &[]).await?;
            ensure!(asked > Duration::from_secs(2), "it was not waited for");
            // Three seconds, and what a slow machine adds to them; the page was alive all the time.
            ensure!(asked < Duration::from_secs(10), "it took {asked:?}");
            drop(silent);
            Ok(())
        },
    );
}

/// A bus that offers nothing: what is not on it already is not started by it either.
const EMPTY_BUS: &str = r#"<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>"#;

/// Start such a bus; it ends when the process is dropped. Gives its address too.
async fn empty_bus(folder: &Path) -> Result<(Child, String)> {
    let file = folder.join("bus.conf");
    std::fs::write(&file, EMPTY_BUS)?;
    let mut bus = command("dbus-daemon")
        .arg(format!("--config-file={}", file.display()))
        .args(["--nofork", "--print-address=1"])
        .stdout(Stdio::piped())
        .spawn()
        .context("dbus-daemon is missing; cargo xtask setup installs it")?;
    let printed = bus.stdout.take().context("the bus prints its address")?;
    let address = BufReader::new(printed).lines().next_line().await?;
    Ok((bus, address.context("the bus does not start")?))
}

#[test]
fn row_46_without_any_keychain_the_person_chooses_and_nothing_is_kept() {
    play("row_46_without_any_keychain_the_person_chooses_and_nothing_is_kept", async || {
        let folder = tempfile::tempdir()?;
        let (_bus, address) = empty_bus(folder.path()).await?;
        let bus = zbus::connection::Builder::address(address.as_str())?.build().await?;
        let names = zbus::fdo::DBusProxy::new(&bus).await?.list_activatable_names().await?;
        let secrets = names.iter().any(|name| name.as_str() == "org.freedesktop.secrets");
        ensure!(!secrets, "this bus starts a keychain");

        let server = Server::start(folder.path()).await?;
        let own_bus = [("DBUS_SESSION_BUS_ADDRESS", address.as_str())];
        let asked = goes_on_without_a_keychain(&server, &own_bus).await?;
        ensure!(asked < Duration::from_secs(10), "it took {asked:?}");
        Ok(())
    });
}
