//! Classifies an address: the public internet, a private network, this link, or a service that issues credentials.
//!
//! The tables are IANA's special-purpose registries (RFC 6890 and its updates): an address that is not globally
//! reachable is private. An IPv6 address that carries an IPv4 address is as bad as the address it carries.
//!
//! Not covered: a public address of this very host, or of a router that turns it inwards. No table lists those.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use super::carried::{Carried, Nat64};

/// The reach of an address, from the widest to the most dangerous for a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// Globally reachable.
    Public,
    /// Loopback, private, shared, reserved, multicast, or for documentation.
    Private,
    /// Link-local. No ordinary server has a name there, and clouds place services there that trust every peer on the
    /// link.
    LinkLocal,
    /// A cloud's own service for a machine or container: every client gets credentials.
    Metadata,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

const LINK_LOCAL_V4: Ipv4Net = v4(169, 254, 0, 0, 16);
const LINK_LOCAL_V6: Ipv6Net = v6(0xfe80, 0, 0, 10);

const PRIVATE_V4: [Ipv4Net; 14] = [
    v4(0, 0, 0, 0, 8),       // this network; 0.0.0.0 reaches this host
    v4(10, 0, 0, 0, 8),      // private
    v4(100, 64, 0, 0, 10),   // shared by carriers
    v4(127, 0, 0, 0, 8),     // loopback
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

/// The globally reachable addresses lie in here …
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);
/// … but not in here.
const PRIVATE_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 0, 23),     // protocol assignments: Teredo, benchmarking, ORCHID
    v6(0x2001, 0xdb8, 0, 32), // documentation
    v6(0x2002, 0, 0, 16),     // 6to4
    v6(0x3fff, 0, 0, 20),     // documentation
];

/// Clouds issue credentials and settings here. Sources are their own documents. Names never reach link-local addresses
/// anyway; the table exists so a log line says "metadata".
const METADATA_V4: [Ipv4Addr; 12] = [
    Ipv4Addr::new(169, 254, 169, 254), // AWS, Azure, Google, Oracle, IBM, OpenStack, DigitalOcean, Hetzner, and more
    Ipv4Addr::new(169, 254, 170, 2),   // AWS: credentials of an ECS task
    Ipv4Addr::new(169, 254, 170, 23),  // AWS: credentials of an EKS pod
    Ipv4Addr::new(169, 254, 169, 253), // AWS: resolver
    Ipv4Addr::new(169, 254, 169, 250), // Rancher's metadata; AWS: licences
    Ipv4Addr::new(169, 254, 20, 10),   // Kubernetes: node-local DNS
    Ipv4Addr::new(169, 254, 0, 23),    // Tencent
    Ipv4Addr::new(169, 254, 42, 42),   // Scaleway
    Ipv4Addr::new(168, 63, 129, 16),   // Azure: WireServer
    Ipv4Addr::new(100, 100, 100, 200), // Alibaba
    Ipv4Addr::new(100, 96, 0, 96),     // Volcano Engine
    Ipv4Addr::new(192, 0, 0, 192),     // Oracle, classic
];
const METADATA_V6: [Ipv6Addr; 8] = [
    unique_local(0xfd00, 0x0ec2, 0, 0x254),               // AWS
    unique_local(0xfd00, 0x0ec2, 0, 0x23),                // AWS: credentials of an EKS pod
    unique_local(0xfd00, 0x0ec2, 0, 0x253),               // AWS: resolver
    unique_local(0xfd20, 0x00ce, 0, 0x254),               // Google
    unique_local(0xfd00, 0x00c1, 0xa9fe, 0xa9fe),         // Oracle
    Ipv6Addr::new(0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1), // Akamai (Linode)
    unique_local(0xfd00, 0x0042, 0, 0x42),                // Scaleway
    unique_local(0xfe80, 0, 0xa9fe, 0xa9fe),              // OpenStack
];

const fn unique_local(a: u16, b: u16, g: u16, h: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, 0, 0, 0, 0, g, h)
}

// === impl Reach ===

