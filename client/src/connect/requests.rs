//! Typed HTTP over a [`Connector`]: JSON in, JSON or a [`Problem`] out.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use protocol::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Connector, Lost};

/// Why a request has no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// None came. What the server did is not known.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// What answered is not a Kith server: a captive portal, a proxy's error page.
    #[error("what answers is not a Kith server: {0}")]
    NotAServer(String),
    /// The server refused.
    #[error("{}: {}", .0.code, .0.title)]
    Problem(Problem),
}

/// Requests to one server.
#[derive(Clone)]
pub(crate) struct Requests {
    connector: Arc<dyn Connector>,
    address: String,
}

impl Requests {
    pub(crate) fn new(connector: Arc<dyn Connector>, address: impl Into<String>) -> Self {
        Self { connector, address: address.into() }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn connector(&self) -> &Arc<dyn Connector> {
        &self.connector
    }

    /// One request. `path` begins with `/v1/`; without a `token` it is anonymous. An answer without
    /// a body reads as `null`.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&impl Serialize>,
    ) -> Result<T, RequestError> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.address));
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let bytes = match body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Bytes::from(protocol::wire::encode(body))
            }
            None => Bytes::new(),
        };
        let request = request.body(bytes).map_err(|e| Lost(e.to_string()))?;
        let answer = self.connector.http(request).await?;
        read(&answer)
    }
}

fn read<T: DeserializeOwned>(answer: &http::Response<Bytes>) -> Result<T, RequestError> {
    let status = answer.status();
    let body = if answer.body().is_empty() { b"null" } else { answer.body().as_ref() };
    if status.is_success() {
        return serde_json::from_slice(body)
            .map_err(|e| RequestError::NotAServer(format!("status {status}, {e}")));
    }
    match serde_json::from_slice(body) {
        Ok(problem) => Err(RequestError::Problem(problem)),
        Err(_) if status.is_server_error() => {
            // A balancer in front of a server that is starting answers in its own words.
            Err(RequestError::Lost(Lost(format!("status {status}"))))
        }
        Err(_) => Err(RequestError::NotAServer(format!("status {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Code;
    use protocol::request::About;

    fn answer(status: u16, body: &'static str) -> Result<About, RequestError> {
        let response = http::Response::builder().status(status).body(Bytes::from(body)).unwrap();
        read(&response)
    }

    #[test]
    fn row_50_html_or_a_redirect_is_not_a_server_and_no_panic() {
        for (status, body) in
            [(200, "<html>log in</html>"), (302, ""), (404, "<h1>no</h1>"), (200, "")]
        {
            assert!(matches!(answer(status, body), Err(RequestError::NotAServer(_))), "{status}");
        }
        assert!(matches!(answer(502, "Bad Gateway"), Err(RequestError::Lost(_))));
    }

    #[test]
    fn a_problem_keeps_its_code_and_its_time() {
        let problem = r#"{"code":"slow_down","status":429,"title":"x","retry_after_ms":70}"#;
        let Err(RequestError::Problem(problem)) = answer(429, problem) else { panic!() };
        assert_eq!((problem.code, problem.retry_after_ms), (Code::SlowDown, Some(70)));
    }
}
