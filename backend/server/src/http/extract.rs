//! What handlers take out of requests, each with our own refusals: a JSON body, an id in the path,
//! numbers in the query.

use std::str::FromStr;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use protocol::{Code, ConversationId, SessionId, UserId, limits};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::http::Error;

/// Largest body: frames of the largest size, and what `POST /v1/poll/send` puts around them.
const BODY_BYTES: usize = limits::FRAME_BYTES + 4 * 1024;

/// A JSON object, in either direction.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self, Error> {
        check_media_type(request.headers())?;
        let announced = request.headers().get(CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > BODY_BYTES as u64) {
            return Err(too_large());
        }
        let body = Limited::new(request.into_body(), BODY_BYTES).collect();
        let within = Duration::from_secs(app.config.limits.body_seconds);
        let bytes = match tokio::time::timeout(within, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
            Ok(Err(_)) => return Err(Error::new(Code::Malformed, "The body was cut off.")),
            Err(_) => return Err(Error::new(Code::Malformed, "The body did not come in time.")),
        };
        parse(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => ([(CONTENT_TYPE, "application/json")], bytes).into_response(),
            Err(error) => Error::internal(error).into_response(),
        }
    }
}

/// Exactly one `Content-Type`, JSON, and no encoding: nothing is ever unpacked.
fn check_media_type(headers: &HeaderMap) -> Result<(), Error> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let is_json = match (types.next(), types.next()) {
        (Some(only), None) => only.to_str().is_ok_and(|value| {
            let mut parts = value.split(';').map(str::trim);
            parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
                && parts.all(|part| part.eq_ignore_ascii_case("charset=utf-8"))
        }),
        _ => false,
    };
    let plain =
        headers.get_all(CONTENT_ENCODING).iter().all(|value| value.as_bytes() == b"identity");
    if is_json && plain {
        Ok(())
    } else {
        let title = "Send one Content-Type, application/json, and no Content-Encoding.";
        Err(Error::new(Code::UnsupportedMediaType, title))
    }
}

/// One JSON object and nothing behind it. Arrays, which serde would also take for a struct, are
/// refused: a field that is added later must not change what a body means.
fn parse<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Error> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'{') {
        return Err(Error::new(Code::Malformed, "The body must be a JSON object."));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        // Only the place: the words of the error may hold what somebody has typed.
        let title = format!(
            "The body is not what this route takes (line {}, column {}).",
            error.line(),
            error.column()
        );
        Error::new(Code::Malformed, &title)
    })
}

fn too_large() -> Error {
    Error::new(Code::TooLarge, "The body is larger than 132 KiB.")
}

/// An id in the path. One that cannot be an id at all is answered as one that does not exist.
#[derive(Clone, Copy, Debug)]
pub struct Id<T>(pub T);

/// How it is called when nothing has this id.
pub trait Named: FromStr {
    /// The refusal.
    fn missing() -> Error;
}

impl Named for ConversationId {
    fn missing() -> Error {
        Error::new(Code::NoConversation, "There is no such conversation.")
    }
}

impl Named for UserId {
    fn missing() -> Error {
        Error::new(Code::NoPerson, "There is no such person.")
    }
}

impl Named for SessionId {
    fn missing() -> Error {
        Error::new(Code::NotFound, "There is no such session.")
    }
}

impl<T: Named, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Ok(Path(text)) = Path::<String>::from_request_parts(parts, state).await else {
            return Err(T::missing());
        };
        text.parse().map(Self).map_err(|_| T::missing())
    }
}

/// What stands behind the `?`.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let query: Result<axum::extract::Query<T>, QueryRejection> =
            axum::extract::Query::from_request_parts(parts, state).await;
        let refused = |_| Error::new(Code::Malformed, "The query is not what this route takes.");
        query.map(|query| Self(query.0)).map_err(refused)
    }
}

/// The value of a query parameter, or `absent` when it is not there.
///
/// # Errors
/// `bad_value` when it cannot be one.
pub(crate) fn value<T: FromStr>(given: Option<&str>, absent: T, what: &str) -> Result<T, Error> {
    let refused = |_| Error::new(Code::BadValue, &format!("`{what}` is not in its range."));
    given.map_or(Ok(absent), |text| text.parse().map_err(refused))
}

/// Done, and there is nothing to say about it.
#[derive(Clone, Copy, Debug)]
pub struct Done;

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}
