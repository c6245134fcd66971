//! The store of a cluster on three real nodes: `cargo xtask services up` starts them.
#![allow(clippy::unwrap_used, reason = "everything here is a test")]

mod damage;
mod half;
mod marks;
mod open;
mod owner;
mod owners;
mod schema;
mod timestamps;

storage::conversation_contract!(open::contract);
