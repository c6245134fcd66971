//! The HTTP side. All routes are on this page, in the order of the documentation; each handler says
//! its own method and path, and the OpenAPI document is collected from the same list.

pub mod address;
mod boundary;
mod connection;
pub mod document;
mod error;
pub mod extract;
pub mod markdown;
pub mod serve;

use axum::middleware::from_fn_with_state;
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::admin::{health, seed};
use crate::app::App;
use crate::auth::{routes as signing_in, sessions};
use crate::conversations::{self, history};
use crate::people::{self, friends, profile};
use crate::push::routes as push;
use crate::{discovery, gateway};

use document::Document;

pub use address::{ClientAddress, Peer};
pub use error::Error;
pub use extract::{Done, Id, Json, Query};

/// Every route but those of the gateway.
fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(document::beginning())
        // Signing in.
        .routes(routes!(signing_in::register))
        .routes(routes!(signing_in::sign_in))
        .routes(routes!(signing_in::refresh))
        .routes(routes!(sessions::sign_out))
        .routes(routes!(signing_in::change_password))
        // Sessions.
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::end))
        // Account.
        .routes(routes!(profile::me, profile::change))
        .routes(routes!(profile::settings, profile::put_settings))
        // People.
        .routes(routes!(people::search))
        .routes(routes!(people::look_up))
        .routes(routes!(friends::list))
        .routes(routes!(friends::ask, friends::end))
        .routes(routes!(friends::block, friends::unblock))
        // Push.
        .routes(routes!(push::key))
        .routes(routes!(push::list, push::subscribe))
        .routes(routes!(push::unsubscribe))
        // Conversations.
        .routes(routes!(history::events))
        .routes(routes!(conversations::members))
        .routes(routes!(conversations::markers))
        // Server.
        .routes(routes!(discovery::about))
        .routes(routes!(discovery::nodes))
        .routes(routes!(document::serve))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
}

/// Everything that is served, ready to be called.
pub fn router(app: App) -> Router {
    let (router, collected) = routes().split_for_parts();
    router
        .layer(Extension(Document::of(collected)))
        .with_state(app.clone())
        // `GET /v1/socket`, `POST /v1/poll/open`, `POST /v1/poll`, `POST /v1/poll/send`.
        .merge(gateway::routes(app.clone()))
        // `POST /v1/dev/accounts`, when it is switched on.
        .merge(seed::routes(app.clone()))
        .fallback(boundary::not_found)
        .method_not_allowed_fallback(boundary::method_not_allowed)
        .layer(CatchPanicLayer::custom(boundary::panicked))
        .layer(from_fn_with_state(app, boundary::boundary))
}
