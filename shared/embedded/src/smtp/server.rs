//! Which mail server, as the setting names it.

use std::{fmt, net::IpAddr, str::FromStr};

/// How the connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// From the first byte on (`smtps://`).
    Implicit,
    /// Switched on before anything else is said (STARTTLS); without it no mail goes out.
    Required,
    /// Not at all: only to this machine, or where `tls=none` says so.
    None,
}

/// A mail server, read from an address such as `smtps://user:password@mail.example.com:465`.
///
/// - `smtps://`: encrypted from the first byte, port 465 unless named.
/// - `smtp://`: STARTTLS is required, port 587 unless named. Without encryption, port 25: to this machine, or with `?tls=none`.
///   `?tls=required` asks for STARTTLS on this machine too.
///
/// User and password may hold any character; `%XX` stands for the byte `XX`, so `%` itself is written `%25`, and `:` in the user `%3A`.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpServer {
    /// The server's name or address; its certificate must be for this.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: SmtpTls,
    /// User and password, if the server wants them. Never shown.
    pub credentials: Option<(String, String)>,
}

/// Why an address names no mail server. Never holds the address: there may be a password in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSmtpUrl {
    /// The beginning is wrong.
    #[error("must start with smtps:// or smtp://, such as smtps://user:password@mail.example.com:465")]
    Scheme,
    /// There is no host.
    #[error("the server's name is missing or misspelt, such as smtps://user:password@mail.example.com:465")]
    Host,
    /// The port is no number.
    #[error("the port must be a number from 1 to 65535")]
    Port,
    /// There is a user without password, or an empty one.
    #[error("user and password belong together: user:password@, or neither")]
    Credentials,
    /// A `%` is not followed by two hexadecimal digits.
    #[error("a % in user or password must be written %25")]
    Percent,
    /// Something unknown stands after the `?`.
    #[error("after the ? only tls=required or tls=none may stand")]
    Option,
    /// Encryption is asked for and switched off at once.
    #[error("smtps:// and tls=none contradict each other: use smtp:// for a server without encryption")]
    Contradiction,
}

impl FromStr for SmtpServer {
    type Err = BadSmtpUrl;

    fn from_str(text: &str) -> Result<Self, BadSmtpUrl> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(BadSmtpUrl::Scheme)?;
        // From the right, so that a password may hold an @.
        let (user, rest) = rest.rsplit_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
        let (address, option) = rest.split_once('?').map_or((rest, None), |(address, option)| (address, Some(option)));
        let (host, port) = host_and_port(address.strip_suffix('/').unwrap_or(address))?;
        let tls = match (scheme.to_ascii_lowercase().as_str(), option) {
            ("smtps", None | Some("tls=required")) => SmtpTls::Implicit,
            ("smtps", Some("tls=none")) => return Err(BadSmtpUrl::Contradiction),
            ("smtp", Some("tls=required")) => SmtpTls::Required,
            ("smtp", Some("tls=none")) => SmtpTls::None,
            ("smtp", None) if is_this_machine(&host) => SmtpTls::None,
            ("smtp", None) => SmtpTls::Required,
            ("smtp" | "smtps", Some(_)) => return Err(BadSmtpUrl::Option),
            _ => return Err(BadSmtpUrl::Scheme),
        };
        let usual = match tls {
            SmtpTls::Implicit => 465,
            SmtpTls::Required => 587,
            SmtpTls::None => 25,
        };
        Ok(Self { host, port: port.unwrap_or(usual), tls, credentials: user.map(credentials).transpose()? })
    }
}

fn host_and_port(address: &str) -> Result<(String, Option<u16>), BadSmtpUrl> {
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or(BadSmtpUrl::Host)?;
            if !matches!(host.parse(), Ok(IpAddr::V6(_))) {
                return Err(BadSmtpUrl::Host);
            }
            let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or(BadSmtpUrl::Host)?) };
            (host, port)
        }
        None => {
            let (host, port) = address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port)));
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            if host.is_empty() || !host.chars().all(is_name) {
                return Err(BadSmtpUrl::Host);
            }
            (host, port)
        }
    };
    let port = port.map(|port| port.parse().ok().filter(|&port| port != 0).ok_or(BadSmtpUrl::Port)).transpose()?;
    Ok((host.to_owned(), port))
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn credentials(text: &str) -> Result<(String, String), BadSmtpUrl> {
    let (user, password) = text.split_once(':').ok_or(BadSmtpUrl::Credentials)?;
    if user.is_empty() || password.is_empty() {
        return Err(BadSmtpUrl::Credentials);
    }
    Ok((decoded(user)?, decoded(password)?))
}

