//! The addresses that are not for everybody: IANA's registries of special-purpose addresses
//! (<https://www.iana.org/assignments/iana-ipv4-special-registry>, <https://www.iana.org/assignments/iana-ipv6-special-registry>), multicast, and
//! what clouds keep for their own services.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Range;

/// A range with its registered name, and whether it is reachable globally.
pub(crate) struct Special {
    pub(crate) range: Range,
    pub(crate) name: &'static str,
    pub(crate) global: bool,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8, name: &'static str, global: bool) -> Special {
    Special { range: Range::v4([a, b, c, d], prefix), name, global }
}

const fn v6(segments: [u16; 8], prefix: u8, name: &'static str, global: bool) -> Special {
    let [a, b, c, d, e, f, g, h] = segments;
    Special { range: Range::v6(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix), name, global }
}

const NO: bool = false;
const YES: bool = true;

/// Of the ranges that hold an address, the narrowest decides.
pub(crate) const SPECIAL: &[Special] = &[
    v4(0, 0, 0, 0, 8, "this network", NO),
    v4(10, 0, 0, 0, 8, "private use", NO),
    v4(100, 64, 0, 0, 10, "shared address space", NO),
    v4(100, 100, 100, 200, 32, "cloud metadata", NO),
    v4(127, 0, 0, 0, 8, "loopback", NO),
    // Azure's, in the middle of addresses that anybody else may have.
    v4(168, 63, 129, 16, 32, "cloud metadata", NO),
    v4(169, 254, 0, 0, 16, "link local", NO),
    v4(169, 254, 169, 254, 32, "cloud metadata", NO),
    v4(172, 16, 0, 0, 12, "private use", NO),
    // Two addresses in it, for discovering the nearest relay, are reachable globally, and serve no webhooks.
    v4(192, 0, 0, 0, 24, "protocol assignments", NO),
    v4(192, 0, 2, 0, 24, "documentation", NO),
    v4(192, 31, 196, 0, 24, "AS112", YES),
    v4(192, 52, 193, 0, 24, "AMT", YES),
    v4(192, 88, 99, 0, 24, "6to4 relay", NO),
    v4(192, 168, 0, 0, 16, "private use", NO),
    v4(192, 175, 48, 0, 24, "AS112", YES),
    v4(198, 18, 0, 0, 15, "benchmarking", NO),
    v4(198, 51, 100, 0, 24, "documentation", NO),
    v4(203, 0, 113, 0, 24, "documentation", NO),
    v4(224, 0, 0, 0, 4, "multicast", NO),
    v4(240, 0, 0, 0, 4, "reserved", NO),
    v4(255, 255, 255, 255, 32, "limited broadcast", NO),
    // Nothing outside of 2000::/3 has been given out for general use, but what is named below.
    v6([0, 0, 0, 0, 0, 0, 0, 0], 0, "not assigned", NO),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128, "unspecified", NO),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, "loopback", NO),
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "local translation to IPv4", NO),
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "discard only", NO),
    v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64, "dummy prefix", NO),
    v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3, "global unicast", YES),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "protocol assignments", NO),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 1], 128, "port control anycast", YES),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 2], 128, "TURN anycast", YES),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 3], 128, "DNS-SD anycast", YES),
    v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, "benchmarking", NO),
    v6([0x2001, 3, 0, 0, 0, 0, 0, 0], 32, "AMT", YES),
    v6([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48, "AS112", YES),
    v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28, "ORCHID", NO),
    v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, "ORCHIDv2", YES),
    v6([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28, "drone identities", YES),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "documentation", NO),
    v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, "AS112", YES),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "documentation", NO),
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "segment routing", NO),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "unique local", NO),
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128, "cloud metadata", NO),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link local", NO),
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "site local", NO),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast", NO),
];

/// The narrowest special range that holds the address, if it is not reachable globally.
pub(crate) fn not_global(address: IpAddr) -> Option<&'static str> {
    let holding = SPECIAL.iter().filter(|special| special.range.contains(address));
    holding.max_by_key(|special| special.range.prefix()).filter(|special| !special.global).map(|special| special.name)
}

/// What an IPv6 address is that stands for an IPv4 one.
pub(crate) enum Embedded {
    /// The packet goes to this IPv4 address, and to nothing else: it alone decides.
    Is(Ipv4Addr),
    /// A tunnel whose way nobody vouches for. Refused, whatever the address.
    Tunnel(&'static str),
}

/// The IPv4 address in an IPv6 one, where the form is one of those that carry some.
pub(crate) fn embedded(address: Ipv6Addr) -> Option<Embedded> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let last = Ipv4Addr::from_bits(u32::from(g) << 16 | u32::from(h));
    match [a, b, c, d, e, f] {
        // ::ffff:0:0/96, RFC 4291.
        [0, 0, 0, 0, 0, 0xffff] => Some(Embedded::Is(last)),
        // 64:ff9b::/96, RFC 6052. How it is placed in the local prefix (RFC 8215) is for each network to choose: that one is refused whole.
        [0x64, 0xff9b, 0, 0, 0, 0] => Some(Embedded::Is(last)),
        [0, 0, 0, 0, 0, 0] if g != 0 || h > 1 => Some(Embedded::Tunnel("IPv4-compatible")),
        [0, 0, 0, 0, 0xffff, 0] => Some(Embedded::Tunnel("IPv4-translated")),
        [0x2002, ..] => Some(Embedded::Tunnel("6to4")),
        [0x2001, 0, ..] => Some(Embedded::Tunnel("Teredo")),
        [_, _, _, _, 0 | 0x200, 0x5efe] => Some(Embedded::Tunnel("ISATAP")),
        _ => None,
    }
}
