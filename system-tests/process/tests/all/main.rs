//! Real programs as processes. `kithd` is killed with SIGKILL at seeded random moments, and nothing
//! that it acknowledged may be missing; `kith-bot` likewise, and its outbox is sent once. SIGKILL
//! cannot show a missing fsync, so `kithd`'s system calls are watched too. And all of this is shown to
//! notice a `kithd` that does it wrong.
//!
//! Two variables change how the kill tests run: `KITH_TEST_KILLS`, how often `kithd` is killed (100;
//! `cargo xtask test --kills 3000` sets it), and `KITH_TEST_SEED`, the seed of the moments and of what
//! is sent. A failure prints its seed.
#![allow(clippy::expect_used, clippy::unwrap_used)] // A test fails by panicking.

mod api;
mod book;
mod bot;
mod bots;
mod client_kills;
mod kills;
mod sabotage;
mod server_kills;
mod session;
#[cfg(target_os = "linux")]
mod system_calls;
#[cfg(target_os = "linux")]
mod trace;
