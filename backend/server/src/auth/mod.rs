//! Who somebody is: accounts are made and signed in to here, and every request and every socket
//! learns here whose it is.
//!
//! A sign-in begins a session, which belongs to one device. The session has a short-lived access
//! token, which every request carries, and a refresh token, which is exchanged for the next pair.
//! A session that was ended is ended at once: each use of a token reads the session's row.

mod attempts;
mod password;
mod refresh;
pub mod routes;
pub mod sessions;
mod sign_in;
mod token;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use protocol::request::Tokens;
use protocol::{Code, DeviceId, Millis, SessionId, UserId};
use storage::{AccountStore, SessionRow, SessionStore};
use tokio::sync::mpsc;

use crate::app::App;
use crate::auth::attempts::Attempts;
use crate::auth::password::Passwords;
use crate::config::{Config, Registration};
use crate::environment::Environment;
use crate::http::Error;

pub use token::Secret;

/// A session's last use is noted when the noted one is older than this.
const USED_EVERY: Millis = 60_000;
/// Uses that wait to be noted. Beyond that they go unnoted: the next one will do.
const USES_WAITING: usize = 1_024;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The account.
    pub user: UserId,
    /// The sign-in.
    pub session: SessionId,
    /// The app that signed in.
    pub device: DeviceId,
}

/// Accounts, sessions and tokens. A cheap handle.
#[derive(Clone)]
pub struct Auth {
    inner: Arc<Inner>,
}

struct Inner {
    environment: Environment,
    accounts: Arc<dyn AccountStore>,
    sessions: Arc<dyn SessionStore>,
    secret: Secret,
    passwords: Passwords,
    /// By account name, or the id of one that is known, and address.
    by_name: Attempts<(String, IpAddr)>,
    /// By address.
    by_address: Attempts<IpAddr>,
    registration: Registration,
    access_millis: Millis,
    uses: mpsc::Sender<(SessionId, Millis)>,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth(…)")
    }
}

impl Auth {
    /// Needs a tokio runtime: a task of its own notes when sessions were last used. It ends with
    /// the last handle.
    ///
    /// # Errors
    /// When the configured hash parameters cannot be used.
    pub fn new(
        config: &Config,
        environment: Environment,
        accounts: Arc<dyn AccountStore>,
        sessions: Arc<dyn SessionStore>,
        secret: Secret,
    ) -> anyhow::Result<Self> {
        let every = millis(config.auth.attempt_seconds);
        let (uses, waiting) = mpsc::channel(USES_WAITING);
        tokio::spawn(note_uses(waiting, sessions.clone()));
        let inner = Inner {
            passwords: Passwords::new(&config.auth, &environment)?,
            by_name: Attempts::new(config.auth.attempts, every),
            // Many people may share an address, so it gets its attempts back faster.
            by_address: Attempts::new(config.auth.attempts_per_address, (every / 10).max(1)),
            registration: config.server.registration,
            access_millis: millis(config.auth.access_seconds),
            environment,
            accounts,
            sessions,
            secret,
            uses,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Who asks with these headers.
    ///
    /// # Errors
    /// `unauthorized`, `token_expired`, `session_ended`; and what the store says.
    pub async fn principal(&self, headers: &HeaderMap) -> Result<Principal, Error> {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let token = match (given.next(), given.next()) {
            (Some(only), None) => only.to_str().ok().and_then(bearer),
            _ => None,
        };
        self.check_access(token.ok_or_else(unauthorized)?).await
    }

    /// Whose this access token is.
    ///
    /// # Errors
    /// As [`Auth::principal`].
    pub async fn check_access(&self, token: &str) -> Result<Principal, Error> {
        let now = self.inner.environment.now();
        let (session, expires) = self.inner.secret.read_access(token).ok_or_else(unauthorized)?;
        if expires <= now {
            return Err(Error::new(Code::TokenExpired, "The access token has expired."));
        }
        let row = self.live(session).await?;
        if now - row.used >= USED_EVERY {
            // When too many wait, the next use will be noted instead.
            let _ = self.inner.uses.try_send((session, now));
        }
        Ok(Principal { user: row.user, session, device: row.device.id })
    }

    /// The row of a session that was not ended.
    async fn live(&self, session: SessionId) -> Result<SessionRow, Error> {
        match self.inner.sessions.session(session).await? {
            Some(row) if !row.ended => Ok(row),
            _ => Err(Error::new(Code::SessionEnded, "The session was ended; sign in again.")),
        }
    }

    /// The tokens of a session: a new access token and the refresh token with this number.
    fn tokens(&self, user: UserId, session: SessionId, device: DeviceId, number: u64) -> Tokens {
        let Inner { environment, secret, access_millis, .. } = &*self.inner;
        Tokens {
            user,
            session,
            access_token: secret.access(session, environment.now() + access_millis),
            refresh_token: secret.refresh(session, number, device),
            expires_in: access_millis.unsigned_abs() / 1_000,
        }
    }

    async fn audit(&self, user: Option<UserId>, action: &str, detail: &str) -> Result<(), Error> {
        let now = self.inner.environment.now();
        Ok(self.inner.accounts.audit(now, user, action, detail).await?)
    }
}

/// The token of a `Bearer` header.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn unauthorized() -> Error {
    Error::new(Code::Unauthorized, "This needs a valid token.")
}

fn millis(seconds: u64) -> Millis {
    Millis::try_from(seconds.saturating_mul(1_000)).unwrap_or(Millis::MAX)
}

/// Notes uses in the order in which they came, all that wait in one commit.
async fn note_uses(
    mut waiting: mpsc::Receiver<(SessionId, Millis)>,
    sessions: Arc<dyn SessionStore>,
) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, 64).await > 0 {
        let noted = batch.drain(..).map(|(session, at)| sessions.touch(session, at));
        for outcome in futures_util::future::join_all(noted).await {
            if let Err(error) = outcome {
                tracing::warn!("a session's last use was not noted: {error}");
            }
        }
    }
}

impl FromRequestParts<App> for Principal {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        app.auth.principal(&parts.headers).await
    }
}
