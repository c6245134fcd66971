//! The session that tests run in is what a desktop gives: a screen, a bus, an unlocked keyring.
#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};

use anyhow::{Result, bail, ensure};
use desktop_tests::private_session::{is_inside, play, unlock_keyring};

fn said(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{program} ended with {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn the_keyring_of_a_session_keeps_a_secret_and_the_home_of_the_machine_is_not_touched() {
    play(
        "the_keyring_of_a_session_keeps_a_secret_and_the_home_of_the_machine_is_not_touched",
        async || {
            unlock_keyring()?;
            let store = "printf secret | secret-tool store --label=test kith test";
            said("sh", &["-c", store])?;
            ensure!(said("secret-tool", &["lookup", "kith", "test"])? == "secret");
            let home = std::env::var("HOME")?;
            let keyrings = format!("{home}/data/keyrings");
            ensure!(std::fs::read_dir(&keyrings)?.count() > 0, "nothing in {keyrings}");
            Ok(())
        },
    );
}

#[test]
fn a_scene_that_fails_makes_its_test_fail() {
    let scene = || play("a_scene_that_fails_makes_its_test_fail", async || bail!("as it should"));
    if is_inside() {
        scene();
    }
    let said = std::panic::catch_unwind(scene).unwrap_err();
    let said = said.downcast_ref::<String>().unwrap();
    assert!(said.contains("as it should"), "{said}");
}
