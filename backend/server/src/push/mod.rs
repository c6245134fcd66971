//! What reaches people who have no session: messages are pushed to places that their apps have named.
//!
//! `gather` takes messages from the inbox into the push queue, `work` reads the queue, waits, asks
//! `decide` and has `send` do it. `routes` is where apps name places; `target` says which may be named.

pub mod decide;
pub mod gather;
pub mod routes;
pub mod send;
mod subjects;
pub mod target;
pub mod web_push;
pub mod work;
