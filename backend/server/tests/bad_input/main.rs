//! Bad input over live sockets and HTTP. Each test is named by its row of `docs/bad-inputs.md`, and each
//! shows the same: the right code, the session intact, nothing lost, nobody else harmed.
//!
//! Where a limit of time is tested the connection is a pipe in memory and the clock is tokio's paused
//! one; everything else goes over real sockets and waits for nothing but answers.
// Helpers of tests are tests, and seen by nobody else.
#![allow(clippy::unwrap_used, unreachable_pub)]

#[path = "../api/mod.rs"]
mod api;

mod live;
mod person;
mod process;
mod socket;
mod table;

mod floods;
mod frames;
mod framing;
mod groups;
mod markers;
mod opening;
mod reading;
mod refs;
mod requests;
mod sends;
mod sweep;
mod texts;
