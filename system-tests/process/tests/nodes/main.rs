//! What binds three nodes to each other: people who are connected to different ones, and whose inboxes
//! belong to still others, notice nothing of that, also while a node is frozen, killed, or reached by
//! nobody. Needs the real services.
#![allow(clippy::expect_used, clippy::unwrap_used)] // A test fails by panicking.

#[path = "../all/api.rs"]
mod api;
mod people;
mod scenes;
#[path = "../all/session.rs"]
mod session;
