//! Nodes whose clocks are an hour apart: clocks are for display, so nothing else may notice.

use std::path::Path;

use anyhow::Result;
use programs::built;

use super::roll::{self, Rolled};
use crate::place::Different;

/// The variable of `kithd-sabotaged` with what its clock is wrong by, in milliseconds: it is in
/// `storage/src/sabotage.rs`.
const VARIABLE: &str = "KITH_CLOCK_OFFSET";

/// One roll of three nodes, one of which is an hour ahead and another an hour behind, so that work and
/// people go from each to each, with access tokens that are good for an hour.
///
/// # Errors
/// As [`roll::play`].
pub async fn play(folder: &Path) -> Result<Rolled> {
    let clock = |offset: &str| vec![(VARIABLE.to_owned(), offset.to_owned())];
    let different = Different {
        program: Some(built("kithd-sabotaged")?),
        variables: vec![("KITH__AUTH__ACCESS_SECONDS".into(), "3600".into())],
        each: [Vec::new(), clock("3600000"), clock("-3600000")],
    };
    roll::play(folder, 1, different).await
}
