//! A cluster on real services, broken again and again while people talk: nodes, brokers and stores are
//! killed and frozen, links are cut. What everybody sent and was told is recorded ([`history`]), and a
//! pure function says what must not have happened ([`checker`]). What is broken when follows from a seed
//! ([`nemesis`]).

#![allow(clippy::expect_used)] // A test ends by panicking where there is nothing to be done.

pub mod api;
pub mod app;
pub mod checker;
pub mod history;
pub mod link;
pub mod nemesis;
pub mod person;
pub mod place;
pub mod scenes;
pub mod services;
pub mod town;
