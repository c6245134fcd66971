//! What is played.

pub mod broken;
