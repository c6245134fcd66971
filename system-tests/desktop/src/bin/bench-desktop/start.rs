//! How long the app takes from its start until its list can be used.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use desktop_tests::app::App;
use desktop_tests::people::at;
use desktop_tests::window::Window;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::cache::Cache;
use crate::say;

/// Starts that count; one goes before them, so that the disk's pages are in memory.
const STARTS: usize = 7;
/// For so long nobody looks at an app that starts: the driver would take a part of the machine.
const ALONE: Duration = Duration::from_secs(5);

/// Times in milliseconds: until the page begins, and until its list is painted.
pub(crate) async fn measure(small: &Cache, large: &Cache) -> Result<Value> {
    let mut found = json!({});
    for cache in [small, large] {
        let (mut page, mut list) = (Vec::new(), Vec::new());
        for n in 0..=STARTS {
            let (began, painted) = once(cache).await?;
            say(&format!("{} messages: a list after {painted:.0} ms", cache.messages()));
            if n > 0 {
                page.push(began);
                list.push(painted);
            }
        }
        found[cache.profile] = json!({ "page": page, "list": list });
    }
    Ok(found)
}

#[allow(clippy::disallowed_methods)] // The page's clock is the system's too.
async fn once(cache: &Cache) -> Result<(f64, f64)> {
    let started = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() * 1000.0;
    let app = App::start(cache.profile, &[])?;
    sleep(ALONE).await;
    let window = Window::of(app).await?;
    window.sees(&at("conversation-item")).await?;
    let times = window
        .runs(
            "return [performance.timeOrigin, \
             performance.getEntriesByName('list-painted')[0].startTime]",
        )
        .await?;
    window.close().await?;
    let origin = times[0].as_f64().context("the page does not know when it began")?;
    let mark = times[1].as_f64().context("the page does not know when its list was there")?;
    let painted = origin + mark - started;
    let alone = ALONE.as_secs_f64() * 1000.0;
    ensure!(painted < alone, "after {painted:.0} ms, with the driver there while the app started");
    Ok((origin - started, painted))
}
