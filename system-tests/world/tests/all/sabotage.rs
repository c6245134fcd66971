//! Shows that the tests of this folder would notice: each fault that can be put in on purpose makes
//! one of them fail. The same test runs again in a process of its own, where the environment names the
//! fault; nothing else about it is different.

use std::process::Command;

use storage::sabotage::{Case, VARIABLE};

const WALK: &str =
    "walk::whatever_happens_nothing_is_lost_nothing_is_there_twice_and_all_see_one_order";
const CLUSTER_WALK: &str = "walk::whatever_happens_to_the_nodes_of_a_cluster_too";
const DISK: &str = "faults::commits_of_a_server_wait_for_the_disk";

/// The test fails, and not because there is no such test.
fn notices(test: &str, case: Case) {
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command.args([test, "--exact"]).env(VARIABLE, case.name());
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success(), "{case:?} went unnoticed");
    assert!(text.contains(&format!("{test} ... FAILED")), "{case:?}: {text}");
}

/// The walk in a world of one server fails, and so does the walk in a cluster.
fn both_walks_notice(case: Case) {
    notices(WALK, case);
    notices(CLUSTER_WALK, case);
}

#[test]
fn an_acknowledgement_before_storing_is_noticed() {
    both_walks_notice(Case::AcknowledgeBeforeStoring);
}

#[test]
fn a_skipped_dedup_is_noticed() {
    both_walks_notice(Case::SkipDedup);
}

#[test]
fn telling_others_before_storing_is_noticed() {
    both_walks_notice(Case::PublishBeforeStoring);
}

#[test]
fn a_forgotten_head_is_noticed() {
    both_walks_notice(Case::ForgetHead);
}

#[test]
fn the_wall_clock_in_place_of_the_position_is_noticed() {
    both_walks_notice(Case::WallClock);
}

#[test]
fn commits_that_do_not_wait_for_the_disk_are_noticed() {
    notices(DISK, Case::SynchronousOff);
}
