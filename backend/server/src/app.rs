//! Everything that there is at run time, in one place, each part documented. Built once, handed
//! down; whoever needs less is given less.

use std::sync::Arc;

use storage::{AccountStore, FoldStore, FriendStore, HistoryStore, MarkerStore, SessionStore};

use crate::environment::Environment;

/// The stores, each behind its own trait. One database may be behind all of them.
#[derive(Clone)]
pub struct Stores {
    /// What the sequencer writes and needs.
    pub fold: Arc<dyn FoldStore>,
    /// What readers see.
    pub history: Arc<dyn HistoryStore>,
    /// How far everybody is.
    pub markers: Arc<dyn MarkerStore>,
    /// Names, passwords, profiles, settings.
    pub accounts: Arc<dyn AccountStore>,
    /// Signed-in devices.
    pub sessions: Arc<dyn SessionStore>,
    /// Friends and blocks.
    pub friends: Arc<dyn FriendStore>,
}

/// Everything that there is at run time. A cheap handle.
#[derive(Clone)]
pub struct App {
    /// Time, randomness, threads.
    pub environment: Environment,
    /// The stores.
    pub stores: Stores,
}
