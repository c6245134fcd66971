//! Three nodes are restarted, one after another, while people talk over real clients: nobody notices
//! more than that their connection moves, at most twice.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use protocol::ConversationId;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::app::App;
use crate::history::Recorder;
use crate::place::{Different, Place};

/// How many people talk.
const PEOPLE: usize = 6;
/// From one message of a person to the next.
const EVERY: Duration = Duration::from_millis(400);
/// Between the moment at which a node is back and the next one's restart, as an operator waits.
const BETWEEN: Duration = Duration::from_secs(5);
/// How long a node may take to end.
const DRAIN: Duration = Duration::from_secs(25);
/// How long everybody may need in the end.
const CONVERGE: Duration = Duration::from_secs(30);

/// What came of it.
#[derive(Debug, Default)]
pub struct Rolled {
    /// How many messages were sent.
    pub sent: usize,
    /// The longest that a message was on its way until its sender saw it stored.
    pub slowest: Duration,
    /// The most connections that somebody made anew in one roll.
    pub most: usize,
    /// The longest that a node took to end.
    pub drained: Duration,
    /// What is wrong.
    pub findings: Vec<String>,
}

/// When a node was restarted.
struct Restart {
    node: String,
    from: Instant,
    to: Instant,
}

/// Restart all three nodes so many times.
///
/// # Errors
/// When the scene cannot be set, or a node does not come back.
pub async fn play(folder: &Path, rolls: usize, different: Different) -> Result<Rolled> {
    let recorder = Recorder::create(&folder.join("history.jsonl"))?;
    let mut place = Place::start(folder, recorder, different).await?;
    let nodes = Place::addresses();
    let mut apps = Vec::new();
    for n in 0..PEOPLE {
        let name = format!("person-{n}");
        apps.push(Arc::new(App::register(&nodes[n % nodes.len()], &name).await?));
    }
    let rooms = rooms(&apps).await?;
    let talking = Arc::new(AtomicBool::new(true));
    let mut talkers = JoinSet::new();
    for (n, app) in apps.iter().enumerate() {
        let own = vec![rooms[n / 2], rooms[rooms.len() - 1]];
        talkers.spawn(talk(n, app.clone(), own, talking.clone()));
    }
    let mut rolled = Rolled::default();
    for roll in 1..=rolls {
        let mut restarts = Vec::new();
        let began = Instant::now();
        for (n, node) in nodes.iter().enumerate() {
            sleep(BETWEEN).await;
            let from = Instant::now();
            let took = place.restart(n, DRAIN).await?;
            rolled.drained = rolled.drained.max(took);
            restarts.push(Restart { node: node.clone(), from, to: Instant::now() });
        }
        sleep(BETWEEN).await;
        for (n, app) in apps.iter().enumerate() {
            let (count, wrong) = reconnections(app, began, &restarts);
            rolled.most = rolled.most.max(count);
            rolled.findings.extend(wrong.map(|wrong| format!("roll {roll}, person {n}: {wrong}")));
        }
    }
    talking.store(false, Ordering::Relaxed);
    let mut said: Vec<Vec<String>> = vec![Vec::new(); rooms.len()];
    while let Some(told) = talkers.join_next().await {
        let Told { number, texts, slowest, failed } = told??;
        rolled.slowest = rolled.slowest.max(slowest);
        rolled.findings.extend(failed);
        for (in_group, text) in texts {
            let room = if in_group { rooms.len() - 1 } else { number / 2 };
            said[room].push(text);
            rolled.sent += 1;
        }
    }
    agree(&apps, &rooms, said, &mut rolled.findings).await;
    Ok(rolled)
}

/// A direct conversation for each two, and one group of all.
async fn rooms(apps: &[Arc<App>]) -> Result<Vec<ConversationId>> {
    let mut rooms = Vec::new();
    for pair in apps.chunks(2) {
        rooms.push(pair[0].direct(pair[1].user).await?);
        pair[1].direct(pair[0].user).await?;
    }
    let others: Vec<_> = apps[1..].iter().map(|app| app.user).collect();
    let group = apps[0].group(&others).await?;
    apps[0].say(group, "first").await?;
    for app in apps {
        let began = Instant::now();
        while app.messages(group).await.is_empty() {
            ensure!(began.elapsed() < CONVERGE, "{} does not hear of the group", app.user);
            sleep(Duration::from_millis(100)).await;
        }
    }
    rooms.push(group);
    Ok(rooms)
}

