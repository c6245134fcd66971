//! One's signed-in devices: seeing them and ending them.

use axum::extract::State;
use protocol::request::{Session, Sessions};
use protocol::{Code, SessionId};
use storage::SessionRow;

use crate::app::App;
use crate::auth::{Auth, Principal};
use crate::http::extract::Named;
use crate::http::{Done, Error, Id, Json};

impl Auth {
    /// The person's sessions, most recently used first.
    ///
    /// # Errors
    /// What the store says.
    pub async fn sessions(&self, who: Principal) -> Result<Vec<Session>, Error> {
        let rows = self.inner.sessions.sessions(who.user).await?;
        let shown = |row: SessionRow| Session {
            current: row.id == who.session,
            id: row.id,
            device: row.device,
            created: row.created,
            used: row.used,
        };
        Ok(rows.into_iter().map(shown).collect())
    }

    /// End one of the person's own sessions.
    ///
    /// # Errors
    /// `not_found` for one that is ended, somebody else's, or does not exist: all the same.
    pub async fn end(&self, who: Principal, session: SessionId) -> Result<(), Error> {
        let now = self.inner.environment.now();
        if self.inner.sessions.end(who.user, &[session], now).await? == 0 {
            return Err(SessionId::missing());
        }
        self.audit(Some(who.user), "session_ended", &session.to_string()).await
    }
}

/// One's signed-in devices.
#[utoipa::path(get, path = "/v1/sessions", tag = "Sessions", security(("access_token" = [])),
    responses((status = 200, body = Sessions)))]
pub(crate) async fn list(State(app): State<App>, who: Principal) -> Result<Json<Sessions>, Error> {
    Ok(Json(Sessions { sessions: app.auth.sessions(who).await? }))
}

/// End one of one's own sessions.
///
/// Its sockets close within five seconds and its tokens stop working at once.
#[utoipa::path(delete, path = "/v1/sessions/{session}", tag = "Sessions",
    security(("access_token" = [])),
    params(("session" = SessionId, Path, description = "From `GET /v1/sessions`.")),
    extensions(("x-codes" = json!(["not_found"]))),
    responses((status = 204, description = "It is ended.")))]
pub(crate) async fn end(
    State(app): State<App>,
    who: Principal,
    Id(session): Id<SessionId>,
) -> Result<Done, Error> {
    app.auth.end(who, session).await.map(|()| Done)
}

/// End the session that asks.
#[utoipa::path(post, path = "/v1/sign-out", tag = "Signing in", security(("access_token" = [])),
    responses((status = 204, description = "Signed out.")))]
pub(crate) async fn sign_out(State(app): State<App>, who: Principal) -> Result<Done, Error> {
    match app.auth.end(who, who.session).await {
        // Another request of the same app was faster.
        Err(error) if error.code() == Code::NotFound => Ok(Done),
        outcome => outcome.map(|()| Done),
    }
}
