//! What operators ask for: whether the server lives and is ready, backups and clearing out, and
//! accounts for measuring.

pub mod health;
pub mod seed;
pub mod upkeep;
