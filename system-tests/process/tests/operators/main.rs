//! What operators meet: settings and services that are not as they must be, topics that were made anew.
//! Real processes on the real services.
#![allow(clippy::expect_used, clippy::unwrap_used)] // A test fails by panicking.

#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../all/api.rs"]
mod api;
mod collector;
mod cql;
mod fold;
mod place;
mod refusals;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../all/session.rs"]
mod session;
mod spans;
mod talk;
mod topics;
