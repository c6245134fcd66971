//! The laws of the sequencer: what the fold of a log is, whoever folds it, in whatever cuts, with
//! whatever crashes, and beside whichever other owner.
//!
//! Every test here is deterministic. Properties are tried with a fixed seed; `PROPTEST_RNG_SEED` and
//! `PROPTEST_CASES` try others, and a failing case is printed as the shortest log that fails.
#![allow(clippy::unwrap_used, reason = "everything here is a test")]

mod closing;
mod databases;
mod generated;
mod interleaved;
mod lone;
mod members;
mod messages;
mod owners;
mod partitions;
mod properties;
mod records;
mod refs;
mod schedules;
mod talk;
mod told;
mod versions;
