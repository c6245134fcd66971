//! What operators ask for: whether the server lives and is ready, backups, checks, seeded accounts.

pub mod health;
