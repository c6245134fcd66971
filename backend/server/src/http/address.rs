//! Where a request comes from, as far as that can be believed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use ipnet::IpNet;

use crate::app::App;
use crate::http::Error;

/// Who is at the other end of the TCP connection. The accept loop puts it into every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// The client's address: the peer's, or, when the peer is a trusted proxy, the one that the proxy
/// has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address behind this peer and these headers.
    ///
    /// `X-Forwarded-For` is read from its end, where the nearest proxy has written, and only as
    /// long as everything behind it is trusted. What a client writes into it itself is never
    /// reached.
    #[must_use]
    pub fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let is_trusted = |ip: IpAddr| trusted.iter().any(|net| net.contains(&ip));
        let mut address = peer.to_canonical();
        let hops = headers.get_all("x-forwarded-for").iter().rev();
        for hop in hops.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b',')) {
            if !is_trusted(address) {
                break;
            }
            let Some(ip) = parse(hop) else { break };
            address = ip.to_canonical();
        }
        Self(address)
    }

    /// What is counted: a whole /64 of IPv6 is one client, since anybody has one.
    #[must_use]
    pub fn counted(self) -> IpAddr {
        counted(self.0)
    }
}

/// The address under which `ip` is counted.
pub(crate) fn counted(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    }
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn parse(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    text.parse()
        .ok()
        .or_else(|| text.parse().ok().map(|socket: std::net::SocketAddr| socket.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        // Requests in memory have no peer; they come from this machine.
        let peer =
            parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0);
        Ok(Self::of(peer, &parts.headers, &app.config.server.trusted_proxies))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        ClientAddress::of(peer.parse().unwrap(), &headers, &trusted).0.to_string()
    }

    #[test]
    fn row_35_a_forwarded_address_is_believed_from_trusted_proxies_only() {
        assert_eq!(of("203.0.113.9", &["198.51.100.1"], &[]), "203.0.113.9");
        assert_eq!(of("203.0.113.9", &["198.51.100.1"], &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(of("10.0.0.1", &["198.51.100.1"], &["10.0.0.0/8"]), "198.51.100.1");
    }

    #[test]
    fn row_35_what_the_client_wrote_before_the_proxy_did_is_not_reached() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(of("10.0.0.1", &["1.2.3.4, 198.51.100.1"], &trusted), "198.51.100.1");
        assert_eq!(
            of("10.0.0.1", &["1.2.3.4", "198.51.100.1, 10.0.0.2"], &trusted),
            "198.51.100.1"
        );
        assert_eq!(of("10.0.0.1", &["1.2.3.4, rubbish"], &trusted), "10.0.0.1");
        assert_eq!(of("10.0.0.1", &["10.9.9.9"], &trusted), "10.9.9.9");
    }

    #[test]
    fn row_35_an_address_is_read_in_every_form_that_proxies_write() {
        let trusted = ["::ffff:10.0.0.1/128", "10.0.0.1/32"];
        assert_eq!(of("::ffff:10.0.0.1", &["198.51.100.1:5000"], &trusted), "198.51.100.1");
        assert_eq!(of("10.0.0.1", &["[2001:db8::1]:443"], &trusted), "2001:db8::1");
        assert_eq!(of("10.0.0.1", &["[2001:db8::1]"], &trusted), "2001:db8::1");
    }

    #[test]
    fn row_35_a_rotating_ipv6_client_stays_one_client() {
        let counted = |ip: &str| ClientAddress(ip.parse().unwrap()).counted();
        assert_eq!(counted("2001:db8:1:2::1"), counted("2001:db8:1:2:ffff::9"));
        assert_ne!(counted("2001:db8:1:2::1"), counted("2001:db8:1:3::1"));
        assert_ne!(counted("192.0.2.1"), counted("192.0.2.2"));
        assert_eq!(counted("::ffff:192.0.2.1"), counted("192.0.2.1"));
    }
}
