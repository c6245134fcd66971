//! Whether the server lives, and whether it should be sent connections.

use std::time::Duration;

use axum::extract::State;
use protocol::{Code, ConversationId};

use crate::app::App;
use crate::http::Error;

/// How long a store may take to answer and still be called ready.
const STORE: Duration = Duration::from_secs(2);

/// Whether the process lives. Says nothing about what it depends on: a restart would not help that.
#[utoipa::path(get, path = "/healthz", tag = "Server",
    responses((status = 200, body = String, description = "It lives.")))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether connections should be sent here: the node is not about to stop and its store answers.
#[utoipa::path(get, path = "/readyz", tag = "Server",
    extensions(("x-codes" = json!(["stopping", "busy"]))),
    responses((status = 200, body = String, description = "It is ready.")))]
pub(crate) async fn readyz(State(app): State<App>) -> Result<&'static str, Error> {
    if app.stop.is_cancelled() {
        return Err(Error::new(Code::Stopping, "This node takes no connections."));
    }
    // Nothing has this id, but the store has to look.
    let read = app.stores.history.head(ConversationId(uuid::Uuid::nil()));
    tokio::time::timeout(STORE, read).await.map_err(|_| Error::busy())??;
    Ok("ready\n")
}
