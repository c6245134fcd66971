//! `cargo xtask demo`: a real server and two real windows, Ada's and Grace's, for whoever sits at this
//! screen. Without a display the two talk on a screen that nobody sees, and pictures of it are left
//! behind. Who speaks there has the window with the keyboard, as on a desk: only what somebody looks at
//! counts as read.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use desktop_tests::app::App;
use desktop_tests::people::{at, finds, opens, registers, sees_progress};
use desktop_tests::person::Person;
use desktop_tests::pictures::pictures;
use desktop_tests::private_session::{again_inside, is_inside, unlock_keyring};
use desktop_tests::window::Window;
use programs::cluster::{BALANCER, Cluster};
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

/// A node is killed before this line.
const KILLED_BEFORE: usize = 2;

/// One of the two: the profile, and the name that others see.
const ADA: (&str, &str) = ("ada", "Ada Lovelace");
const GRACE: (&str, &str) = ("grace", "Grace Hopper");

#[allow(clippy::print_stderr)] // This is what the person looks at.
fn main() -> ExitCode {
    let mode = std::env::args().nth(1).unwrap_or_default();
    let folder = std::env::args().nth(2).map(PathBuf::from);
    let done = match (&*mode, folder) {
        ("windows", Some(folder)) => run(windows(&folder)).map(drop),
        ("pictures" | "nodes", Some(folder)) => unseen(&mode, &folder),
        _ => Err(anyhow!("usage: demo windows|pictures|nodes FOLDER")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn unseen(mode: &str, folder: &Path) -> Result<()> {
    if !is_inside() {
        let shown = folder.to_str().context("the folder's name is no Unicode")?;
        let output = again_inside(&[mode, shown], Stdio::inherit())?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr));
        }
        return Ok(());
    }
    unlock_keyring()?;
    match run(talk(folder, mode == "nodes"))? {
        Ended::Itself => Ok(()),
        Ended::Interrupted => bail!("interrupted"),
    }
}

/// How it ended.
enum Ended {
    Itself,
    Interrupted,
}

/// Do it, unless somebody interrupts it.
fn run(demo: impl Future<Output = Result<()>>) -> Result<Ended> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            result = demo => result.map(|()| Ended::Itself),
            interrupted = tokio::signal::ctrl_c() => Ok(interrupted.map(|()| Ended::Interrupted)?),
        }
    })
}

/// A server and two windows on this screen, with Ada and Grace signed in and a conversation between
/// them, until both apps are ended. Everything is in `folder`, made anew, and nothing in the keychain.
#[allow(clippy::print_stdout)] // This is what the person waits for.
async fn windows(folder: &Path) -> Result<()> {
    make_anew(folder)?;
    let server = Server::start(folder).await?;
    println!("kithd listens at {}", server.address());
    let place = |who: &str| (folder.join(who), folder.join(format!("{who}-secrets.json")));
    let register = async |who: (&str, &str)| {
        let (data, secrets) = place(who.0);
        std::fs::create_dir_all(&data)?;
        Person::registers_for_an_app(&server.address(), who, &data, &secrets).await
    };
    let (ada, grace) = (register(ADA).await?, register(GRACE).await?);
    let direct = ada.with("grace").await?;
    ada.says(direct, TALK[0].1).await?;
    grace.sees(direct, "Good morning, Grace! Does the compiler run?").await?;
    ada.leaves().await;
    grace.leaves().await;
    let open = |who: &str| {
        let (data, secrets) = place(who);
        let variables = [
            ("KITH_E2E_DATA", &*data.to_string_lossy()),
            ("KITH_E2E_SECRETS", &*secrets.to_string_lossy()),
        ];
        App::start_for_people(who, &variables)
    };
    let (ada, grace) = (open("ada")?, open("grace")?);
    println!(
        "Two windows are open, Ada's and Grace's: write in one and see it arrive in the other."
    );
    println!("They go on in the tray when they are closed. Ctrl+C here ends everything.");
    tokio::try_join!(ada.goes_on(), grace.goes_on())?;
    Ok(())
}

/// Nothing of an earlier demo.
fn make_anew(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(std::fs::create_dir_all(folder)?)
}

/// Where they talk.
enum Place {
    Alone(Server),
    Nodes(Cluster),
}

impl Place {
    #[allow(clippy::print_stdout)]
    async fn start(folder: &Path, nodes: bool) -> Result<Self> {
        let place = if nodes {
            Self::Nodes(Cluster::start(folder).await?)
        } else {
            Self::Alone(Server::start(folder).await?)
        };
        println!("kithd listens at {}", place.address());
        Ok(place)
    }

    fn address(&self) -> String {
        match self {
            Self::Alone(server) => server.address(),
            Self::Nodes(_) => BALANCER.to_owned(),
        }
    }

    /// Of three nodes one ends, as in a power cut.
    #[allow(clippy::print_stdout)]
    async fn loses_a_node(&mut self) -> Result<()> {
        if let Self::Nodes(cluster) = self {
            cluster.kill(0).await?;
            println!("node-1 was killed.");
        }
        Ok(())
    }
}

/// Play the talk and print where the pictures are.
#[allow(clippy::print_stdout)] // The paths are what the person waits for.
async fn talk(folder: &Path, nodes: bool) -> Result<()> {
    make_anew(folder)?;
    let mut place = Place::start(folder, nodes).await?;
    let address = place.address();
    let ada = Window::open("ada").await?;
    let grace = Window::open("grace").await?;
    registers(&ada, &address, ADA.0, ADA.1).await?;
    registers(&grace, &address, GRACE.0, GRACE.1).await?;
    println!("Two windows are open, and Ada and Grace are signed in.");

    finds(&ada, "grace").await?;
    for (n, (who, text)) in TALK.iter().enumerate() {
        if n == KILLED_BEFORE {
            place.loses_a_node().await?;
        }
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
            opens(to, ADA.1).await?;
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
