//! Under which names everything but the webhooks answers.

use std::net::IpAddr;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header, uri::Authority};
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

    /// Refuses a request that is for another host.
    pub(super) fn refuse(self, headers: &HeaderMap) -> Option<Response> {
        if self == Self::Any || headers.get(header::HOST).is_some_and(|host| is_this_machine(host.as_bytes())) {
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
        assert!(Hosts::Any.refuse(&HeaderMap::new()).is_none());
        assert!(Hosts::ThisMachine.refuse(&HeaderMap::new()).is_some(), "every browser says which host it asks");
    }
}
