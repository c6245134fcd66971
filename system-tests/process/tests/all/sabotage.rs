//! The tests of this crate notice a `kithd` that does it wrong: each case of
//! [`storage::sabotage`] that a kill or a trace can show is put into a real process.

use std::path::PathBuf;
use std::time::Duration;

use storage::sabotage::Case;

use crate::kills::{Plan, play};
use crate::server_kills::number;

/// Where a loss has to show, a slow machine must not look like one that stands still.
const LONG: Duration = Duration::from_secs(60);
/// Where standing still is what has to show.
const SHORT: Duration = Duration::from_secs(5);

/// The program that can do it wrong.
fn sabotaged() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_kithd-sabotaged"))
}

/// Play with a server that does this wrong until that shows, and see that it shows as one of these.
async fn shows(case: Case, patience: Duration, what: &[&str]) {
    let (program, seed, kills) = (sabotaged(), number("KITH_TEST_SEED", 1), 100);
    let plan = Plan { program, sabotage: Some(case), seed, kills, patience };
    let findings = play(&plan).await.unwrap();
    let shown = findings.iter().any(|finding| what.iter().any(|what| finding.contains(what)));
    assert!(shown, "{what:?} is not among {findings:#?}");
}

#[tokio::test]
async fn without_a_fault_the_sabotaged_program_is_kithd() {
    let plan = Plan { program: sabotaged(), sabotage: None, seed: 2, kills: 5, patience: LONG };
    assert_eq!(play(&plan).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn an_acknowledgement_before_storing_shows_as_a_loss() {
    shows(Case::AcknowledgeBeforeStoring, LONG, LOSS).await;
}

#[tokio::test]
async fn an_event_that_is_told_before_it_is_stored_shows_as_a_loss() {
    shows(Case::PublishBeforeStoring, LONG, LOSS).await;
}

/// What was told is not there after the kill, or something else is there in its place.
const LOSS: &[&str] = &["is lost", "was told as", "and is told as", "and then"];

#[tokio::test]
async fn a_resend_that_is_not_recognized_shows_as_a_message_that_is_there_twice() {
    shows(Case::SkipDedup, LONG, &["twice"]).await;
}

#[tokio::test]
async fn a_conversation_that_begins_again_after_a_restart_shows_at_once() {
    // The store refuses another event in the place of one that it has, so nothing goes on.
    shows(Case::ForgetHead, SHORT, &["acknowledged in", "and is told as", "and then"]).await;
}

#[tokio::test]
async fn rows_that_carry_the_time_of_day_show_as_a_conversation_that_stands_still() {
    shows(Case::WallClock, SHORT, &["acknowledged in"]).await;
}
