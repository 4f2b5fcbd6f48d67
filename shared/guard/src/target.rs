use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use http::Uri;

use crate::{Loopback, Refused, Rules, rules::names_loopback};

/// The longest URL.
const LONGEST: usize = 2_000;

/// The host of a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name, in lower case, without a dot at its end.
    Name(String),
    /// An address.
    Address(IpAddr),
}

impl Host {
    /// Reads a host as it stands in a URL; `None` if it is none, or one that not all programs read alike.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        read_host(text).ok()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// A URL that webhooks may be sent to, as far as the URL itself shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    secure: bool,
    host: Host,
    port: u16,
    path: String,
}

/// Why a URL can't be a target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// It is no URL, or one that not all programs read alike.
    #[error("is not a URL such as https://example.com/webhooks: {0}")]
    NotAUrl(&'static str),
    /// It is not `https`.
    #[error("must begin with https://")]
    NotSecure,
    /// It names a user.
    #[error("must have no user and password in it; a header can carry them")]
    UserInfo,
    /// Its port is not allowed.
    #[error("has the port {0}, which is not one of those that are allowed")]
    Port(u16),
    /// It leads back to the sender.
    #[error("leads back to Sluice itself")]
    Own,
    /// Its host is this machine, or a name that only a local network knows.
    #[error("has the host {0}, which leads nowhere from outside")]
    Local(String),
    /// Its host is an address that may not be reached.
    #[error("can't be reached: {0}")]
    Address(#[from] Refused),
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`BadTarget`] says what is wrong with it, for whoever gave it.
    pub fn parse(text: &str, rules: &Rules) -> Result<Self, BadTarget> {
        let target = Self::read(text)?;
        let local = target.names_loopback() && rules.loopback == Loopback::Named;
        if rules.is_own(&target) {
            return Err(BadTarget::Own);
        }
        if !local {
            match &target.host {
                Host::Name(name) if is_local_name(name) => return Err(BadTarget::Local(name.clone())),
                Host::Name(_) => {}
                Host::Address(address) => rules.judge(*address)?,
            }
            if !target.secure {
                return Err(BadTarget::NotSecure);
            }
            if !rules.allows_port(target.port) {
                return Err(BadTarget::Port(target.port));
            }
        }
        Ok(target)
    }

    fn read(text: &str) -> Result<Self, BadTarget> {
        if text.len() > LONGEST {
            return Err(BadTarget::NotAUrl("it is longer than 2000 characters"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains(['\\', '#']) {
            return Err(BadTarget::NotAUrl("it has characters that must be written otherwise, or a fragment"));
        }
        let uri: Uri = text.parse().map_err(|_| BadTarget::NotAUrl("it can't be read"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) => return Err(BadTarget::NotSecure),
            None => return Err(BadTarget::NotAUrl("it begins with no scheme")),
        };
        let authority = uri.authority().ok_or(BadTarget::NotAUrl("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(BadTarget::UserInfo);
        }
        let usual = if secure { 443 } else { 80 };
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => usual,
            _ => authority.port_u16().filter(|port| *port != 0).ok_or(BadTarget::NotAUrl("its port is no number"))?,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { secure, host: read_host(authority.host())?, port, path })
    }

    /// Whether TLS is spoken.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, as they are requested.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The header `Host`.
    #[must_use]
    pub fn authority(&self) -> String {
        let usual = if self.secure { 443 } else { 80 };
        if self.port == usual { self.host.to_string() } else { format!("{}:{}", self.host, self.port) }
    }

    /// Whether the URL itself says that this machine is meant.
    pub(crate) fn names_loopback(&self) -> bool {
        names_loopback(&self.host)
    }
}

fn read_host(text: &str) -> Result<Host, BadTarget> {
    if let Some(inner) = text.strip_prefix('[') {
        // A zone names an interface of this machine, and is no part of an address that anybody else could mean.
        let address = inner.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok());
        return address.map(|address| Host::Address(address.into())).ok_or(BadTarget::NotAUrl("its host is no IPv6 address"));
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if let Ok(address) = name.parse::<Ipv4Addr>() {
        return Ok(Host::Address(address.into()));
    }
    if name.is_empty() || name.len() > 253 || !name.split('.').all(is_label) {
        return Err(BadTarget::NotAUrl("its host is no name of letters, digits and hyphens; write others as xn--…"));
    }
    // Some programs read such hosts as numbers, and so as addresses: 2130706433, 0x7f.1, 127.1.
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
        return Err(BadTarget::NotAUrl("its host ends like a number; write an address as four numbers"));
    }
    Ok(Host::Name(name))
}

fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&label.len()) && label.bytes().all(allowed) && !label.starts_with('-') && !label.ends_with('-')
}

/// Names that are this machine, or that no public server answers for (RFC 6761, RFC 6762, RFC 9476, ICANN's `internal`).
fn is_local_name(name: &str) -> bool {
    let ends = ["localhost", "local", "internal", "localdomain", "home.arpa", "invalid", "onion", "alt"];
    !name.contains('.') || ends.iter().any(|end| name.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}