/// What somebody has said, and how that went.
struct Told {
    number: usize,
    /// Whether in the group, and what.
    texts: Vec<(bool, String)>,
    slowest: Duration,
    failed: Option<String>,
}

/// Say something new as soon as what was said before is stored.
async fn talk(
    number: usize,
    app: Arc<App>,
    rooms: Vec<ConversationId>,
    talking: Arc<AtomicBool>,
) -> Result<Told> {
    let mut told = Told { number, texts: Vec::new(), slowest: Duration::ZERO, failed: None };
    while talking.load(Ordering::Relaxed) {
        let (count, began) = (told.texts.len(), Instant::now());
        let room = rooms[count % 2];
        let text = format!("{count} of {number}");
        app.say(room, &text).await?;
        told.texts.push((count % 2 == 1, text));
        loop {
            let (failed, waiting) = app.failed_and_waiting(room).await;
            if failed > 0 || began.elapsed() > CONVERGE {
                told.failed = Some(format!("{failed} of person {number} failed, {waiting} wait"));
                return Ok(told);
            }
            if waiting == 0 {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
        told.slowest = told.slowest.max(began.elapsed());
        sleep(EVERY).await;
    }
    Ok(told)
}

/// How often somebody connected anew in a roll, and whether that was more than had to be.
fn reconnections(app: &App, began: Instant, restarts: &[Restart]) -> (usize, Option<String>) {
    let made = app.made();
    let (mut count, mut wrong) = (0, None);
    for pair in made.windows(2).filter(|pair| pair[1].at > began) {
        count += 1;
        let (left, at) = (&pair[0].node, pair[1].at);
        let mut drained = restarts.iter().filter(|restart| restart.node == *left);
        // It may take its time to come back, but not begin before its node says so.
        if !drained.any(|restart| restart.from <= at && at <= restart.to + DRAIN) {
            wrong = Some(format!("left {left}, which was not restarted then"));
        }
    }
    if count > 2 {
        let nodes: Vec<&str> = made.iter().map(|made| made.node.as_str()).collect();
        wrong = Some(format!("connected {count} times anew: {nodes:?}"));
    }
    (count, wrong)
}

/// Everybody has everything once, in one order.
async fn agree(
    apps: &[Arc<App>],
    rooms: &[ConversationId],
    said: Vec<Vec<String>>,
    findings: &mut Vec<String>,
) {
    for (n, (room, mut said)) in rooms.iter().zip(said).enumerate() {
        let is_group = n == rooms.len() - 1;
        if is_group {
            said.push("first".into());
        }
        said.sort();
        let people: Vec<_> =
            if is_group { apps.iter().collect() } else { apps[n * 2..n * 2 + 2].iter().collect() };
        let mut order: Option<Vec<(Option<u64>, String)>> = None;
        for app in people {
            let began = Instant::now();
            let seen = loop {
                let messages = app.messages(*room).await;
                let seen: Vec<_> =
                    messages.into_iter().map(|(seq, message)| (seq, message.text)).collect();
                let mut texts: Vec<String> = seen.iter().map(|(_, text)| text.clone()).collect();
                texts.sort();
                if texts == said {
                    break seen;
                }
                if began.elapsed() > CONVERGE {
                    findings.push(format!(
                        "{} sees {} of {} in {room}",
                        app.user,
                        texts.len(),
                        said.len()
                    ));
                    break seen;
                }
                sleep(Duration::from_millis(100)).await;
            };
            if order.as_ref().is_some_and(|order| *order != seen) {
                findings.push(format!("{} sees another order in {room}", app.user));
            }
            order = order.or(Some(seen));
        }
    }
}
