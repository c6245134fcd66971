//! Where real clients meet the real server. [`scenes`] are written once and run three times: in a
//! [`world`] of virtual time in this process, in a [`cluster`] of several nodes in this process, and
//! over real sockets ([`black_box`]). Scenes that need an injected fault are in [`faults`], those that
//! need one between two effects of a node in [`effects`]; [`walk`] is a seeded random walk;
//! [`sabotage`] shows that all this would notice.

// Nothing is public outside a test binary; `pub` marks what other files of it may use.
#![allow(unreachable_pub)]

mod black_box;
mod cluster;
mod device;
mod effects;
mod faults;
mod history;
mod line;
mod model;
mod node;
mod place;
mod sabotage;
mod scenes;
mod simulated;
mod walk;
mod world;
