//! What the app takes while nobody does anything: memory with its window and without, and CPU time.
//! Nothing of a driver is in it then.

use std::time::{Duration, Instant};

use anyhow::Result;
use desktop_tests::app::App;
use desktop_tests::notifications::Notifications;
use desktop_tests::people::{at, registers};
use desktop_tests::person::Person;
use desktop_tests::screen::Screen;
use desktop_tests::tray::TrayHost;
use desktop_tests::window::Window;
use programs::server::Server;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::cache::Cache;
use crate::process_tree;
use crate::say;

/// How long it is left alone before it is looked at.
const REST: Duration = Duration::from_secs(10);
/// How long its CPU time is counted.
const IDLE: Duration = Duration::from_secs(60);

/// Memory in megabytes, and CPU as a part of a core; in the window and in the tray.
pub(crate) async fn measure(cache: &Cache) -> Result<Value> {
    let _notifications = Notifications::serve().await?;
    let _tray = TrayHost::serve().await?;
    let (window, tray) = memory(cache).await?;
    say(&format!("memory: {window:.0} MB with the window, {tray:.0} MB in the tray"));
    let (busy, busy_in_tray) = idle().await?;
    let (percent, in_tray) = (busy * 100.0, busy_in_tray * 100.0);
    say(&format!("idle: {percent:.2} % of a core with the window, {in_tray:.2} % in the tray"));
    Ok(json!({
        "memory": { "window": window, "tray": tray },
        "idle": { "window": busy, "tray": busy_in_tray },
    }))
}

/// With all messages, and the newest conversation open.
async fn memory(cache: &Cache) -> Result<(f64, f64)> {
    let app = shown(App::start_alone(cache.profile, &[cache.newest()?])?).await?;
    let window = process_tree::memory_mb(app.process()?)?;
    into_tray(&app).await?;
    let tray = process_tree::memory_mb(app.process()?)?;
    app.close().await?;
    Ok((window, tray))
}

/// With a server, connected, and a conversation open in which the cursor blinks.
async fn idle() -> Result<(f64, f64)> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path()).await?;
    let grace = Person::registers(&server.address(), "grace", "Grace Hopper").await?;
    let ada = Window::open("ada").await?;
    registers(&ada, &server.address(), "ada", "Ada Lovelace").await?;
    let room = grace.with("ada").await?;
    for n in 1..=20 {
        grace.says(room, &format!("This is message {n}.")).await?;
    }
    ada.reads(&at("conversation-item"), "message 20").await?;
    ada.sees("html[data-idle]").await?;
    ada.close().await?;

    let link = format!("kith://conversation/{room}/20");
    let app = shown(App::start_alone("ada", &[&link])?).await?;
    let window = busy(&app).await?;
    into_tray(&app).await?;
    let tray = busy(&app).await?;
    app.close().await?;
    Ok((window, tray))
}

/// Wait until the window is there, give it the keyboard, and leave it alone.
async fn shown(app: App) -> Result<App> {
    Screen::connect()?.shows(&app.title()).await?;
    app.started_again(&[]).await?;
    sleep(REST).await;
    Ok(app)
}

async fn into_tray(app: &App) -> Result<()> {
    Screen::connect()?.closes(&app.title()).await?;
    app.is_without_a_window().await?;
    sleep(REST).await;
    Ok(())
}

/// Which part of a core it uses.
async fn busy(app: &App) -> Result<f64> {
    let process = app.process()?;
    let (began, before) = (Instant::now(), process_tree::cpu_seconds(process)?);
    sleep(IDLE).await;
    let after = process_tree::cpu_seconds(process)?;
    Ok((after - before) / began.elapsed().as_secs_f64())
}
