//! The test's own test: a cluster that does it wrong on purpose is found out.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use programs::built;

use super::broken::{Outcome, Plan, play};
use crate::checker::Kind;
use crate::nemesis::{Act, Step, Target};
use crate::place::Different;

/// The variable of `kithd-sabotaged` that names the case; the cases are in `storage/src/sabotage.rs`.
const VARIABLE: &str = "KITH_SABOTAGE";
/// How long people talk.
const LENGTH: Duration = Duration::from_secs(8);
/// How long a conversation that stands still is waited for.
const CONVERGE: Duration = Duration::from_secs(8);

/// A fault of the server, and as what it shows. `None` is a conversation that stands still.
const CASES: &[(&str, &[Option<Kind>])] = &[
    ("acknowledge-before-storing", &[Some(Kind::Lost)]),
    ("publish-before-storing", &[Some(Kind::Lost)]),
    ("skip-dedup", &[Some(Kind::Duplicate)]),
    ("forget-head", &[Some(Kind::Order), Some(Kind::Lost), None]),
    ("wall-clock", &[None, Some(Kind::Lost), Some(Kind::Order)]),
];

/// Play each case, or only the named one, and see that it shows. Gives how many there were.
///
/// # Errors
/// When one does not show, or cannot be played.
pub async fn play_all(folder: &Path, seed: u64, only: Option<&str>) -> Result<usize> {
    let cases = CASES.iter().filter(|(case, _)| only.is_none_or(|only| only == *case));
    let mut played = 0;
    for (case, shows) in cases {
        let own = folder.join(case);
        std::fs::create_dir_all(&own)?;
        let outcome = play(&own, plan(case, seed)?).await?;
        let found = found(&outcome);
        ensure!(
            shows.iter().any(|wanted| found.contains(wanted)),
            "{case} does not show as one of {shows:?}, but as {found:?}"
        );
        say(case, &found);
        played += 1;
    }
    ensure!(played > 0, "there is no such case");
    Ok(played)
}

fn plan(case: &str, seed: u64) -> Result<Plan> {
    let node = Target::Node(0);
    let step = |millis, act| Step { at: Duration::from_millis(millis), act };
    Ok(Plan {
        seed,
        length: LENGTH,
        // Somebody else takes up what the node had in hand.
        steps: vec![step(3_500, Act::Kill(node)), step(6_000, Act::Revive(node))],
        different: Different {
            program: Some(built("kithd-sabotaged")?),
            variables: vec![(VARIABLE.into(), case.into())],
            ..Different::default()
        },
        converge: CONVERGE,
    })
}

/// What an outcome shows.
fn found(outcome: &Outcome) -> Vec<Option<Kind>> {
    let mut kinds: Vec<Option<Kind>> =
        outcome.violations.iter().map(|violation| Some(violation.kind)).collect();
    kinds.dedup();
    kinds.extend(outcome.diverged.is_some().then_some(None));
    kinds
}

#[allow(clippy::print_stdout)] // A person follows it.
fn say(case: &str, found: &[Option<Kind>]) {
    println!("{case} shows as {found:?}");
}
