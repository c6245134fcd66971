//! People talk while everything around them breaks, one thing after another, and heals in the end.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::checker::{self, Violation};
use crate::history::{self, Recorder};
use crate::nemesis::{Step, plan};
use crate::person::Person;
use crate::place::{Different, Place};
use crate::town::{PEOPLE, Phase, Town};

/// How long everybody may need, once everything is whole, until they agree.
pub const CONVERGE: Duration = Duration::from_secs(30);
/// How often the nodes are looked after.
const LOOK: Duration = Duration::from_millis(200);

/// What is played.
pub struct Plan {
    /// Of what breaks when, and of what is said.
    pub seed: u64,
    /// How long things break.
    pub length: Duration,
    /// What is done to the nodes.
    pub steps: Vec<Step>,
    /// What is not as usual.
    pub different: Different,
    /// How long everybody may need in the end.
    pub converge: Duration,
}

impl Plan {
    /// The usual.
    #[must_use]
    pub fn new(seed: u64, length: Duration) -> Self {
        let different = Different::default();
        Self { seed, length, steps: plan(seed, length), different, converge: CONVERGE }
    }
}

/// What came of it.
pub struct Outcome {
    /// What must not have happened.
    pub violations: Vec<Violation>,
    /// Why not everybody had everything in time.
    pub diverged: Option<String>,
    /// How long it took after the last healing.
    pub converged: Duration,
    /// How many commands were answered with their event.
    pub answered: u64,
    /// How often somebody connected.
    pub connections: usize,
    /// The longest that somebody waited for an answer.
    pub slowest: Duration,
    /// How often a node ended by itself.
    pub ended: usize,
}

impl Outcome {
    /// Whether all is well.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.violations.is_empty() && self.diverged.is_none()
    }
}

/// Play it. The recording and the nodes' logs are in `folder`.
///
/// # Errors
/// When the scene cannot be set, or a healed cluster does not come up.
pub async fn play(folder: &Path, plan: Plan) -> Result<Outcome> {
    let path = folder.join("history.jsonl");
    let recorder = Recorder::create(&path)?;
    let mut place = Place::start(folder, recorder.clone(), plan.different).await?;
    let town = Town::build(Place::addresses(), recorder.clone(), plan.seed).await?;
    let mut people = JoinSet::new();
    for number in 0..PEOPLE {
        people.spawn(Person::new(town.clone(), number, plan.seed).live());
    }
    let began = Instant::now();
    let until = began + plan.length;
    let mut steps = plan.steps.into_iter().peekable();
    while Instant::now() < until {
        while let Some(step) = steps.next_if(|step| began + step.at <= Instant::now()) {
            place.perform(&step.act).await?;
        }
        place.look_after()?;
        let next = steps.peek().map_or(until, |step| began + step.at);
        sleep_until(next.min(until).min(Instant::now() + LOOK)).await;
    }
    place.heal().await.context("healing")?;
    let healed = Instant::now();
    town.phase.send_replace(Phase::Finish);
    let mut diverged;
    let stored = loop {
        match town.settled().await {
            Ok(stored) => {
                diverged = None;
                break Some(stored);
            }
            Err(error) => diverged = Some(format!("{error:#}")),
        }
        if healed.elapsed() > plan.converge {
            break None;
        }
        place.look_after()?;
        sleep(LOOK).await;
    };
    let converged = healed.elapsed();
    town.phase.send_replace(Phase::Go);
    while people.join_next().await.is_some() {}
    let stored = match stored {
        Some(stored) => stored,
        None => {
            let mut all = std::collections::BTreeMap::new();
            for room in &town.rooms {
                let stored = town.stored(&town.nodes[0], room).await;
                all.insert(room.id, stored.unwrap_or_default());
            }
            all
        }
    };
    town.record(stored);
    recorder.flush()?;
    let violations = checker::check(history::lines(&path)?);
    let progress = town.progress.lock();
    Ok(Outcome {
        violations,
        diverged,
        converged,
        answered: town.answered(),
        connections: progress.iter().map(|one| one.connections).sum(),
        slowest: Duration::from_millis(progress.iter().map(|one| one.slowest).max().unwrap_or(0)),
        ended: place.ended,
    })
}
