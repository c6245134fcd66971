//! Who may come in. A browser lets every page send requests to loopback, and a name server can make
//! any name lead there. So a request must name this very bridge as its host, must not come from a
//! page of another origin, and must carry the token that only the printed address has.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::http::header::{
    AUTHORIZATION, AsHeaderName, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderValue, ORIGIN,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use protocol::Code;
use subtle::ConstantTimeEq;

use crate::refusal::Refusal;

/// What the page may load, and from where: only what the bridge itself serves.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Where the bridge listens, and the token of this run.
pub(crate) struct Door {
    host: String,
    token: String,
}

impl Door {
    /// A door at this address, with a new token.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub(crate) fn new(at: SocketAddr) -> Result<Self> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).context("the system gives no random numbers")?;
        Ok(Self { host: at.to_string(), token: BASE64_URL_SAFE_NO_PAD.encode(random) })
    }

    /// What to open in a browser. The fragment stays in the browser: no request has it.
    pub(crate) fn address(&self) -> String {
        format!("http://{}/#token={}", self.host, self.token)
    }

    /// Whether a request is meant for this bridge, and comes from its page or from no page.
    ///
    /// # Errors
    /// [`Code::ForeignOrigin`] when not.
    pub(crate) fn is_own(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let foreign = |what: &str| Refusal::new(Code::ForeignOrigin, format!("another {what}"));
        if only(headers, HOST) != Some(self.host.as_bytes()) {
            return Err(foreign("Host"));
        }
        let own = format!("http://{}", self.host);
        if headers.contains_key(ORIGIN) && only(headers, ORIGIN) != Some(own.as_bytes()) {
            return Err(foreign("Origin"));
        }
        Ok(())
    }

    /// Whether a request carries the token.
    ///
    /// # Errors
    /// [`Code::Unauthorized`] when not.
    pub(crate) fn has_token(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let given = only(headers, AUTHORIZATION).and_then(|value| value.strip_prefix(b"Bearer "));
        if given.is_some_and(|given| bool::from(given.ct_eq(self.token.as_bytes()))) {
            Ok(())
        } else {
            Err(Refusal::new(Code::Unauthorized, "open the address that the bridge printed last"))
        }
    }
}

/// A header that is there exactly once.
fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&[u8]> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    all.next().is_none().then_some(first.as_bytes())
}

/// What every answer carries: the page keeps to the policy, nothing of it is stored, and its address
/// is told to nobody.
pub(crate) fn sealed<B>(mut response: Response<B>) -> Response<B> {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
