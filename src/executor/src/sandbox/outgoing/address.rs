//! What kind of place an address is: the public internet, something near, or the service that hands out credentials.
//!
//! The tables are IANA's special-purpose registries (RFC 6890 and its updates): what is not globally reachable is private.
//! An IPv6 address that carries an IPv4 address is as bad as what it carries.
//!
//! Not covered: a public address of this very host, or of a router that turns it inwards. No table knows those.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// What kind of place an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Globally reachable.
    Public,
    /// Loopback, link-local, private, shared, reserved, multicast, or for documentation.
    Private,
    /// A cloud's metadata service: whoever reaches it gets the machine's credentials.
    Metadata,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

const PRIVATE_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),       // this network; 0.0.0.0 reaches this host
    v4(10, 0, 0, 0, 8),      // private
    v4(100, 64, 0, 0, 10),   // shared by carriers
    v4(127, 0, 0, 0, 8),     // loopback
    v4(169, 254, 0, 0, 16),  // link-local
    v4(172, 16, 0, 0, 12),   // private
    v4(192, 0, 0, 0, 24),    // protocol assignments
    v4(192, 0, 2, 0, 24),    // documentation
    v4(192, 88, 99, 0, 24),  // relays of 6to4
    v4(192, 168, 0, 0, 16),  // private
    v4(198, 18, 0, 0, 15),   // benchmarking
    v4(198, 51, 100, 0, 24), // documentation
    v4(203, 0, 113, 0, 24),  // documentation
    v4(224, 0, 0, 0, 4),     // multicast
    v4(240, 0, 0, 0, 4),     // reserved, broadcast included
];

/// All that is globally reachable lies in here …
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);
/// … but not in here.
const PRIVATE_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 0, 23),     // protocol assignments: Teredo, benchmarking, ORCHID
    v6(0x2001, 0xdb8, 0, 32), // documentation
    v6(0x2002, 0, 0, 16),     // 6to4
    v6(0x3fff, 0, 0, 20),     // documentation
];

const METADATA_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254), // most clouds
    Ipv4Addr::new(168, 63, 129, 16),   // Azure
    Ipv4Addr::new(100, 100, 100, 200), // Alibaba
    Ipv4Addr::new(192, 0, 0, 192),     // Oracle
];
const METADATA_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254), // AWS
    Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254), // Google
];

// === impl Reach ===

impl Reach {
    /// Of an address, whichever way it is written.
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        if METADATA_V4.contains(&address) {
            Self::Metadata
        } else if PRIVATE_V4.iter().any(|net| net.contains(&address)) {
            Self::Private
        } else {
            Self::Public
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        match Carried::by(address) {
            Carried::Nothing if METADATA_V6.contains(&address) => Self::Metadata,
            Carried::Nothing if GLOBAL_V6.contains(&address) => {
                if PRIVATE_V6.iter().any(|net| net.contains(&address)) {
                    Self::Private
                } else {
                    Self::Public
                }
            }
            Carried::Nothing => Self::Private,
            Carried::Translated(inner) => Self::of_v4(inner),
            // Nobody serves the public over these any more; what they are good for is to get around a table.
            Carried::Tunnelled(inner) => match Self::of_v4(inner) {
                Self::Metadata => Self::Metadata,
                Self::Private | Self::Public => Self::Private,
            },
        }
    }
}

/// The IPv4 address that an IPv6 address carries.
enum Carried {
    Nothing,
    /// IPv4-mapped (the same as the IPv4 address) or NAT64 (RFC 6052), which networks without IPv4 live by.
    Translated(Ipv4Addr),
    /// IPv4-compatible (RFC 4291), NAT64 of local use (RFC 8215), 6to4 (RFC 3056), Teredo (RFC 4380).
    Tunnelled(Ipv4Addr),
}

// === impl Carried ===

impl Carried {
    fn by(address: Ipv6Addr) -> Self {
        let [a, b, c, d, e, f, g, h] = address.segments();
        let at = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
        match (a, b, c, d, e, f) {
            (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => Self::Translated(at(g, h)),
            (0, 0, 0, 0, 0, 0) | (0x64, 0xff9b, 1, ..) => Self::Tunnelled(at(g, h)),
            (0x2002, high, low, ..) => Self::Tunnelled(at(high, low)),
            // Teredo writes the client's address with every bit turned.
            (0x2001, 0, ..) => Self::Tunnelled(at(!g, !h)),
            _ => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn all(kind: Reach, addresses: &[&str]) {
        for address in addresses {
            assert_eq!(Reach::of(address.parse().unwrap()), kind, "{address}");
        }
    }

    #[test]
    fn the_public_internet_is_public() {
        all(Reach::Public, &["1.1.1.1", "93.184.215.14", "172.15.255.255", "172.32.0.1", "100.63.0.1", "100.128.0.1"]);
        all(Reach::Public, &["2606:4700::1111", "2a00:1450:4001:82a::200e", "::ffff:1.1.1.1", "64:ff9b::101:101"]);
    }

    #[test]
    fn what_is_near_is_private() {
        all(Reach::Private, &["127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1"]);
        all(Reach::Private, &["172.31.255.255", "192.168.0.1", "169.254.0.1", "100.64.0.1", "100.127.255.255"]);
        all(Reach::Private, &["::1", "::", "fe80::1", "fc00::1", "fd12:3456::1", "fec0::1"]);
    }

    #[test]
    fn what_is_no_host_of_the_internet_is_private() {
        all(Reach::Private, &["224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "198.18.0.1"]);
        all(Reach::Private, &["192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "192.0.0.8"]);
        all(Reach::Private, &["ff02::1", "2001:db8::1", "3fff::1", "100::1", "2001:2::1", "4000::1", "5f00::1"]);
    }

    #[test]
    fn an_address_inside_an_address_is_found() {
        all(Reach::Private, &["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::1.1.1.1"]);
        all(Reach::Private, &["64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::101:101"]);
        all(Reach::Private, &["2002:7f00:1::", "2002:101:101::1", "2001:0:101:101::fefe:fefe"]);
    }

    #[test]
    fn the_metadata_service_is_known_by_all_its_names() {
        all(Reach::Metadata, &["169.254.169.254", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16"]);
        all(Reach::Metadata, &["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe"]);
        all(Reach::Metadata, &["::169.254.169.254", "2002:a9fe:a9fe::1", "2001:0:101:101::5601:5601"]);
    }
}
