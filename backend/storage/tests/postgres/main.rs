//! The store of people of a cluster, on a real server: `cargo xtask services up --only postgres` starts
//! it. What ends a server starts one of its own.
#![allow(clippy::unwrap_used, reason = "everything here is a test")]

mod failover;
mod place;
mod races;
mod refused;
mod replica;
mod schema;
mod servers;
mod silence;
mod untold;

storage::people_contract!(place::contract);
