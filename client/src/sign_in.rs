//! Signing in and out. The keychain is tried before the server is asked, so that a session is not
//! begun that could not be kept.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use protocol::request::{Device, Me, Register, SignIn, Tokens};
use serde::Serialize;

use crate::account::Account;
use crate::api::{CallCode, CallError, RegisterArgs, SignInArgs};
use crate::connect::{RequestError, Requests, complete_address};
use crate::secrets::MemorySecrets;
use crate::session::{Place, SessionError};
use crate::store::{Identity, StoreError, account_folder};
use crate::view::AppState;
use crate::{Client, Inner};

/// The server is told of a sign-out for at most this long; the device signs out in any case.
const FAREWELL: Duration = Duration::from_secs(3);

impl Client {
    pub(crate) async fn register_account(&self, args: RegisterArgs) -> Result<AppState, CallError> {
        protocol::name::account_name(&args.name).map_err(refused)?;
        let body = Register {
            name: args.name,
            password: args.password,
            display_name: args.display_name,
            device: self.inner.device(),
        };
        self.inner.sign_in(&args.address, "/v1/register", &body, args.session_only).await
    }

    pub(crate) async fn sign_in_account(&self, args: SignInArgs) -> Result<AppState, CallError> {
        let body = SignIn { name: args.name, password: args.password, device: self.inner.device() };
        self.inner.sign_in(&args.address, "/v1/sign-in", &body, args.session_only).await
    }

    /// End the session and remove what this device holds.
    pub(crate) async fn sign_out_account(&self) -> Result<AppState, CallError> {
        let inner = &self.inner;
        let _one = inner.signing.lock().await;
        let running = inner.running().ok_or_else(signed_out)?;
        let identity = running.identity();
        let path = format!("/v1/sessions/{}", identity.session);
        let farewell = running.session.ask::<serde_json::Value>(Method::DELETE, &path, None::<&()>);
        match tokio::time::timeout(FAREWELL, farewell).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::info!(%error, "the server was not told of the sign-out"),
            Err(_) => tracing::info!("the server does not answer the sign-out"),
        }
        if let Err(error) = running.session.place().forget().await {
            tracing::warn!(%error, "the refresh token stays in the keychain");
        }
        drop(running);
        inner.end().await;
        inner.set_account(None)?;
        let folder = account_folder(&identity.address, identity.person.id);
        let path = inner.profile.lock().account_path(&folder);
        let removed = inner.environment.blocking.run(move || std::fs::remove_dir_all(path)).await;
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(CallError::new(CallCode::Storage, error.to_string()));
            }
            _ => {}
        }
        Ok(inner.state())
    }
}

impl Inner {
    fn device(&self) -> Device {
        Device {
            id: self.profile.lock().profile.device,
            name: self.device_name.clone(),
            platform: self.platform.clone(),
        }
    }

    async fn sign_in(
        self: &Arc<Self>,
        address: &str,
        path: &str,
        body: &impl Serialize,
        session_only: bool,
    ) -> Result<AppState, CallError> {
        let _one = self.signing.lock().await;
        if self.running().is_some() {
            return Err(CallError::new(CallCode::BadCall, "somebody is signed in"));
        }
        let address = complete_address(address)
            .map_err(|error| CallError::new(CallCode::NotAServer, error.to_string()))?;
        if !session_only {
            // A keychain that is absent or locked shows here, before a session is begun.
            self.place("test".into()).read().await?;
        }
        let requests = self.requests(&address);
        let tokens: Tokens = requests.ask(Method::POST, path, None, Some(body)).await?;
        let token = tokens.access_token.as_str();
        let me: Me = requests.ask(Method::GET, "/v1/me", Some(token), None::<&()>).await?;
        if me.person.id != tokens.user {
            return Err(CallError::new(CallCode::NotAServer, "the tokens are somebody else's"));
        }
        let folder = account_folder(&address, tokens.user);
        let place = if session_only {
            let secrets = Arc::new(MemorySecrets::default());
            Place { secrets, service: self.service.clone(), account: folder.clone() }
        } else {
            self.place(folder.clone())
        };
        if let Err(error) = place.keep(&tokens.refresh_token).await {
            end_session(&requests, &tokens).await;
            return Err(error.into());
        }
        let identity = Identity {
            address,
            person: me.person,
            device: self.profile.lock().profile.device,
            session: tokens.session,
            session_only,
        };
        let session = self.session(&identity, Some((&tokens, place)));
        let (path, typing) = {
            let file = self.profile.lock();
            (file.account_path(&folder), file.profile.settings.typing)
        };
        let environment = self.environment.clone();
        let opened = self
            .environment
            .blocking
            .run(move || Account::open(&path, Some(identity), environment, typing))
            .await;
        let account = match opened {
            Ok(Some(account)) => account,
            Ok(None) => return Err(CallError::new(CallCode::Storage, "no account was opened")),
            Err(error) => {
                end_session(&requests, &tokens).await;
                return Err(error.into());
            }
        };
        self.set_account(Some(folder))?;
        self.begin(account, session);
        Ok(self.state())
    }
}

/// A session that cannot be used is not left behind.
async fn end_session(requests: &Requests, tokens: &Tokens) {
    let path = format!("/v1/sessions/{}", tokens.session);
    let ended: Result<serde_json::Value, _> =
        requests.ask(Method::DELETE, &path, Some(&tokens.access_token), None::<&()>).await;
    if let Err(error) = ended {
        tracing::info!(%error, "a session is left behind");
    }
}

pub(crate) fn signed_out() -> CallError {
    CallError::new(CallCode::SignedOut, "nobody is signed in")
}

pub(crate) fn refused(code: protocol::Code) -> CallError {
    CallError::new(CallCode::Server(code), code.as_str())
}

impl From<StoreError> for CallError {
    fn from(error: StoreError) -> Self {
        Self::new(CallCode::Storage, error.to_string())
    }
}

impl From<crate::secrets::SecretsError> for CallError {
    fn from(error: crate::secrets::SecretsError) -> Self {
        Self::new(CallCode::NoKeychain, error.to_string())
    }
}

impl From<RequestError> for CallError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Lost(error) => Self::new(CallCode::Offline, error.to_string()),
            RequestError::NotAServer(what) => Self::new(CallCode::NotAServer, what),
            RequestError::Problem(problem) => Self {
                code: CallCode::Server(problem.code),
                detail: problem.title,
                retry_after_ms: problem.retry_after_ms,
            },
        }
    }
}

impl From<SessionError> for CallError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Over => signed_out(),
            SessionError::Secrets(error) => error.into(),
            SessionError::Request(error) => error.into(),
        }
    }
}

impl From<crate::account::ComposeError> for CallError {
    fn from(error: crate::account::ComposeError) -> Self {
        use crate::account::ComposeError::{Refused, Store, TooLate};
        match error {
            Refused(code) => refused(code),
            TooLate => Self::new(CallCode::TooLate, "it was handed to a connection already"),
            Store(error) => error.into(),
        }
    }
}
