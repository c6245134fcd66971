//! The UI in a plain browser, over the same client as the desktop app: for tests, and for looking. It
//! is there for this computer only, and for whoever has the address that it prints.

mod arguments;
mod door;
mod refusal;
mod routes;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use client::connect::Network;
use client::secrets::FileSecrets;
use client::{Client, Environment, Options};
use tokio::net::TcpListener;

use crate::arguments::Arguments;
use crate::door::Door;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log();
    // Another library in the same program may bring another provider; this one is meant.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be gone; there is nowhere else to say it.
            let _ = writeln!(std::io::stderr(), "bridge: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    let ui = built_ui(arguments)?;
    let client = start(arguments).await?;
    let served = serve(arguments, &ui, &client).await;
    client.shutdown().await;
    served
}

/// Serve until somebody ends the program.
async fn serve(arguments: &Arguments, ui: &Path, client: &Client) -> Result<()> {
    let wanted = SocketAddr::new(arguments.host, arguments.port);
    let listener =
        TcpListener::bind(wanted).await.with_context(|| format!("cannot listen at {wanted}"))?;
    let door = Door::new(listener.local_addr()?)?;
    let address = door.address();
    let routes = routes::routes(client.clone(), door, ui);
    let mut out = std::io::stdout().lock();
    writeln!(out, "{address}").and_then(|()| out.flush()).context("nobody reads the address")?;
    drop(out);
    tokio::select! {
        served = axum::serve(listener, routes) => served.context("the bridge has ended"),
        ended = ended() => ended.context("no signal can be heard"),
    }
}

/// The client of this name, over its own folder. Its refresh token is in a file that only its owner
/// can read, since tests have no keychain.
async fn start(arguments: &Arguments) -> Result<Client> {
    let data = match &arguments.data {
        Some(data) => data.clone(),
        None => dirs::data_dir()
            .context("this system names no folder for data; --data names one")?
            .join("kith-bridge"),
    };
    let folder = data.join(&arguments.name);
    let shown = folder.display().to_string();
    let options = Options {
        secrets: Arc::new(FileSecrets::new(folder.join("secrets.json"))),
        data: folder,
        environment: Environment::system(),
        connector: Arc::new(Network::new().context("the network cannot be set up")?),
        service: "kith-bridge".into(),
        device_name: "Browser".into(),
        platform: "bridge".into(),
    };
    Client::start(options).await.with_context(|| format!("{shown} cannot be used"))
}

/// Where the built UI stands.
fn built_ui(arguments: &Arguments) -> Result<PathBuf> {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/dist");
    let ui = arguments.ui.clone().unwrap_or(tree);
    let shown = ui.display();
    let there = ui.join("index.html").is_file();
    ensure!(
        there,
        "{shown} has no index.html: build the UI there, or name another folder with --ui"
    );
    Ok(ui)
}

/// Until the program is asked to end.
async fn ended() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut asked = signal(SignalKind::terminate())?;
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed,
            _ = asked.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// What the client has to say to its developers goes to standard error.
fn log() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
