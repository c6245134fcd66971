//! The example in `docs/qa.md` works, as a reader would run it.
#![cfg(target_os = "linux")]

use std::path::Path;

use anyhow::{Context, Result, ensure};
use desktop_tests::private_session::play;
use programs::{build_folder, command};

#[test]
fn the_example_for_those_who_automate_the_app_passes() {
    play("the_example_for_those_who_automate_the_app_passes", async || -> Result<()> {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("example/first.test.mjs");
        let ran = command("node")
            .arg("--test")
            .arg(example)
            .env("KITH_PROGRAMS", build_folder()?)
            .output()
            .await
            .context("node is missing; cargo xtask setup says what is needed")?;
        let printed = String::from_utf8_lossy(&ran.stdout);
        ensure!(ran.status.success() && printed.contains("pass 1"), "{printed}");
        Ok(())
    });
}