impl Reach {
    /// Classifies an address in any spelling. `nat64` are the prefixes of this network's own translators.
    pub(super) fn of(address: IpAddr, nat64: &[Nat64]) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address, nat64),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        if METADATA_V4.contains(&address) {
            Self::Metadata
        } else if LINK_LOCAL_V4.contains(&address) {
            Self::LinkLocal
        } else if PRIVATE_V4.iter().any(|net| net.contains(&address)) {
            Self::Private
        } else {
            Self::Public
        }
    }

    fn of_v6(address: Ipv6Addr, nat64: &[Nat64]) -> Self {
        match Carried::by(address, nat64) {
            Carried::Nothing => Self::native_v6(address),
            Carried::Translated(inner) => Self::of_v4(inner),
            // Nobody serves the public over these any more; they only help to bypass a table.
            Carried::Tunnelled(inner) => inner.into_iter().map(Self::of_v4).fold(Self::Private, Self::max),
        }
    }

    fn native_v6(address: Ipv6Addr) -> Self {
        if METADATA_V6.contains(&address) {
            Self::Metadata
        } else if LINK_LOCAL_V6.contains(&address) {
            Self::LinkLocal
        } else if GLOBAL_V6.contains(&address) && !PRIVATE_V6.iter().any(|net| net.contains(&address)) {
            Self::Public
        } else {
            Self::Private
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn all(kind: Reach, addresses: &[&str]) {
        for address in addresses {
            assert_eq!(Reach::of(address.parse().unwrap(), &[]), kind, "{address}");
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
        all(Reach::Private, &["172.31.255.255", "192.168.0.1", "100.64.0.1", "100.127.255.255"]);
        all(Reach::Private, &["::1", "::", "fc00::1", "fd12:3456::1", "fec0::1"]);
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
    fn link_local_is_told_apart_however_it_is_written() {
        all(Reach::LinkLocal, &["169.254.0.1", "169.254.255.254", "fe80::1", "febf::1", "::ffff:169.254.1.1"]);
        all(Reach::LinkLocal, &["64:ff9b::a9fe:101", "2002:a9fe:101::1", "64:ff9b:1:a9fe:1:100::"]);
    }

    #[test]
    fn an_address_behind_a_prefix_of_the_network_s_own_is_judged_by_what_it_carries() {
        let nat64 = [Nat64::read("2606:4700:64::/96").unwrap(), Nat64::read("2606:4701::/32").unwrap()];
        for (address, kind) in [
            ("2606:4700:64::7f00:1", Reach::Private),
            ("2606:4700:64::a9fe:a9fe", Reach::Metadata),
            ("2606:4700:64::101:101", Reach::Public),
            ("2606:4701:a00:1::", Reach::Private),
            ("2606:4700:65::7f00:1", Reach::Public),
        ] {
            assert_eq!(Reach::of(address.parse().unwrap(), &nat64), kind, "{address}");
        }
        assert_eq!(Reach::of("2606:4700:64::7f00:1".parse().unwrap(), &[]), Reach::Public, "nobody can tell");
    }

    #[test]
    fn services_that_hand_out_credentials_are_known() {
        all(Reach::Metadata, &["169.254.170.2", "169.254.170.23", "fd00:ec2::23", "169.254.0.23", "169.254.20.10"]);
        all(Reach::Metadata, &["192.0.0.192", "100.96.0.96", "fd00:c1::a9fe:a9fe", "fd00:42::42", "fd00:a9fe:a9fe::1"]);
        all(
            Reach::Metadata,
            &["fe80::a9fe:a9fe", "::ffff:169.254.170.2", "64:ff9b::a9fe:aa17", "64:ff9b:1:a9fe:a9:fe00::"],
        );
    }

    #[test]
    fn the_metadata_service_is_known_by_all_its_names() {
        all(Reach::Metadata, &["169.254.169.254", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16"]);
        all(Reach::Metadata, &["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe"]);
        all(Reach::Metadata, &["::169.254.169.254", "2002:a9fe:a9fe::1", "2001:0:101:101::5601:5601"]);
    }
}
