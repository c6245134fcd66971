//! How long a person waits in the window: for a letter, for a message of their own, for another
//! conversation, for what they search.

use anyhow::{Context, Result, ensure};
use desktop_tests::app::App;
use desktop_tests::patience::until;
use desktop_tests::people::at;
use desktop_tests::window::Window;
use serde_json::{Value, json};

use crate::cache::Cache;
use crate::keys::Keyboard;
use crate::say;

const KEYS: &str = "the quick brown fox jumps over the lazy dog and runs back over the hill again";
const MESSAGES: usize = 40;
const SWITCHES: usize = 60;
/// As a driver names the key.
const ENTER: &str = "\u{E007}";
const IDS: &str = "return [...document.querySelectorAll('[data-testid=conversation-item]')] \
    .map((item) => item.dataset.conversationId)";
/// So many conversations at the top of the list are switched between.
const NEAR: usize = 9;

/// Times in milliseconds; searches with their kind.
pub(crate) async fn measure(cache: &Cache) -> Result<Value> {
    let window = Window::of(App::start(cache.profile, &[cache.newest()?])?).await?;
    window.comes_to_front().await?;
    window.sees(&at("message")).await?;
    window.runs(include_str!("page.js")).await?;

    window.clicks(&at("composer-input")).await?;
    let keyboard = Keyboard::of(&window.app().title())?;
    let keys: Vec<f64> = KEYS.chars().map(|key| keyboard.press(key)).collect::<Result<_>>()?;
    window.sees("html[data-idle]").await?;
    let written =
        window.runs("return document.querySelector('[data-testid=composer-input]').value");
    ensure!(written.await? == json!(KEYS), "something else was typed");
    say(&format!("{} keys pressed", keys.len()));
    let ids = window.runs(IDS).await?;
    let ids: Vec<&str> = ids.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    ensure!(ids.len() > NEAR, "{} conversations", ids.len());
    for switched in 1..=SWITCHES {
        // Each time another one than before.
        let id = ids[switched * 4 % NEAR];
        window.clicks(&format!("[data-conversation-id='{id}']")).await?;
        has(&window, "switch", switched).await?;
        window.sees("html[data-idle]").await?;
    }
    say(&format!("{SWITCHES} times another conversation opened"));
    let searches = searches(&window, cache).await?;
    // Last, since what waits for a server keeps the page from being idle.
    for sent in 1..=MESSAGES {
        window.types(&at("composer-input"), "so do I").await?;
        window.sees("[data-testid=send-button]:enabled").await?;
        window.types(&at("composer-input"), ENTER).await?;
        has(&window, "send", sent).await?;
    }
    say(&format!("{MESSAGES} messages sent"));
    let times = window.runs("return window.measured").await?;
    window.close().await?;
    Ok(json!({
        "key": keys,
        "send": times["send"],
        "switch": times["switch"],
        "search": searches,
    }))
}

/// Wait until the page has taken so many times.
async fn has(window: &Window, what: &str, times: usize) -> Result<()> {
    let script = format!("return window.measured.{what}.length");
    let mut has = 0;
    until(&format!("{times} times of {what}"), async || {
        has = window.runs(&script).await?.as_u64().context("the page counts")?;
        Ok(has >= times as u64)
    })
    .await?;
    ensure!(has == times as u64, "the page has {has} times of {what}, not {times}");
    Ok(())
}

/// Ask for each search what the search pane asks, and wait for the answer.
async fn searches(window: &Window, cache: &Cache) -> Result<Value> {
    let queries = cache.said["queries"].as_array().context("no queries")?;
    let mut found = Vec::new();
    // Not all at once: a script may only take so long.
    for some in queries.chunks(40) {
        let script = "const [queries, done] = arguments; \
            (async () => { \
                const times = []; \
                for (const { query, conversation } of queries) { \
                    const began = performance.now(); \
                    const args = { query, conversation, before: null }; \
                    await window.__TAURI_INTERNALS__.invoke('call', { name: 'search', args }); \
                    times.push(performance.now() - began); \
                } \
                return times; \
            })().then(done, (error) => done(JSON.stringify(error)))";
        let times = window.runs_until_done(script, vec![json!(some)]).await?;
        let times = times.as_array().with_context(|| format!("a search fails: {times}"))?;
        for (query, time) in some.iter().zip(times) {
            found.push(json!({ "kind": query["kind"], "time": time }));
        }
    }
    say(&format!("{} searches", found.len()));
    Ok(json!(found))
}
