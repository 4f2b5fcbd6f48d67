use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// A range of addresses by its prefix, such as `10.0.0.0/8`. Bits behind the prefix don't count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    network: IpAddr,
    prefix: u8,
}

/// A text that is no range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a range of addresses: write it such as 10.0.0.0/8 or fd00::/8, or as one address")]
pub struct BadRange;

impl Range {
    pub(crate) const fn v4(octets: [u8; 4], prefix: u8) -> Self {
        let [a, b, c, d] = octets;
        Self { network: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    pub(crate) const fn v6(network: Ipv6Addr, prefix: u8) -> Self {
        Self { network: IpAddr::V6(network), prefix }
    }

    /// How many leading bits count.
    #[must_use]
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether the address is in the range. One of the other family never is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let behind = 32 - u32::from(self.prefix);
                (network.to_bits() ^ address.to_bits()).checked_shr(behind).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let behind = 128 - u32::from(self.prefix);
                (network.to_bits() ^ address.to_bits()).checked_shr(behind).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Range {
    type Err = BadRange;

    fn from_str(text: &str) -> Result<Self, BadRange> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let network: IpAddr = address.parse().map_err(|_| BadRange)?;
        let most = if network.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), |prefix| prefix.parse().map_err(|_| BadRange))?;
        if prefix > most { Err(BadRange) } else { Ok(Self { network, prefix }) }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_contains() {
        let range: Range = "10.1.0.0/16".parse().unwrap();
        assert!(range.contains("10.1.255.255".parse().unwrap()) && !range.contains("10.2.0.0".parse().unwrap()));
        let one: Range = "2001:db8::7".parse().unwrap();
        assert!(one.contains("2001:db8::7".parse().unwrap()) && !one.contains("2001:db8::8".parse().unwrap()));
        let all: Range = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("255.1.2.3".parse().unwrap()) && !all.contains("::1".parse().unwrap()));
        assert_eq!(range.to_string(), "10.1.0.0/16");
    }

    #[test]
    fn refuses_what_is_no_range() {
        for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1", "here/8"] {
            assert_eq!(wrong.parse::<Range>(), Err(BadRange), "{wrong}");
        }
    }
}
