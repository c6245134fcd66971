//! The only door to the network. [`Connector`] is the seam: [`Network`] is the real one; a
//! simulated world has one that hands requests and frames over in memory.

mod network;
mod poll;
mod requests;
mod transport;

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Sink, Stream};

pub use network::{Network, socket_over};
use poll::open_poll;
pub(crate) use requests::{RequestError, Requests};
pub(crate) use transport::{OpenError, Transport};

/// Where text frames go. An error means that the connection is over.
pub type FrameSink = Pin<Box<dyn Sink<String, Error = Lost> + Send>>;
/// Where text frames come from. Its end, or an error, means that the connection is over.
pub type FrameStream = Pin<Box<dyn Stream<Item = Result<String, Lost>> + Send>>;

/// A live connection: text frames in both directions, in order.
///
/// Pings, pongs and noticing that the other side is dead are the connection's own business; it ends
/// the stream when it gives up. Dropping both halves closes it.
pub struct Socket {
    /// To the server.
    pub sink: FrameSink,
    /// From the server.
    pub stream: FrameStream,
}

/// What the client needs of a network.
///
/// An implementation must answer or fail in bounded time (the real one: 30 s for HTTP, 10 s for a
/// socket) and bound what it takes from the other side. It must follow no redirect: a redirect is
/// how a captive portal answers.
#[async_trait::async_trait]
pub trait Connector: Send + Sync {
    /// Answer one HTTP request. Its URI is absolute: `http://127.0.0.1:4810/v1/about`. Any status
    /// is an answer; an error means that none came, and says nothing about what the server did.
    ///
    /// # Errors
    /// [`Lost`].
    async fn http(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Lost>;

    /// Open a socket to the node at `address` (`http://…` or `https://…`, without a path), with
    /// [`protocol::SOCKET_PATH`] and `Authorization: Bearer {access_token}` on the upgrade.
    ///
    /// # Errors
    /// See [`SocketError`].
    async fn socket(&self, address: &str, access_token: &str) -> Result<Socket, SocketError>;
}

/// No answer: no network, a refused connection, a bad certificate, a broken stream.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no connection: {0}")]
pub struct Lost(pub String);

/// Why there is no socket.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SocketError {
    /// Nothing answered.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// Something answered the upgrade, but not with a socket: the server's own refusal (401, 429,
    /// 503), a proxy that does not know WebSockets, or a captive portal.
    #[error("the upgrade was answered with status {0}")]
    Refused(u16),
}

/// The address that somebody typed, completed: a scheme (`https`, but `http` for this very
/// computer), no path, no trailing slash.
///
/// # Errors
/// [`BadAddress`] when it cannot be the address of a server.
pub fn complete_address(typed: &str) -> Result<String, BadAddress> {
    let typed = typed.trim().trim_end_matches('/');
    if typed.is_empty() || typed.len() > 512 || typed.ends_with(':') {
        return Err(BadAddress);
    }
    let with_scheme = if typed.contains("://") {
        typed.to_owned()
    } else {
        let uri: http::Uri = format!("http://{typed}").parse().map_err(|_| BadAddress)?;
        let here = matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
        format!("{}://{typed}", if here { "http" } else { "https" })
    };
    let uri: http::Uri = with_scheme.parse().map_err(|_| BadAddress)?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority())
    else {
        return Err(BadAddress);
    };
    // Name and password in an address are a way to make one server look like another.
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(BadAddress);
    }
    Ok(format!("{scheme}://{}", authority.as_str().to_lowercase()))
}

/// Not the address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the address of a server")]
pub struct BadAddress;

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_address_is_completed_or_refused() {
        for (typed, address) in [
            ("kith.example.org", "https://kith.example.org"),
            (" Kith.Example.org/ ", "https://kith.example.org"),
            ("127.0.0.1:4810", "http://127.0.0.1:4810"),
            ("localhost:4810", "http://localhost:4810"),
            ("[::1]:4810", "http://[::1]:4810"),
            ("http://10.0.0.5:80/chat?x=1", "http://10.0.0.5:80"),
        ] {
            assert_eq!(complete_address(typed).as_deref(), Ok(address), "{typed}");
        }
        for typed in ["", "  ", "ftp://a", "javascript://x", "https://a@b", "a b", "http://", "\0"]
        {
            assert_eq!(complete_address(typed), Err(BadAddress), "{typed}");
        }
    }
}
