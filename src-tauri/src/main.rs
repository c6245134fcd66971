//! `kith`: the window and nothing else. All that it shows and does is the client's; this starts it,
//! gives it a window, and stands between the two.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod bridge;
mod links;
mod profile;
mod sign_in;
mod start;
mod web_view;
mod window;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use client::Client;
use tauri::async_runtime::block_on;
use tauri::{Manager, RunEvent};

use crate::bridge::Bridge;
use crate::profile::Profile;

/// Chat that people run themselves.
#[derive(Parser)]
#[command(name = "kith", version)]
pub(crate) struct Arguments {
    /// Whose window: has its own data, keychain entries and place on the desktop.
    #[arg(long, value_name = "NAME")]
    profile: Option<Profile>,

    /// Sign in as this file says, `{"address": …, "name": …, "password": …}`, until the app ends.
    /// Nothing of it is kept. Does nothing when somebody is signed in.
    #[arg(long, value_name = "FILE")]
    sign_in_from: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match web_view::prepare().context("cannot start").and_then(|()| run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kith: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    log();
    // Another library in the same program may bring another provider; this one is meant.
    let _ = rustls::crypto::ring::default_provider().install_default();

    let identifier = profile::identifier(arguments.profile.as_ref());
    let mut context = tauri::generate_context!();
    context.config_mut().identifier.clone_from(&identifier);
    let app = tauri::Builder::default()
        // First: a second start ends here and brings the first before the person.
        .plugin(tauri_plugin_single_instance::init(|app, _, _| window::show(app)))
        .plugin(tauri_plugin_window_state::Builder::new().build())
        .invoke_handler(tauri::generate_handler![bridge::call, bridge::subscribe])
        .setup(move |app| {
            let folder = start::folder(app.handle())?;
            let client = block_on(start::client(identifier, &folder))?;
            if let Some(file) = &arguments.sign_in_from {
                block_on(sign_in::sign_in_from(file, &client))?;
            }
            let listening = client.clone();
            app.manage(Bridge::new(Arc::new(client.clone()), move || listening.subscribe()));
            app.manage(client);
            let title = profile::title(arguments.profile.as_ref());
            window::open(app.handle(), &title, &folder.join("web-view"))?;
            Ok(())
        })
        .build(context)
        .context("the app cannot start")?;
    app.run(|app, event| {
        // Everything is on disk already; this closes the files in good order.
        if let RunEvent::Exit = event
            && let Some(client) = app.try_state::<Client>()
        {
            block_on(client.shutdown());
        }
    });
    Ok(())
}

/// What went wrong goes to standard error, where the system's journal finds it.
fn log() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
