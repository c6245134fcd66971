//! The contract on real brokers, what only Kafka does, and faults on brokers inside this process.
//! The real ones come from `cargo xtask services up --only kafka`.

#![allow(clippy::unwrap_used, reason = "everything here is a test")]

mod faults;
mod real;
