//! A signed-in session: its tokens, refreshed at half of their life. The next refresh token is kept
//! before it is used, so a lost answer or a kill at any moment leaves one that is valid.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use protocol::request::{Refresh, Tokens};
use protocol::{Code, DeviceId, UserId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::connect::{RequestError, Requests};
use crate::secrets::{Secrets, SecretsError};

/// Why a request in the name of a session has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// The session is over: sign in again.
    #[error("the session is over")]
    Over,
    /// The refresh token cannot be read or kept.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// See there.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Where a session keeps its refresh token.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) service: String,
    pub(crate) account: String,
}

pub(crate) struct Session {
    requests: Requests,
    place: Place,
    user: UserId,
    device: DeviceId,
    /// The access token; behind a lock, so that only one refresh is on its way.
    access: Mutex<Option<Access>>,
}

#[derive(Clone)]
struct Access {
    token: String,
    refresh_at: Instant,
    expires_at: Instant,
}

impl Access {
    fn new(tokens: &Tokens) -> Self {
        let now = Instant::now();
        let life = Duration::from_secs(tokens.expires_in.clamp(2, 7 * 24 * 3600));
        Self {
            token: tokens.access_token.clone(),
            refresh_at: now + life / 2,
            expires_at: now + life,
        }
    }
}

impl Place {
    pub(crate) async fn keep(&self, refresh_token: &str) -> Result<(), SecretsError> {
        self.secrets.put(&self.service, &self.account, refresh_token).await
    }

    pub(crate) async fn read(&self) -> Result<Option<String>, SecretsError> {
        self.secrets.get(&self.service, &self.account).await
    }

    pub(crate) async fn forget(&self) -> Result<(), SecretsError> {
        self.secrets.delete(&self.service, &self.account).await
    }
}

impl Session {
    /// A session whose refresh token is at `place`; `tokens` are those of a sign-in just now.
    pub(crate) fn new(
        requests: Requests,
        place: Place,
        user: UserId,
        device: DeviceId,
        tokens: Option<&Tokens>,
    ) -> Self {
        let access = Mutex::new(tokens.map(Access::new));
        Self { requests, place, user, device, access }
    }

    pub(crate) fn requests(&self) -> &Requests {
        &self.requests
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// An access token that is valid, refreshed if it has lived half of its life. While the server
    /// cannot be reached, an older one that has not expired.
    pub(crate) async fn token(&self) -> Result<String, SessionError> {
        let mut access = self.access.lock().await;
        let now = Instant::now();
        match &*access {
            Some(held) if now < held.refresh_at => Ok(held.token.clone()),
            Some(held) if now < held.expires_at => match self.refresh(&mut access).await {
                Err(SessionError::Request(RequestError::Lost(_))) => {
                    Ok(access.as_ref().map(|held| held.token.clone()).unwrap_or_default())
                }
                answer => answer,
            },
            _ => self.refresh(&mut access).await,
        }
    }

    /// Another token than this one, which the server does not take.
    pub(crate) async fn renew(&self, refused: &str) -> Result<String, SessionError> {
        let mut access = self.access.lock().await;
        match &*access {
            Some(held) if held.token != refused => Ok(held.token.clone()),
            _ => self.refresh(&mut access).await,
        }
    }

    /// When the token has lived half of its life; `None` while there is none.
    pub(crate) async fn refresh_at(&self) -> Option<Instant> {
        self.access.lock().await.as_ref().map(|held| held.refresh_at)
    }

    async fn refresh(&self, access: &mut Option<Access>) -> Result<String, SessionError> {
        let Some(refresh_token) = self.place.read().await? else {
            return Err(SessionError::Over);
        };
        let body = Refresh { refresh_token, device: self.device };
        let tokens: Tokens =
            match self.requests.ask(Method::POST, "/v1/refresh", None, Some(&body)).await {
                Ok(tokens) => tokens,
                Err(RequestError::Problem(problem)) if ends_session(problem.code) => {
                    return Err(SessionError::Over);
                }
                Err(error) => return Err(error.into()),
            };
        if tokens.user != self.user {
            // The keychain gave somebody else's entry.
            return Err(SessionError::Over);
        }
        self.place.keep(&tokens.refresh_token).await?;
        let token = tokens.access_token.clone();
        *access = Some(Access::new(&tokens));
        Ok(token)
    }

    /// One request in the session's name. A token that the server does not take is renewed once.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, SessionError> {
        let token = self.token().await?;
        match self.requests.ask(method.clone(), path, Some(&token), body).await {
            Err(RequestError::Problem(problem)) if ends_session(problem.code) => {
                let token = self.renew(&token).await?;
                Ok(self.requests.ask(method, path, Some(&token), body).await?)
            }
            answer => Ok(answer?),
        }
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, SessionError> {
        self.ask(Method::GET, path, None::<&()>).await
    }
}

fn ends_session(code: Code) -> bool {
    matches!(code, Code::Unauthorized | Code::TokenExpired | Code::SessionEnded)
}
