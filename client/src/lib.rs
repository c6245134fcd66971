//! The whole chat client, without a window: what the desktop app, the browser bridge and the bot share.

pub mod account;
pub mod api;
mod blocks;
mod blocking;
pub mod connect;
mod environment;
mod markers;
mod outbox;
pub mod secrets;
pub mod store;
pub mod sync;
pub mod text;
mod typescript;
pub mod view;

pub use typescript::export_types;
