//! Every implementation against the contract, and what only SQLite has: commits in groups, damage,
//! backups. One program, so that it is linked once.
#![allow(clippy::unwrap_used, reason = "everything here is a test")]

mod agreement;
mod backup;
mod contract;
mod damage;
mod memory;
mod open;
mod writer;
