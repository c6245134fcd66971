//! For the tests of every crate that speaks these words: snapshots of what crosses, and broken text
//! for whatever reads it.
#![allow(clippy::unwrap_used, reason = "everything here is a test")]

mod broken;
mod snapshot;

pub use broken::{BAD, broken, read_back};
pub use snapshot::{Snapshots, variants};
