//! To which addresses pushes may go. An app names the address and the server calls it, so without these
//! rules anybody with an account could have the server call what only the server can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use protocol::limits::PUSH_URL_BYTES;
use reqwest::Url;

/// Why nothing is sent to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no absolute URL of at most 1,024 bytes.
    #[error("the address must be a URL of at most 1024 bytes")]
    NoUrl,
    /// It is not `https`.
    #[error("the address must begin with https://")]
    NotHttps,
    /// There is a user, a password or a fragment in it.
    #[error("the address must have no user, password or fragment")]
    TooMuch,
    /// It is or leads to an address that is not on the public internet.
    #[error("the address must be on the public internet")]
    Private,
    /// Its host cannot be found.
    #[error("the host of the address cannot be found")]
    NoHost,
}

/// The address, if it may be called as far as can be seen without asking for its host. `private` also
/// allows private networks, and plain `http`.
///
/// # Errors
/// Every [`Refused`] but `NoHost`.
pub fn check(address: &str, private: bool) -> Result<Url, Refused> {
    if address.len() > PUSH_URL_BYTES {
        return Err(Refused::NoUrl);
    }
    let url = Url::parse(address).map_err(|_| Refused::NoUrl)?;
    match url.scheme() {
        "https" => {}
        "http" if private => {}
        _ => return Err(Refused::NotHttps),
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(Refused::TooMuch);
    }
    let host = url.host_str().ok_or(Refused::NoUrl)?;
    // Whatever way an address was written in, it comes out of the URL in one.
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    if literal.is_ok_and(|ip| !private && !is_public(ip)) {
        return Err(Refused::Private);
    }
    Ok(url)
}

/// Whether it is an address of the public internet: neither of this machine, nor of its networks, nor of
/// none at all.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || a == 0
        // Shared by the customers of a provider.
        || a == 100 && (64..128).contains(&b)
        || (a, b, c) == (192, 0, 0)
        // The end of a tunnel.
        || (a, b, c) == (192, 88, 99)
        // For measurements.
        || a == 198 && (18..20).contains(&b)
        // Multicast, reserved, broadcast.
        || a >= 224;
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let parts = ip.segments();
    if let Some(ip) = ip.to_ipv4_mapped() {
        return is_public_v4(ip);
    }
    if parts[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        // A translator to the IPv4 address at its end.
        let [.., a, b, c, d] = ip.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    // All that was ever given out begins so; of that, Teredo and 6to4 lead to any IPv4 address, and two
    // stretches are for documents.
    let given = parts[0] & 0xe000 == 0x2000;
    let special = parts[0] == 0x2001 && (parts[1] < 0x200 || parts[1] == 0xdb8)
        || parts[0] == 0x2002
        || parts[0] == 0x3fff && parts[1] < 0x1000;
    given && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_40_an_address_of_a_push_is_https_and_public() {
        for address in ["https://push.example/x?y=1", "https://8.8.8.8/", "https://[2606:4700::1]/"]
        {
            assert!(check(address, false).is_ok(), "{address}");
        }
        for (address, why) in [
            ("http://push.example/", Refused::NotHttps),
            ("file:///etc/passwd", Refused::NotHttps),
            ("gopher://push.example/", Refused::NotHttps),
            ("javascript:alert(1)", Refused::NotHttps),
            ("/relative", Refused::NoUrl),
            ("https://", Refused::NoUrl),
            ("", Refused::NoUrl),
            ("https://ada@push.example/", Refused::TooMuch),
            ("https://:secret@push.example/", Refused::TooMuch),
            ("https://push.example/#x", Refused::TooMuch),
            ("https://127.0.0.1/", Refused::Private),
            ("https://2130706433/", Refused::Private),
            ("https://0x7f.1/", Refused::Private),
            ("https://017700000001/", Refused::Private),
            ("https://0/", Refused::Private),
            ("https://10.1.2.3/", Refused::Private),
            ("https://172.31.0.1/", Refused::Private),
            ("https://192.168.0.1/", Refused::Private),
            ("https://169.254.169.254/latest/meta-data", Refused::Private),
            ("https://100.100.100.200/", Refused::Private),
            ("https://255.255.255.255/", Refused::Private),
            ("https://224.0.0.1/", Refused::Private),
            ("https://[::1]/", Refused::Private),
            ("https://[::]/", Refused::Private),
            ("https://[::ffff:10.0.0.1]/", Refused::Private),
            ("https://[::127.0.0.1]/", Refused::Private),
            ("https://[64:ff9b::10.0.0.1]/", Refused::Private),
            ("https://[fd00::1]/", Refused::Private),
            ("https://[fe80::1]/", Refused::Private),
            ("https://[ff02::1]/", Refused::Private),
            ("https://[2002:a00:1::]/", Refused::Private),
            ("https://[2001:0:1::]/", Refused::Private),
        ] {
            assert_eq!(check(address, false), Err(why), "{address}");
        }
        let long = format!("https://push.example/{}", "x".repeat(PUSH_URL_BYTES));
        assert_eq!(check(&long, false), Err(Refused::NoUrl));
    }

    #[test]
    fn private_networks_are_for_who_allows_them() {
        for address in ["http://127.0.0.1:9/x", "https://[fd00::1]/"] {
            assert!(check(address, true).is_ok(), "{address}");
        }
        assert_eq!(check("ftp://127.0.0.1/", true), Err(Refused::NotHttps));
    }
}
