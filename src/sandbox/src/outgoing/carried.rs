//! IPv4 addresses inside IPv6 addresses: mapped, translated (NAT64), tunnelled.
//!
//! A translator of RFC 6052 puts the four bytes of an IPv4 address behind a prefix. The well-known prefix is
//! `64:ff9b::/96`; a network may use its own, which the address does not show. `sandbox.nat64` names those.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;

/// The prefix lengths of RFC 6052 §2.2, and the bytes that then hold an IPv4 address. Byte 8 is always skipped.
const FORMATS: [(u8, [usize; 4]); 6] = [
    (32, [4, 5, 6, 7]),
    (40, [5, 6, 7, 9]),
    (48, [6, 7, 9, 10]),
    (56, [7, 9, 10, 11]),
    (64, [9, 10, 11, 12]),
    (96, [12, 13, 14, 15]),
];
const WELL_KNOWN: Ipv6Net = net(0x64, 0xff9b, 0, 96);
/// For translators of local use, in any format the network chose (RFC 8215).
const LOCAL_USE: Ipv6Net = net(0x64, 0xff9b, 1, 48);

const fn net(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// A prefix of this network's own translator (NAT64).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nat64 {
    net: Ipv6Net,
    bytes: [usize; 4],
}

/// The IPv4 addresses an IPv6 address may carry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Carried {
    Nothing,
    /// IPv4-mapped (equal to the IPv4 address) or NAT64, which networks without IPv4 depend on.
    Translated(Ipv4Addr),
    /// IPv4-compatible (RFC 4291), NAT64 of local use (RFC 8215), 6to4 (RFC 3056), Teredo (RFC 4380). Each is a guess;
    /// an address with several formats carries all of them.
    Tunnelled(Vec<Ipv4Addr>),
}

// === impl Nat64 ===

impl Nat64 {
    /// Reads a prefix such as `2001:db8:64::/96`. Returns `None` if it is not a prefix of RFC 6052.
    pub fn read(text: &str) -> Option<Self> {
        let net: Ipv6Net = text.parse().ok()?;
        // Bits behind the prefix are a typing error; guessing the intended prefix is not our task.
        if net.addr() != net.network() {
            return None;
        }
        let (_, bytes) = FORMATS.into_iter().find(|(length, _)| *length == net.prefix_len())?;
        Some(Self { net, bytes })
    }

    fn inside(self, address: Ipv6Addr) -> Option<Ipv4Addr> {
        self.net.contains(&address).then(|| embedded(address, self.bytes))
    }
}

// === impl Carried ===

impl Carried {
    /// `nat64` are this network's own prefixes.
    pub(super) fn by(address: Ipv6Addr, nat64: &[Nat64]) -> Self {
        // The longest prefix routes.
        let own =
            nat64.iter().filter(|prefix| prefix.net.contains(&address)).max_by_key(|prefix| prefix.net.prefix_len());
        if let Some(inner) = own.and_then(|prefix| prefix.inside(address)) {
            return Self::Translated(inner);
        }
        if WELL_KNOWN.contains(&address) {
            return Self::Translated(embedded(address, [12, 13, 14, 15]));
        }
        if LOCAL_USE.contains(&address) {
            let formats = FORMATS.into_iter().filter(|(length, _)| *length >= LOCAL_USE.prefix_len());
            return Self::Tunnelled(formats.map(|(_, bytes)| embedded(address, bytes)).collect());
        }
        let [a, b, c, d, e, f, g, h] = address.segments();
        let at = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
        match (a, b, c, d, e, f) {
            (0, 0, 0, 0, 0, 0xffff) => Self::Translated(at(g, h)),
            (0, 0, 0, 0, 0, 0) => Self::Tunnelled(vec![at(g, h)]),
            (0x2002, high, low, ..) => Self::Tunnelled(vec![at(high, low)]),
            // Teredo inverts every bit of the client's address, and writes its server's unchanged.
            (0x2001, 0, high, low, ..) => Self::Tunnelled(vec![at(!g, !h), at(high, low)]),
            _ => Self::Nothing,
        }
    }
}

fn embedded(address: Ipv6Addr, bytes: [usize; 4]) -> Ipv4Addr {
    let octets = address.octets();
    Ipv4Addr::from(bytes.map(|byte| octets.get(byte).copied().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_of_rfc_6052_is_read() {
        // The examples of section 2.4.
        for (prefix, address) in [
            ("2001:db8::/32", "2001:db8:c000:221::"),
            ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::c000:221"),
        ] {
            let nat64 = Nat64::read(prefix).unwrap();
            let carried = Carried::by(address.parse().unwrap(), &[nat64]);
            assert_eq!(carried, Carried::Translated(Ipv4Addr::new(192, 0, 2, 33)), "{prefix}");
        }
    }

    #[test]
    fn what_is_no_prefix_of_a_translator_is_refused() {
        for text in ["2001:db8::/33", "2001:db8::/0", "2001:db8::1/96", "10.0.0.0/8", "2001:db8::", "", "::/128"] {
            assert_eq!(Nat64::read(text), None, "{text}");
        }
    }

    #[test]
    fn of_two_prefixes_the_longer_one_counts() {
        let both = [Nat64::read("2001:db8::/32").unwrap(), Nat64::read("2001:db8:7f00:1::/96").unwrap()];
        let carried = Carried::by("2001:db8:7f00:1::101:101".parse().unwrap(), &both);
        assert_eq!(carried, Carried::Translated(Ipv4Addr::new(1, 1, 1, 1)));
    }
}
