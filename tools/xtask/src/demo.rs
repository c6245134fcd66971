//! The first thing that a newcomer sees: a server and two people who talk.

use std::path::Path;

use anyhow::Result;

use crate::machine;
use crate::progress::{Progress, say};
use crate::run::{become_program, program, run};
use crate::services::{self, Kind};
use crate::setup::{EVERYTHING, setup};

/// Where a demo keeps everything.
const FOLDER: &str = "target/demo";
/// What three nodes and their balancer stand on.
const NODES_NEED: &[Kind] =
    &[Kind::Kafka, Kind::Cql, Kind::Zookeeper, Kind::Postgres, Kind::Haproxy];

/// Two people chat through three nodes on real services behind a balancer, and one of the nodes is
/// killed on the way. Pictures are left behind, and the services go on.
pub(crate) fn over_three_nodes(root: &Path) -> Result<()> {
    if !cfg!(target_os = "linux") {
        anyhow::bail!("The services are started without a container engine on Linux only.");
    }
    setup(root, &EVERYTHING)?;
    services::up(root, NODES_NEED)?;
    let mut progress = Progress::new("build", 2);
    progress.step("the app and the demo; the first time takes some minutes", || {
        let words = ["cargo", "build", "-p", "desktop", "-p", "desktop-tests"];
        run(program(root, &words).args(["--bins", "--features", "desktop/e2e"]))
    })?;
    progress.step("a kithd that can be a node", || {
        let words = ["cargo", "build", "-p", "server", "--bin", "kithd", "--features", "cluster"];
        run(&mut program(root, &words))
    })?;
    say("");
    let words = ["cargo", "run", "-q", "-p", "desktop-tests", "--bin", "demo", "--", "nodes"];
    become_program(program(root, &words).arg(root.join(FOLDER)))
}

/// Set up, build, and become the demo. With `pictures`, or where there is no display, it plays a
/// short conversation on a screen that nobody sees, and leaves pictures.
pub(crate) fn demo(root: &Path, pictures: bool) -> Result<()> {
    let pictures = pictures || !has_display();
    if pictures && !cfg!(target_os = "linux") {
        anyhow::bail!("Pictures without a display can only be made on Linux.");
    }
    let windows = [&machine::COMPILE, &machine::WINDOW];
    let unseen = [&machine::COMPILE, &machine::WINDOW, &machine::SCREEN];
    setup(root, if pictures { &unseen } else { &windows })?;

    let mut progress = Progress::new("build", 1);
    progress.step("the server, the app and the demo; the first time takes some minutes", || {
        let words = ["cargo", "build", "-p", "server", "-p", "desktop", "-p", "desktop-tests"];
        // So that the two can be signed in without anything in the keychain.
        run(program(root, &words).args(["--bins", "--features", "desktop/e2e"]))
    })?;
    say("");
    let words = ["cargo", "run", "-q", "-p", "desktop-tests", "--bin", "demo", "--"];
    let mut command = program(root, &words);
    command.arg(if pictures { "pictures" } else { "windows" }).arg(root.join(FOLDER));
    become_program(&mut command)
}

fn has_display() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}
