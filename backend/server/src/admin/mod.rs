//! What operators ask for: whether the server lives and is ready, how it fares, backups and clearing
//! out, and accounts for measuring.

pub mod health;
pub mod metrics;
pub mod seed;
#[cfg(feature = "otlp")]
pub mod spans;
pub mod trace;
pub mod upkeep;
