//! `kithd`: one program that is every stage of Kith's server.
//!
//! `app` is all there is at run time, `http` lists every route, `gateway` holds the sockets,
//! `pipeline` turns submitted records into ordered, stored, delivered events. The rest are parts of
//! the product: `auth`, `people`, `conversations`, `discovery`, `push`,
//! `admin`.

pub mod admin;
pub mod app;
pub mod auth;
pub mod cli;
pub mod config;
pub mod conversations;
pub mod discovery;
pub mod environment;
pub mod gateway;
pub mod http;
pub mod link;
pub mod parts;
pub mod people;
pub mod pipeline;
pub mod push;
