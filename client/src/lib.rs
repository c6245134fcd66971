//! The whole chat client, without a window: what the desktop app, the browser bridge and the bot share.

pub mod api;
mod typescript;
pub mod view;

pub use typescript::export_types;
