//! Which addresses may be asked: public ones only, checked after resolution, so that what is checked is what is
//! connected to.
//!
//! Addresses of documents come from other people's data. Without this guard a record could make us read a service
//! on our own network. The classifier is a pure function; the resolver below is the only place that asks DNS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Why an address is not a public one, as words for a message; `None` for a public address.
pub(super) fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

/// The IANA special-purpose registry for IPv4, plus multicast.
fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    Some(match address.octets() {
        [0, ..] => "unspecified",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "private",
        [100, 64..=127, ..] => "shared by a carrier",
        [127, ..] => "loopback",
        [169, 254, ..] => "link-local",
        [192, 0, 0, _] | [192, 88, 99, _] => "reserved for protocols",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "for documentation",
        [198, 18..=19, ..] => "for benchmarks",
        [224..=239, ..] => "multicast",
        [240..=255, ..] => "reserved",
        _ => return None,
    })
}

/// The same for IPv6: only global unicast (2000::/3) is public, and of that not the special blocks. An address that
/// carries an IPv4 address is what the IPv4 address is.
fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let s = address.segments();
    let tail = || embedded(s[6], s[7]);
    match s {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("loopback"),
        // mapped ::ffff:0:0/96, translated ::ffff:0:0:0/96, NAT64 64:ff9b::/96
        [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            special_v4(tail())
        }
        [0, 0, 0, 0, 0, 0, ..] => Some(special_v4(tail()).unwrap_or("a compatible address, long abolished")),
        [0x2002, high, low, ..] => special_v4(embedded(high, low)), // 6to4
        // Teredo: server in clear, client inverted
        [0x2001, 0, ..] => special_v4(embedded(s[2], s[3])).or_else(|| special_v4(embedded(!s[6], !s[7]))),
        [0x2001, 2, 0, ..] => Some("for benchmarks"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("for documentation"),
        [0x2001, 0..=0x1ff, ..] => Some("reserved for protocols"),
        [0xfc00..=0xfdff, ..] => Some("private"),
        [0xfe80..=0xfebf, ..] => Some("link-local"),
        [0xfec0..=0xfeff, ..] => Some("site-local"),
        [0xff00..=0xffff, ..] => Some("multicast"),
        [0x2000..=0x3fff, _, _, _, 0 | 0x200, 0x5efe, ..] => special_v4(tail()), // ISATAP
        [0x2000..=0x3fff, ..] => None,
        _ => Some("reserved"),
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

/// Which addresses a client may connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Public addresses only: every host that is not named as an exception.
    Public,
    /// Any: a host that the operator named as an exception.
    Any,
    /// Only addresses that are *not* public: such a host while nobody has said who asks.
    Inside,
}

impl Reach {
    /// Why not, in words; `None` if the address may be connected to.
    pub(super) fn refuses(self, address: IpAddr) -> Option<&'static str> {
        match (self, special(address)) {
            (Self::Public, kind) => kind,
            (Self::Inside, None) => Some("public"),
            (Self::Any | Self::Inside, _) => None,
        }
    }
}

/// A name whose addresses are all out of reach. It travels through the client's error chain.
#[derive(Debug, thiserror::Error)]
#[error("{host} is at {address}, which is {kind}")]
pub(super) struct OutOfReach {
    pub(super) host: String,
    pub(super) address: IpAddr,
    pub(super) kind: &'static str,
}

/// The system's resolver behind the guard.
pub(super) struct Guarded(pub(super) Reach);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let host = name.as_str();
            let found = tokio::net::lookup_host((host, 0)).await?.collect::<Vec<_>>();
            let kept = keep(reach, host, found)?;
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

