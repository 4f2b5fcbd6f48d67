use std::net::IpAddr;

use crate::{
    Host, Range, Target,
    special::{Embedded, embedded, not_global},
};

/// Whether this very machine may be a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loopback {
    /// No, under no name.
    #[default]
    Refused,
    /// For developing a receiver: if the URL says so itself, as `localhost` or by address, on any port, also without TLS.
    Named,
}

/// Where webhooks may go.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Ports besides 443 (and 80, which needs TLS as well).
    pub ports: Vec<u16>,
    /// The operator's own ranges, which are refused though they look global.
    pub refused: Vec<Range>,
    /// The hosts under which the outside reaches the sender itself, each with its port: a webhook there would feed itself.
    pub own: Vec<(Host, u16)>,
    /// Whether this very machine may be a target.
    pub loopback: Loopback,
}

/// Why an address may not be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not for everybody.
    #[error("{address} is not a public address ({what})")]
    Special {
        /// The address.
        address: IpAddr,
        /// What its range is for.
        what: &'static str,
    },
    /// The operator has refused its range.
    #[error("{address} is in a range that the operator has refused")]
    Operator {
        /// The address.
        address: IpAddr,
    },
    /// The name has no address.
    #[error("the host has no address")]
    Nowhere,
}

impl Rules {
    /// Whether one address may be reached.
    ///
    /// # Errors
    /// [`Refused`] says why not.
    pub fn judge(&self, address: IpAddr) -> Result<(), Refused> {
        if self.refused.iter().any(|range| range.contains(address)) {
            return Err(Refused::Operator { address });
        }
        let special = |what| Err(Refused::Special { address, what });
        if let IpAddr::V6(outer) = address {
            match embedded(outer) {
                Some(Embedded::Is(inner)) => {
                    return self.judge(IpAddr::V4(inner)).map_err(|refused| match refused {
                        Refused::Special { what, .. } => Refused::Special { address, what },
                        _ => Refused::Operator { address },
                    });
                }
                Some(Embedded::Tunnel(what)) => return special(what),
                None => {}
            }
        }
        not_global(address).map_or(Ok(()), special)
    }

    /// Whether a target may be reached at the addresses that its host has just been resolved to. One that is refused refuses them all: a name with a
    /// public and a private address is a trap. Asked before every single attempt, and the connection then goes to one of these addresses.
    ///
    /// # Errors
    /// [`Refused`] says why not.
    pub fn judge_all(&self, target: &Target, addresses: &[IpAddr]) -> Result<(), Refused> {
        if addresses.is_empty() {
            return Err(Refused::Nowhere);
        }
        let named_loopback = self.loopback == Loopback::Named && target.names_loopback();
        addresses.iter().try_for_each(|address| if named_loopback && is_loopback(*address) { Ok(()) } else { self.judge(*address) })
    }

    /// Whether the port may be connected to.
    pub(crate) fn allows_port(&self, port: u16) -> bool {
        matches!(port, 80 | 443) || self.ports.contains(&port)
    }

    /// Whether a target is the sender itself. This very machine has many names, so that there the port alone tells.
    pub(crate) fn is_own(&self, target: &Target) -> bool {
        let here = |host: &Host| names_loopback(host);
        self.own.iter().any(|(host, port)| *port == target.port() && (host == target.host() || (here(host) && here(target.host()))))
    }
}

/// Whether a host is this very machine by what it is called.
pub(crate) fn names_loopback(host: &Host) -> bool {
    match host {
        Host::Name(name) => name == "localhost",
        Host::Address(address) => is_loopback(*address),
    }
}

pub(crate) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}
