//! What the person is told of while they look elsewhere. [`policy`] decides, and is pure; [`Alerts`]
//! brings it what is known at the instant of showing, and remembers what is shown.

pub mod policy;
#[cfg(test)]
mod tests;
mod watch;

pub use policy::{Alert, Content, Looking};
pub use watch::Alerts;
