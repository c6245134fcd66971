//! `kithd` is killed at any moment, and nothing that it acknowledged is missing.

use std::time::Duration;

use crate::kills::{Plan, play};

/// A number from the environment.
pub(crate) fn number(variable: &str, usual: u64) -> u64 {
    let set = std::env::var(variable).ok();
    set.map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}")))
}

#[tokio::test]
async fn whatever_kithd_has_acknowledged_is_there_once_and_in_order_after_every_kill() {
    let plan = Plan {
        program: programs::built("kithd").unwrap(),
        sabotage: None,
        seed: number("KITH_TEST_SEED", 1),
        kills: u32::try_from(number("KITH_TEST_KILLS", 100)).unwrap(),
        patience: Duration::from_secs(60),
    };
    let findings = play(&plan).await.unwrap();
    assert!(findings.is_empty(), "KITH_TEST_SEED={}\n{}", plan.seed, findings.join("\n"));
}
