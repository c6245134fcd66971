//! What a handler answers when it cannot do what was asked. Every failure becomes one
//! `application/problem+json`; what is behind it stays inside and is logged once, at the boundary.

use std::fmt;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use protocol::{Code, Problem};
use storage::StorageError;

/// The media type of every refusal (RFC 9457).
pub(crate) const PROBLEM: &str = "application/problem+json";

/// Why a request was refused or failed.
#[derive(Clone, Debug)]
pub struct Error {
    problem: Problem,
    cause: Option<Arc<anyhow::Error>>,
}

/// What was behind a failure. Travels in the response's extensions to where it is logged.
#[derive(Clone, Debug)]
pub(crate) struct Cause(pub(crate) Arc<anyhow::Error>);

impl Error {
    /// A refusal with this code; `title` says in English what to do better.
    #[must_use]
    pub fn new(code: Code, title: &str) -> Self {
        Self { problem: Problem::new(code, title), cause: None }
    }

    /// Something broke that the asker can do nothing about.
    #[must_use]
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        let problem = Problem::new(Code::Internal, "Something broke inside the server.");
        Self { problem, cause: Some(Arc::new(cause.into())) }
    }

    /// Too many: to be tried again after that time.
    #[must_use]
    pub fn slow_down(retry_after_ms: u64) -> Self {
        Self::new(Code::SlowDown, "Too many attempts.").after(retry_after_ms)
    }

    /// The server cannot take more right now.
    #[must_use]
    pub fn busy() -> Self {
        Self::new(Code::Busy, "The server cannot take more right now.").after(1_000)
    }

    /// The same, with the time after which to try again.
    #[must_use]
    pub fn after(mut self, retry_after_ms: u64) -> Self {
        self.problem.retry_after_ms = Some(retry_after_ms);
        self
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.problem.code
    }

    /// What the asker is told.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        error.problem
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self { problem, cause: None }
    }
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::NameTaken => Self::new(Code::NameTaken, "Somebody has this name."),
            StorageError::Damaged { .. } => Self {
                problem: Problem::new(Code::Damaged, "Stored history is damaged and not served."),
                cause: Some(Arc::new(error.into())),
            },
            StorageError::CommitFailed(_) => {
                Self { cause: Some(Arc::new(error.into())), ..Self::busy() }
            }
            StorageError::Unavailable(_) => Self::internal(error),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.problem.code, self.problem.title)
    }
}

impl std::error::Error for Error {}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let Self { problem, cause } = self;
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // The type has strings as keys and nothing that can fail.
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(millis) = problem.retry_after_ms {
            headers.insert(RETRY_AFTER, HeaderValue::from(millis.div_ceil(1_000)));
        }
        if let Some(cause) = cause {
            response.extensions_mut().insert(Cause(cause));
        }
        response
    }
}
