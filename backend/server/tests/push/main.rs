//! Pushes, from what is said to a real HTTP receiver that decrypts what it gets.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

#[path = "../api/mod.rs"]
mod api;
mod garbage;
mod hostile;
mod outcomes;
mod place;
mod receiver;
mod silence;
mod whole;
