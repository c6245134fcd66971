//! What is played.

pub mod broken;
pub mod clocks;
pub mod roll;
pub mod sabotage;