fn decoded(text: &str) -> Result<String, BadSmtpUrl> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())).ok_or(BadSmtpUrl::Percent)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| BadSmtpUrl::Percent)?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).map_err(|_| BadSmtpUrl::Percent)
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpServer")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .field("credentials", &self.credentials.as_ref().map(|_| "…"))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, u16, SmtpTls) {
        let server: SmtpServer = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        (server.host, server.port, server.tls)
    }

    #[test]
    fn encryption_is_the_rule() {
        for (text, port, tls) in [
            ("smtps://mail.example.com", 465, SmtpTls::Implicit),
            ("SMTPS://mail.example.com:2465/", 2465, SmtpTls::Implicit),
            ("smtp://mail.example.com", 587, SmtpTls::Required),
            ("smtp://u:p@mail.example.com:25?tls=required", 25, SmtpTls::Required),
            ("smtp://mail.example.com?tls=none", 25, SmtpTls::None),
        ] {
            assert_eq!(read(text), ("mail.example.com".to_owned(), port, tls), "{text}");
        }
        assert_eq!(read("smtp://localhost:1025"), ("localhost".to_owned(), 1025, SmtpTls::None));
        assert_eq!(read("smtp://127.0.0.1"), ("127.0.0.1".to_owned(), 25, SmtpTls::None));
        assert_eq!(read("smtp://[::1]:1025"), ("::1".to_owned(), 1025, SmtpTls::None));
        assert_eq!(read("smtp://[2001:db8::1]"), ("2001:db8::1".to_owned(), 587, SmtpTls::Required));
        assert_eq!(read("smtp://localhost?tls=required").2, SmtpTls::Required);
        assert_eq!(read("smtp://localhost.example.com").2, SmtpTls::Required);
    }

    #[test]
    fn passwords_of_any_shape() {
        for (written, user, password) in [
            ("user:password", "user", "password"),
            ("me%40example.com:a%3Ab%25c", "me@example.com", "a:b%c"),
            ("me@example.com:p@ss:w/o?r#d", "me@example.com", "p@ss:w/o?r#d"),
            ("user:%C3%A4", "user", "ä"),
        ] {
            let server: SmtpServer = format!("smtps://{written}@mail.example.com").parse().unwrap();
            assert_eq!(server.credentials, Some((user.to_owned(), password.to_owned())), "{written}");
            assert_eq!(server.host, "mail.example.com");
        }
    }

    #[test]
    fn mistakes() {
        for (text, problem) in [
            ("", BadSmtpUrl::Scheme),
            ("mail.example.com:465", BadSmtpUrl::Scheme),
            ("https://mail.example.com", BadSmtpUrl::Scheme),
            ("smtps://", BadSmtpUrl::Host),
            ("smtps://user:pw@", BadSmtpUrl::Host),
            ("smtps://mail example.com", BadSmtpUrl::Host),
            ("smtps://mail.example.com/path", BadSmtpUrl::Host),
            ("smtps://[::1", BadSmtpUrl::Host),
            ("smtps://[mail]:465", BadSmtpUrl::Host),
            ("smtps://mail.example.com:0", BadSmtpUrl::Port),
            ("smtps://mail.example.com:smtp", BadSmtpUrl::Port),
            ("smtps://mail.example.com:", BadSmtpUrl::Port),
            ("smtps://user@mail.example.com", BadSmtpUrl::Credentials),
            ("smtps://:pw@mail.example.com", BadSmtpUrl::Credentials),
            ("smtps://user:100%@mail.example.com", BadSmtpUrl::Percent),
            ("smtps://user:%+1@mail.example.com", BadSmtpUrl::Percent),
            ("smtps://user:%€@mail.example.com", BadSmtpUrl::Percent),
            ("smtps://user:%FF@mail.example.com", BadSmtpUrl::Percent),
            ("smtp://mail.example.com?tls=maybe", BadSmtpUrl::Option),
            ("smtps://mail.example.com?tls=none", BadSmtpUrl::Contradiction),
        ] {
            assert_eq!(text.parse::<SmtpServer>(), Err(problem), "{text}");
        }
    }

    #[test]
    fn the_password_is_never_shown() {
        let server: SmtpServer = "smtps://someone:very-secret@mail.example.com".parse().unwrap();
        let shown = format!("{server:?}");
        assert!(!shown.contains("very-secret") && !shown.contains("someone"), "{shown}");
    }
}
