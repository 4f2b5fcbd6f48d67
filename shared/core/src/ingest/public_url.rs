use std::fmt;

use http::Uri;

/// The address under which the outside reaches Sluice: scheme and host, with the port and the user info that providers were given. Empty where nobody needs it.
///
/// Some providers sign it whole, as Twilio does with `https://user:password@host`. It is shown without the user info, in logs and everywhere else.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PublicUrl(String);

/// This is no address of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be scheme and host alone, such as https://hooks.example.com")]
pub struct NoPublicUrl;

impl PublicUrl {
    /// Reads it; a slash at its end is no part of it.
    ///
    /// # Errors
    /// [`NoPublicUrl`] if it has a path, a query or a fragment, no host, or anything that programs read in different ways.
    pub fn read(text: &str) -> Result<Self, NoPublicUrl> {
        let text = text.trim_end_matches('/');
        let uri: Uri = text.parse().map_err(|_| NoPublicUrl)?;
        let authority = uri.authority().ok_or(NoPublicUrl)?;
        let place = authority.as_str().rsplit('@').next().unwrap_or_default();
        let behind_host = place.strip_prefix(authority.host()).ok_or(NoPublicUrl)?;
        let fits = matches!(uri.scheme_str(), Some("https" | "http"))
            && !authority.host().is_empty()
            && is_port(behind_host)
            && authority.as_str().matches('@').count() <= 1
            && !authority.as_str().starts_with(['@', ':'])
            && matches!(uri.path(), "" | "/")
            && uri.query().is_none()
            && !text.contains('#');
        if fits { Ok(Self(text.to_owned())) } else { Err(NoPublicUrl) }
    }

    /// This machine at that port, where nothing else is said.
    #[must_use]
    pub fn of_this_machine(port: u16) -> Self {
        Self(format!("http://localhost:{port}"))
    }

    /// It as providers were given it: for what is signed, and never for showing.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Its host alone.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        self.0.parse::<Uri>().ok()?.host().map(str::to_ascii_lowercase)
    }

    /// Whether nobody needed it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether it is a port with its colon, or nothing.
fn is_port(text: &str) -> bool {
    text.is_empty()
        || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok())
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.split_once("://"), self.0.split_once('@')) {
            (Some((scheme, _)), Some((_, host))) => write!(f, "{scheme}://…@{host}"),
            _ => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_and_host_with_what_belongs_to_them() {
        for text in [
            "https://hooks.example.com",
            "http://localhost:3000",
            "https://[2001:db8::1]:8443",
            "https://user:pass%40word@hooks.example.com",
            "https://user@hooks.example.com:8443",
            "https://user:@[2001:db8::1]",
        ] {
            assert_eq!(PublicUrl::read(text).map(|url| url.reveal().to_owned()).as_deref(), Ok(text));
            assert_eq!(PublicUrl::read(&format!("{text}/")), PublicUrl::read(text));
        }
        for text in [
            "",
            "hooks.example.com",
            "ftp://hooks.example.com",
            "https://",
            "https://hooks.example.com/hooks",
            "https://hooks.example.com?a=1",
            "https://hooks.example.com#rc=2",
            "https://hooks.example.com:port",
            "https://@hooks.example.com",
            "https://:password@hooks.example.com",
            "https://user@evil@hooks.example.com",
            "https://user:password@",
            "https://us er@hooks.example.com",
        ] {
            assert_eq!(PublicUrl::read(text), Err(NoPublicUrl), "{text}");
        }
    }

    #[test]
    fn user_info_is_not_shown() {
        let url = PublicUrl::read("https://user:password@hooks.example.com:8443").expect("an address");
        assert_eq!(url.to_string(), "https://…@hooks.example.com:8443");
        assert_eq!(format!("{url:?}"), "PublicUrl(https://…@hooks.example.com:8443)");
        assert_eq!(url.host().as_deref(), Some("hooks.example.com"));
        assert_eq!(PublicUrl::read("http://localhost:3000").expect("an address").to_string(), "http://localhost:3000");
        assert_eq!(PublicUrl::default().to_string(), "");
    }
}
