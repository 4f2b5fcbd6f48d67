//! Under which names everything but the webhooks answers.

use std::net::IpAddr;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header, uri::Authority};
use sluice_core::{
    api::Problem,
    settings::{DEV_API_KEY, Mode, Settings},
};

/// The hosts that a request may be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hosts {
    /// Whatever leads here.
    Any,
    /// Only this machine itself. A page in the developer's browser can have a name of its own lead to this machine (DNS rebinding), and then ask whatever a key
    /// that everybody knows may ask; but the request still says that name.
    ThisMachine,
}

impl Hosts {
    /// Those of a gateway with these settings.
    pub(super) fn of(mode: Mode, settings: &Settings) -> Self {
        let known_to_all = settings.api_keys.iter().any(|key| key.reveal() == DEV_API_KEY);
        if mode == Mode::Dev && known_to_all { Self::ThisMachine } else { Self::Any }
    }

    /// Refuses a request that is for another host, or names several.
    pub(super) fn refuse(self, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
        let mut named = headers.get_all(header::HOST).iter().map(HeaderValue::as_bytes);
        let one = named.next().is_some_and(is_this_machine) && named.next().is_none();
        // In the absolute form (https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2) the target names it, too.
        if self == Self::Any || one && uri.authority().is_none_or(|authority| is_this_machine(authority.as_str().as_bytes())) {
            return None;
        }
        let why = "with the API key of dev, which everybody knows, only requests to localhost are answered; for another host set SLUICE_API_KEY to a key of your own";
        Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, why).into_response())
    }
}

fn is_this_machine(host: &[u8]) -> bool {
    let Ok(authority) = Authority::try_from(host) else { return false };
    let host = authority.host();
    host.eq_ignore_ascii_case("localhost") || host.trim_matches(['[', ']']).parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine() {
        for host in ["localhost", "LocalHost:3000", "127.0.0.1", "127.0.0.1:43004", "[::1]", "[::1]:3000"] {
            assert!(is_this_machine(host.as_bytes()), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example:3000",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "192.168.1.5:3000",
            "0.0.0.0:3000",
            "[::]",
            "localhost:3000/",
            "\u{e9}",
        ] {
            assert!(!is_this_machine(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn a_request_names_one_host() {
        let refused = |hosts: Hosts, target: &str, named: &[&str]| {
            let headers = named.iter().map(|host| (header::HOST, HeaderValue::from_str(host).expect("a value"))).collect();
            hosts.refuse(&target.parse().expect("a target"), &headers).is_some()
        };
        assert!(!refused(Hosts::Any, "/", &[]));
        assert!(refused(Hosts::ThisMachine, "/", &[]), "every browser says which host it asks");
        for (target, named) in [("/", &["localhost"][..]), ("http://localhost:3000/", &["localhost:3000"])] {
            assert!(!refused(Hosts::ThisMachine, target, named), "{target} {named:?}");
        }
        for (target, named) in [
            ("/", &["evil.example"][..]),
            ("/", &["localhost", "evil.example"]),
            ("/", &["evil.example", "localhost"]),
            ("http://evil.example/", &["localhost"]),
            ("http://localhost@evil.example/", &["localhost"]),
            ("http://localhost/", &["evil.example"]),
        ] {
            assert!(refused(Hosts::ThisMachine, target, named), "{target} {named:?}");
        }
    }
}
