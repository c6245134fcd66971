//! What stays when the window, the network or the server goes.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use desktop_tests::people::{at, finds, opens, registers, says, sees_progress};
use desktop_tests::pictures::pictures;
use desktop_tests::private_session::{play, unlock_keyring};
use desktop_tests::window::Window;
use programs::server::Server;
use serde_json::json;

#[test]
fn the_refresh_token_is_in_the_keyring_and_in_no_file() {
    play("the_refresh_token_is_in_the_keyring_and_in_no_file", async || {
        unlock_keyring()?;
        let folder = tempfile::tempdir()?;
        let server = Server::start(folder.path()).await?;
        let ada = Window::open("ada").await?;
        registers(&ada, &server.address(), "ada", "Ada Lovelace").await?;
        ada.sees("html[data-idle]").await?;
        ada.close().await?;

        let search = ["search", "--all", "service", "chat.kith.desktop.ada"];
        let found = Command::new("secret-tool").args(search).output()?;
        let found = String::from_utf8(found.stdout)?;
        let secret = found.lines().find_map(|line| line.strip_prefix("secret = "));
        let secret = secret.with_context(|| format!("no secret of this app:\n{found}"))?;
        ensure!(secret.len() > 20, "that is no token: {secret}");

        let data = format!("{}/data/chat.kith.desktop.ada", std::env::var("HOME")?);
        ensure!(Path::new(&data).is_dir(), "nothing at {data}");
        // The whole secret, and the longest word in it, should it be wrapped in something.
        let word = secret.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_');
        let word = word.max_by_key(|word| word.len()).unwrap_or(secret);
        for part in [secret, word] {
            let grep = Command::new("grep").args(["-raqF", "--", part, &data]).status()?;
            ensure!(grep.code() == Some(1), "the token stands in a file of {data}");
        }
        Ok(())
    });
}

#[test]
fn without_a_server_the_app_opens_and_what_is_typed_goes_out_once_when_it_is_back() {
    play(
        "without_a_server_the_app_opens_and_what_is_typed_goes_out_once_when_it_is_back",
        async || {
            unlock_keyring()?;
            let folder = tempfile::tempdir()?;
            let server = Server::start(folder.path()).await?;
            let address = server.socket();
            let grace = Window::open("grace").await?;
            registers(&grace, &server.address(), "grace", "Grace Hopper").await?;
            let ada = Window::open("ada").await?;
            registers(&ada, &server.address(), "ada", "Ada Lovelace").await?;
            finds(&ada, "grace").await?;
            says(&ada, "before").await?;
            grace.comes_to_front().await?;
            opens(&grace, "Ada Lovelace").await?;
            sees_progress(&ada, "before", "read").await?;
            ada.close().await?;
            server.kill().await?;

            let ada = Window::open("ada").await?;
            opens(&ada, "Grace Hopper").await?;
            ada.reads(&at("message"), "before").await?;
            says(&ada, "meanwhile").await?;
            sees_progress(&ada, "meanwhile", "sending").await?;
            ada.picture_now(&pictures("desktop")?, "ada-offline").await?;

            grace.comes_to_front().await?;
            let _server = Server::start_at(folder.path(), address).await?;
            sees_progress(&ada, "meanwhile", "read").await?;
            let count = "return [...document.querySelectorAll('[data-testid=message]')] \
                .filter((one) => one.textContent.includes('meanwhile')).length";
            ensure!(grace.runs(count).await? == json!(1), "Grace has it twice");
            ensure!(ada.runs(count).await? == json!(1), "Ada has it twice");
            ada.close().await?;
            grace.close().await
        },
    );
}

#[test]
fn two_profiles_are_two_apps_and_a_second_start_of_one_is_handed_over() {
    play("two_profiles_are_two_apps_and_a_second_start_of_one_is_handed_over", async || {
        unlock_keyring()?;
        let ada = Window::open("ada").await?;
        let grace = Window::open("grace").await?;
        // Each time the second start ends, and the window that is open comes to the front.
        ada.comes_to_front().await?;
        grace.comes_to_front().await?;
        ada.comes_to_front().await?;
        ada.sees(&at("sign-in-button")).await?;
        grace.sees(&at("sign-in-button")).await?;
        ada.close().await?;
        grace.close().await
    });
}
