//! A call that failed, as an answer: always a `CallError`, so that the page has a code to compare.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use client::api::{CallCode, CallError};
use protocol::Code;

/// Why something was refused.
pub(crate) struct Refusal(CallError);

impl Refusal {
    /// Refused with a code; `why` is for developers.
    pub(crate) fn new(code: Code, why: impl Into<String>) -> Self {
        Self(CallError::new(CallCode::Server(code), why))
    }

    /// What came is no call.
    pub(crate) fn no_call(why: impl Into<String>) -> Self {
        Self(CallError::new(CallCode::BadCall, why))
    }
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (status(self.0.code), Json(self.0)).into_response()
    }
}

/// The page looks at the code only; the status is for whoever looks at the traffic.
fn status(code: CallCode) -> StatusCode {
    match code {
        CallCode::BadCall => StatusCode::BAD_REQUEST,
        CallCode::SignedOut => StatusCode::UNAUTHORIZED,
        CallCode::Offline | CallCode::NotAServer => StatusCode::BAD_GATEWAY,
        CallCode::TooLate | CallCode::NoKeychain => StatusCode::CONFLICT,
        CallCode::Storage => StatusCode::INTERNAL_SERVER_ERROR,
        CallCode::Server(code) => {
            StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}
