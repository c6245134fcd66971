//! What a build with the feature `e2e` lets tests fix from outside, as `docs/qa.md` lists it.
#![cfg(target_os = "linux")]

use std::path::Path;

use anyhow::{Result, ensure};
use desktop_tests::app::App;
use desktop_tests::patience::until;
use desktop_tests::people::{PASSWORD, at, finds, says, sees_progress};
use desktop_tests::person::Person;
use desktop_tests::private_session::{play, unlock_keyring};
use desktop_tests::window::Window;
use programs::server::Server;
use serde_json::{Value, json};

/// 7:08 in the morning of 6 May 2031: later than anybody runs this.
const NOW: &str = "1935817680000";
const SHOWN: &str = "2031-05-06T07:08:00.000Z";

fn recorded(file: &Path) -> Result<Vec<Value>> {
    let lines = std::fs::read_to_string(file).unwrap_or_default();
    Ok(lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

#[test]
fn tests_fix_the_folder_the_server_the_clock_and_where_notifications_go() {
    play("tests_fix_the_folder_the_server_the_clock_and_where_notifications_go", async || {
        unlock_keyring()?;
        let folder = tempfile::tempdir()?;
        let server = Server::start(folder.path()).await?;
        let grace = Person::registers(&server.address(), "grace", "Grace Hopper").await?;
        let (data, shown) = (folder.path().join("ada"), folder.path().join("shown"));
        let address = server.address();
        let variables = [
            ("KITH_E2E_DATA", &*data.to_string_lossy()),
            ("KITH_E2E_NOTIFICATIONS", &*shown.to_string_lossy()),
            ("KITH_E2E_SERVER", &address),
            ("KITH_E2E_NOW", NOW),
        ];
        let ada = Window::of(App::start_with("ada", &[], &variables)?).await?;

        // The sign-in proposes the server.
        let proposed = "return document.querySelector('[data-testid=server-input]').value";
        ensure!(ada.runs(proposed).await? == json!(address));
        ada.clicks(&at("switch-register-button")).await?;
        ada.types(&at("name-input"), "ada").await?;
        ada.types(&at("display-name-input"), "Ada Lovelace").await?;
        ada.types(&at("password-input"), PASSWORD).await?;
        ada.clicks("[data-testid=register-button]:enabled").await?;
        ada.sees(&at("conversation-list")).await?;

        // A notification is a line, and on no screen.
        let direct = grace.with("ada").await?;
        grace.says(direct, "Is it late?").await?;
        until("the notification to be written", async || {
            let of_grace = |line: &Value| {
                line["show"] == json!(direct)
                    && line["body"].as_str().is_some_and(|body| body.contains("Is it late?"))
            };
            Ok(recorded(&shown)?.iter().any(of_grace))
        })
        .await?;

        // The clock of the client: a message that waits says when it was written. That of the page:
        // it was today.
        finds(&ada, "grace").await?;
        says(&ada, "It is early").await?;
        sees_progress(&ada, "It is early", "delivered").await?;
        server.kill().await?;
        ada.sees(&at("offline-strip")).await?;
        says(&ada, "Written in 2031").await?;
        ada.sees(&format!("[data-state=sending] time[datetime='{SHOWN}']")).await?;
        ada.reads(&at("timeline"), "Today").await?;
        ensure!(ada.runs("return Date.now()").await? == json!(NOW.parse::<i64>()?));

        // Everything is in its folder, and nothing of it where the system keeps such things.
        let accounts = |folder: &Path| folder.join("accounts").exists();
        ensure!(accounts(&data), "nothing in {}", data.display());
        let usual = format!("{}/data/chat.kith.desktop.ada", std::env::var("HOME")?);
        ensure!(!accounts(Path::new(&usual)), "there is something in {usual}");
        ada.close().await
    });
}

#[test]
fn an_app_finds_its_session_in_a_file_and_asks_no_keychain() {
    play("an_app_finds_its_session_in_a_file_and_asks_no_keychain", async || {
        // Nobody unlocks a keyring here.
        let folder = tempfile::tempdir()?;
        let server = Server::start(folder.path()).await?;
        let (data, secrets) = (folder.path().join("ada"), folder.path().join("secrets.json"));
        std::fs::create_dir_all(&data)?;
        let who = ("ada", "Ada Lovelace");
        let ada = Person::registers_for_an_app(&server.address(), who, &data, &secrets).await?;
        ada.leaves().await;
        let variables = [
            ("KITH_E2E_DATA", &*data.to_string_lossy()),
            ("KITH_E2E_SECRETS", &*secrets.to_string_lossy()),
        ];
        let ada = Window::of(App::start_with("ada", &[], &variables)?).await?;
        ada.sees(&at("conversation-list")).await?;
        ada.close().await
    });
}
