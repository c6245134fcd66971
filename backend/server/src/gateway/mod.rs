//! The gateway: it holds the sessions, over WebSockets and long-poll, with the same frames.

pub(crate) mod answer;
mod cursor;
mod outgoing;
pub mod poll;
mod session;
mod socket;

use axum::Router;
use axum::routing::{get, post};
use protocol::{Code, SessionId, UserId};

use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;

pub use outgoing::Outgoing;

/// The gateway's routes.
pub fn routes(app: App) -> Router {
    Router::new()
        .route("/v1/socket", get(socket::upgrade))
        .route("/v1/poll/open", post(poll::open))
        .route("/v1/poll", post(poll::poll))
        .route("/v1/poll/send", post(poll::send))
        .with_state(app)
}

/// Whether this sign-in may have one more live connection.
fn admit(app: &App, principal: Principal) -> Result<(), Error> {
    if app.stop.is_cancelled() {
        return Err(Error::new(Code::Stopping, "this node is stopping"));
    }
    if !has_room(app, principal.user, principal.session, 1) {
        return Err(Error::new(Code::TooManySockets, "too many live connections"));
    }
    if app.delivery.sessions() >= app.config.limits.sockets {
        return Err(Error::new(Code::Busy, "this node is full"));
    }
    Ok(())
}

/// Whether a person and one of their sign-ins may have `more` live connections than they have now.
fn has_room(app: &App, user: UserId, session: SessionId, more: usize) -> bool {
    let (of_user, of_session) = app.delivery.count(user, session);
    let limits = &app.config.limits;
    of_user + more <= limits.sockets_per_user && of_session + more <= limits.sockets_per_device
}
