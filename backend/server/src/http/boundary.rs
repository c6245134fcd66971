//! What happens to every request before and after its handler: foreign pages are refused, a panic
//! becomes a problem, failures are logged once, and every answer carries the same careful headers.

use std::any::Any;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST,
    HeaderName, ORIGIN, REFERRER_POLICY, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use protocol::Code;

use crate::app::App;
use crate::http::Error;
use crate::http::error::{Cause, PROBLEM};

/// Longest path and query, in bytes.
const URL_BYTES: usize = 8 * 1024;

/// Answers are for programs: never cached, framed, sniffed or run.
const HEADERS: [(HeaderName, &str); 5] = [
    (CACHE_CONTROL, "no-store"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
];

/// The outermost layer.
pub(crate) async fn boundary(State(app): State<App>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let chunked = request.headers().contains_key(TRANSFER_ENCODING);
    let mut response = match admit(&app, &request) {
        Ok(()) => as_problem(next.run(request).await),
        Err(refused) => refused.into_response(),
    };
    if chunked {
        // A proxy in front may have seen another end of this body than we did: nothing that follows
        // on the connection can be trusted to be a request of the same client.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    // Neither query nor headers: tokens and names have no place in a log.
    if let Some(Cause(cause)) = response.extensions_mut().remove::<Cause>() {
        tracing::error!(%method, path, status = response.status().as_u16(), "failed: {cause:#}");
    } else {
        tracing::debug!(%method, path, status = response.status().as_u16(), "answered");
    }
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn admit(app: &App, request: &Request) -> Result<(), Error> {
    let url = request.uri().path_and_query().map_or(0, |url| url.as_str().len());
    if url > URL_BYTES {
        return Err(Error::new(Code::TooLarge, "The address is too long."));
    }
    let headers = request.headers();
    if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        return Err(Error::new(Code::Malformed, "A body has a length or is chunked, not both."));
    }
    if request.uri().path().starts_with("/v1/") {
        check_origin(headers, &app.config.server.origins)?;
    }
    Ok(())
}

/// What a library has refused, an upgrade without its headers for one, in our own form.
fn as_problem(response: Response) -> Response {
    let status = response.status();
    let refused = status.is_client_error() || status.is_server_error();
    let ours = response.headers().get(CONTENT_TYPE).is_some_and(|t| t == PROBLEM);
    if !refused || ours {
        return response;
    }
    let code = match status {
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
        status if status.is_client_error() => Code::Malformed,
        _ => Code::Internal,
    };
    Error::new(code, "The request is not what this route takes.").into_response()
}

/// Programs send no `Origin`. A browser's pages send theirs: it must be this server's own, by the
/// `Host` that they asked at, or one of those that the operator has named.
fn check_origin(headers: &HeaderMap, allowed: &[String]) -> Result<(), Error> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let good = match (origins.next(), origins.next()) {
        (None, _) => true,
        (Some(only), None) => only.to_str().is_ok_and(|origin| {
            let host = headers.get(HOST).and_then(|host| host.to_str().ok());
            let own = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            own.is_some_and(|own| host.is_some_and(|host| own.eq_ignore_ascii_case(host)))
                || allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
        }),
        (Some(_), Some(_)) => false,
    };
    if good {
        Ok(())
    } else {
        Err(Error::new(Code::ForeignOrigin, "Pages of other origins may not use this server."))
    }
}

/// The answer when a handler has panicked.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let words = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let words = words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Error::internal(anyhow::anyhow!("a handler panicked: {words}")).into_response()
}

/// The answer to a path that nothing is at.
pub(crate) async fn not_found() -> Error {
    Error::new(Code::NotFound, "There is nothing at this address.")
}

/// The answer to a path that is asked with another method than it has.
pub(crate) async fn method_not_allowed() -> Error {
    Error::new(Code::MethodNotAllowed, "This address is not asked with this method.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_5_an_origin_is_absent_or_the_servers_own_or_configured() {
        let allowed = ["https://chat.example".to_owned()];
        let check = |origins: &[&str]| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "kith.example:4810".parse().unwrap());
            for origin in origins {
                headers.append(ORIGIN, origin.parse().unwrap());
            }
            check_origin(&headers, &allowed).map_err(|error| error.code())
        };
        for good in [&[][..], &["http://kith.example:4810"], &["https://Kith.example:4810"]] {
            assert_eq!(check(good), Ok(()), "{good:?}");
        }
        assert_eq!(check(&["https://chat.example"]), Ok(()));
        for foreign in [
            &["https://evil.example"][..],
            &["null"],
            &[""],
            &["http://kith.example"],
            &["http://kith.example:4810.evil.example"],
            &["https://chat.example.evil.example"],
            &["http://kith.example:4810", "http://kith.example:4810"],
            &["https://chat.example", "https://evil.example"],
        ] {
            assert_eq!(check(foreign), Err(Code::ForeignOrigin), "{foreign:?}");
        }
    }
}
