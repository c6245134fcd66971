//! `kith`: the window and nothing else. All that it shows and does is the client's; this starts it,
//! gives it a window, and stands between the two.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod anew;
mod arrivals;
mod autostart;
mod bridge;
mod caret;
mod deep_links;
mod desk;
#[cfg(feature = "e2e")]
mod e2e;
mod links;
mod notifications;
mod profile;
mod quit;
mod second_start;
mod sign_in;
mod start;
mod tray;
mod web_view;
mod window;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use tauri::async_runtime::{block_on, spawn};
use tauri::{AppHandle, Manager, RunEvent, WindowEvent};

use crate::anew::Anew;
use crate::arrivals::{Early, Wish};
use crate::bridge::Bridge;
use crate::desk::Desk;
use crate::notifications::Notifications;
use crate::profile::Profile;
use crate::tray::Tray;
use crate::window::Frame;

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

    /// Start without a window: messages come and are notified.
    #[arg(long)]
    hidden: bool,

    /// Say that the app goes on without its window: the window was closed just now.
    #[arg(long, hide = true)]
    tell_it_goes_on: bool,

    /// End the app that runs already.
    #[arg(long)]
    quit: bool,

    /// A place to go to: `kith://conversation/ID/SEQ`. Anything else is ignored.
    #[arg(value_name = "LINK")]
    links: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match begin(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kith: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn begin(arguments: Arguments) -> Result<()> {
    web_view::prepare().context("cannot start")?;
    let identifier = profile::identifier(arguments.profile.as_ref());
    if second_start::hand_over(&identifier)? {
        return Ok(());
    }
    run(arguments, identifier)
}

fn run(arguments: Arguments, identifier: String) -> Result<()> {
    log();
    anew::see_off();
    // Another library in the same program may bring another provider; this one is meant.
    let _ = rustls::crypto::ring::default_provider().install_default();

    let mut context = tauri::generate_context!();
    context.config_mut().identifier.clone_from(&identifier);
    let builder = tauri::Builder::default()
        .manage(Early::default())
        .manage(Anew::default())
        // First: a second start ends here, and the first does what was wanted.
        .plugin(tauri_plugin_single_instance::init(|app, arguments, _| {
            if let Some(wish) = arrivals::wish(&arguments) {
                arrivals::grant(app, wish);
            }
        }))
        .plugin(
            tauri_plugin_window_state::Builder::new()
                .with_state_flags(window::remembered())
                .build(),
        )
        .plugin(autostart::plugin(arguments.profile.as_ref()));
    #[cfg(not(target_os = "linux"))]
    let builder = builder.plugin(tauri_plugin_notification::init());
    let app = tray::heed(builder)
        .invoke_handler(tauri::generate_handler![bridge::call, bridge::subscribe])
        .setup(move |app| Ok(set_up(app.handle(), identifier, &arguments)?))
        .build(context)
        .context("the app cannot start")?;
    app.run(happens);
    Ok(())
}

/// Everything that is there for as long as the app runs.
fn set_up(app: &AppHandle, identifier: String, arguments: &Arguments) -> Result<()> {
    // The wish to end an app that does not run is granted.
    if arguments.quit {
        app.exit(0);
        return Ok(());
    }
    let folder = start::folder(app)?;
    let client = block_on(start::client(identifier.clone(), &folder))?;
    if let Some(file) = &arguments.sign_in_from {
        block_on(sign_in::sign_in_from(file, &client))?;
    }
    let listening = client.clone();
    app.manage(Bridge::new(Arc::new(client.clone()), move || listening.subscribe()));
    let title = profile::title(arguments.profile.as_ref());
    let profile = arguments.profile.clone();
    app.manage(Frame { title: title.clone(), folder: folder.join("web-view"), profile });
    app.manage(Tray::new(identifier, title));
    let (notifications, done) = Notifications::new(app);
    app.manage(notifications);
    app.manage(client.clone());
    block_on(autostart::take_over(app, &client));
    app.manage(Desk::new(client.settings(), folder.join("told-of-background")));

    let quitting = app.clone();
    client.has_desktop(move || quit::quit(&quitting));
    spawn(desk::follow(app.clone(), client.clone()));
    spawn(tray::run(app.clone()));
    spawn(notifications::run(app.clone(), client, done));
    #[cfg(unix)]
    spawn(quit::on_request(app.clone()));
    if arguments.tell_it_goes_on {
        desk::tell_it_goes_on(app);
    }
    if !arguments.hidden {
        window::open(app)?;
    }
    if let Some(wish @ Wish::Place(_)) = arrivals::wish_of(arguments) {
        arrivals::grant(app, wish);
    }
    arrivals::ready(app);
    Ok(())
}

/// What the system tells the app.
fn happens(app: &AppHandle, event: RunEvent) {
    match event {
        RunEvent::WindowEvent { event: WindowEvent::CloseRequested { .. }, .. } => {
            window::closes(app);
        }
        RunEvent::WindowEvent { event: WindowEvent::Destroyed, .. } => window::closed(app),
        RunEvent::ExitRequested { code: None, api, .. } if desk::goes_on_as_it_is(app) => {
            api.prevent_exit();
        }
        RunEvent::Exit => {
            quit::close(app);
            anew::begin(app);
        }
        #[cfg(target_os = "macos")]
        RunEvent::Opened { urls } => {
            for target in urls.iter().filter_map(|url| deep_links::target(url.as_str())) {
                arrivals::grant(app, Wish::Place(target));
            }
        }
        #[cfg(target_os = "macos")]
        RunEvent::Reopen { .. } => arrivals::grant(app, Wish::Window),
        _ => {}
    }
}

/// What went wrong goes to standard error, where the system's journal finds it.
fn log() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
