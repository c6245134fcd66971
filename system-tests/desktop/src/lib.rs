//! The real app, driven as a person would: the window over WebDriver on a screen that nobody sees,
//! with a real server, a real keyring and a session bus of its own.

pub mod people;
pub mod pictures;
pub mod private_session;
pub mod window;