/// The addresses within reach; an error when there were some and none is.
fn keep(reach: Reach, host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, OutOfReach> {
    let refused = found.iter().find_map(|at| reach.refuses(at.ip()).map(|kind| (at.ip(), kind)));
    let kept: Vec<_> = found.into_iter().filter(|at| reach.refuses(at.ip()).is_none()).collect();
    match refused {
        Some((address, kind)) if kept.is_empty() => Err(OutOfReach { host: host.to_owned(), address, kind }),
        _ => Ok(kept),
    }
}

/// A guarded resolver for a client.
pub(super) fn resolver(reach: Reach) -> Arc<Guarded> {
    Arc::new(Guarded(reach))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_global_addresses_are_public() {
        let table: &[(&str, Option<&str>)] = &[
            ("8.8.8.8", None),
            ("147.67.34.45", None),
            ("172.15.255.255", None),
            ("172.32.0.0", None),
            ("100.63.255.255", None),
            ("100.128.0.0", None),
            ("198.17.255.255", None),
            ("198.20.0.0", None),
            ("223.255.255.255", None),
            ("0.0.0.0", Some("unspecified")),
            ("0.1.2.3", Some("unspecified")),
            ("10.0.0.1", Some("private")),
            ("172.16.0.1", Some("private")),
            ("172.31.255.255", Some("private")),
            ("192.168.1.1", Some("private")),
            ("100.64.0.1", Some("shared by a carrier")),
            ("100.127.255.255", Some("shared by a carrier")),
            ("127.0.0.1", Some("loopback")),
            ("127.255.255.255", Some("loopback")),
            ("169.254.169.254", Some("link-local")),
            ("192.0.0.8", Some("reserved for protocols")),
            ("192.88.99.1", Some("reserved for protocols")),
            ("192.0.2.1", Some("for documentation")),
            ("198.51.100.7", Some("for documentation")),
            ("203.0.113.9", Some("for documentation")),
            ("198.18.0.1", Some("for benchmarks")),
            ("198.19.255.255", Some("for benchmarks")),
            ("224.0.0.1", Some("multicast")),
            ("240.0.0.1", Some("reserved")),
            ("255.255.255.255", Some("reserved")),
            ("2a01:7080:14:100::33", None),
            ("2606:4700::1111", None),
            ("::", Some("unspecified")),
            ("::1", Some("loopback")),
            ("::8.8.8.8", Some("a compatible address, long abolished")),
            ("::127.0.0.1", Some("loopback")),
            ("::ffff:127.0.0.1", Some("loopback")),
            ("::ffff:169.254.169.254", Some("link-local")),
            ("::ffff:8.8.8.8", None),
            ("::ffff:0:10.0.0.1", Some("private")),
            ("64:ff9b::10.0.0.1", Some("private")),
            ("64:ff9b::8.8.8.8", None),
            ("64:ff9b:1::8.8.8.8", Some("reserved")),
            ("2002:7f00:1::", Some("loopback")),
            ("2002:c0a8:101::1", Some("private")),
            ("2002:808:808::1", None),
            ("2001:0:7f00:1::1", Some("loopback")),
            ("2001:0:808:808:0:0:f5ff:fffe", Some("private")), // client 10.0.0.1, inverted
            ("2001:0:808:808:0:0:f7f7:f7f7", None),            // client 8.8.8.8
            ("2001:2::1", Some("for benchmarks")),
            ("2001:db8::1", Some("for documentation")),
            ("3fff:fff::1", Some("for documentation")),
            ("2001:20::1", Some("reserved for protocols")),
            ("2001:200::1", None),
            ("2a00:1450::5efe:192.168.0.1", Some("private")),
            ("2a00:1450::200:5efe:127.0.0.1", Some("loopback")),
            ("fc00::1", Some("private")),
            ("fd12:3456::1", Some("private")),
            ("fe80::1", Some("link-local")),
            ("fec0::1", Some("site-local")),
            ("ff02::1", Some("multicast")),
            ("100::1", Some("reserved")),
            ("5f00::1", Some("reserved")),
            ("4000::1", Some("reserved")),
        ];
        for (text, expected) in table {
            let address: IpAddr = text.parse().expect(text);
            assert_eq!(special(address), *expected, "{text}");
        }
    }

    #[test]
    fn a_name_with_public_and_private_addresses_keeps_the_public_ones() {
        let at = |text: &str| SocketAddr::new(text.parse().expect("an address"), 0);
        let mixed = vec![at("10.0.0.1"), at("8.8.8.8"), at("::1")];
        assert_eq!(keep(Reach::Public, "x", mixed.clone()).expect("one is left"), [at("8.8.8.8")]);
        assert_eq!(keep(Reach::Inside, "x", mixed.clone()).expect("two are left"), [at("10.0.0.1"), at("::1")]);
        assert_eq!(keep(Reach::Any, "x", mixed.clone()).expect("all are left"), mixed);
        let error = keep(Reach::Public, "x", vec![at("10.0.0.1")]).expect_err("none is left");
        assert_eq!(error.to_string(), "x is at 10.0.0.1, which is private");
        assert!(keep(Reach::Inside, "x", vec![at("8.8.8.8")]).is_err());
    }
}
