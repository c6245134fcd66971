//! The real app, driven as a person would: the window over WebDriver on a screen that nobody sees,
//! with a real server, a real keyring and a session bus of its own. Around it is what a desktop has:
//! a service that shows notifications, a host of trays, a person at the frame of the window.

pub mod app;
pub mod notifications;
pub mod patience;
pub mod people;
pub mod person;
pub mod pictures;
pub mod private_session;
pub mod screen;
pub mod tray;
pub mod window;
