//! `cargo xtask demo` without a display: Ada and Grace talk on a screen that nobody sees, with a real
//! server and two real windows, and pictures of it are left behind. Who speaks has the window with the
//! keyboard, as on a desk: only what somebody looks at counts as read.

use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use desktop_tests::people::{at, finds, opens, registers, sees_progress};
use desktop_tests::pictures::pictures;
use desktop_tests::private_session::{again_inside, is_inside, unlock_keyring};
use desktop_tests::window::Window;
use programs::server::Server;

/// What they say: who, and what.
const TALK: &[(&str, &str)] = &[
    ("ada", "Good morning, Grace! Does the **compiler** run?"),
    ("grace", "It does. It took three tries, and one moth."),
    ("ada", "A moth?"),
    (
        "grace",
        "In relay 70. I taped it into the log book:\n`1545 first actual case of bug being found`",
    ),
    ("ada", "Then let us weave some algebra. 你好, 世界!"),
];

#[allow(clippy::print_stderr)] // This is what the person looks at.
fn main() -> ExitCode {
    match demo() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo() -> Result<()> {
    if !is_inside() {
        let output = again_inside(&["pictures"], Stdio::inherit())?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr));
        }
        return Ok(());
    }
    unlock_keyring()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            result = talk() => result,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                bail!("interrupted")
            }
        }
    })
}

/// Play the talk and print where the pictures are.
#[allow(clippy::print_stdout)] // The paths are what the person waits for.
async fn talk() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path()).await?;
    println!("kithd listens at {}", server.address());
    let ada = Window::open("ada").await?;
    let grace = Window::open("grace").await?;
    registers(&ada, &server.address(), "ada", "Ada Lovelace").await?;
    registers(&grace, &server.address(), "grace", "Grace Hopper").await?;
    println!("Two windows are open, and Ada and Grace are signed in.");

    finds(&ada, "grace").await?;
    for (n, (who, text)) in TALK.iter().enumerate() {
        let (from, to) = if *who == "ada" { (&ada, &grace) } else { (&grace, &ada) };
        from.comes_to_front().await?;
        for (line, part) in text.split('\n').enumerate() {
            if line > 0 {
                from.breaks_line(&at("composer-input")).await?;
            }
            from.types(&at("composer-input"), part).await?;
        }
        from.clicks("[data-testid=send-button]:enabled").await?;
        println!("{}: {text}", from.profile());
        from.reads(&at("message"), words(text)?).await?;
        to.comes_to_front().await?;
        if n == 0 {
            opens(to, "Ada Lovelace").await?;
        }
        to.reads(&at("message"), words(text)?).await?;
        sees_progress(from, words(text)?, "read").await?;
    }

    // Each as they look at it.
    let pictures = pictures("demo")?;
    for (window, name) in [(&ada, "ada"), (&grace, "grace")] {
        window.comes_to_front().await?;
        println!("{}", window.picture(&pictures, name).await?.display());
    }
    ada.close().await?;
    grace.close().await
}

/// The first words of a text, up to where Markdown begins.
fn words(text: &str) -> Result<&str> {
    text.split(['*', '\n', '`']).next().context("a text has a beginning")
}
