//! The paths of ingest: `/webhooks/{provider}…`, and the same under `/api` and `/api/v1`.

use crate::provider::{self, Provider, Providers, Route};

/// What a path leads to.
pub(super) enum Found<'a> {
    /// A provider's endpoint.
    Webhook { provider: &'static dyn Provider, route: Route<'a> },
    /// A path of ingest with nothing behind it.
    Nothing,
    /// A path that is not ingest's.
    Elsewhere,
}

pub(super) fn find(providers: Providers, path: &str) -> Found<'_> {
    let (rest, aliased) = match path.strip_prefix("/webhooks/") {
        Some(rest) => (rest, false),
        None => match path.strip_prefix("/api/webhooks/").or_else(|| path.strip_prefix("/api/v1/webhooks/")) {
            Some(rest) => (rest, true),
            None => return Found::Elsewhere,
        },
    };
    let mut segments: Vec<_> = rest.strip_suffix('/').unwrap_or(rest).split('/').collect();
    if aliased {
        match segments.as_slice() {
            ["stripe", "payment-events"] => segments.truncate(1),
            ["twilio"] => segments.push("sms-status"),
            _ => {}
        }
    }
    let Some(provider) = provider::find(providers, segments[0]) else {
        // Other things than providers live under /api/webhooks: subscriptions, by id.
        return if aliased { Found::Elsewhere } else { Found::Nothing };
    };
    match provider.route(&segments[1..]) {
        Some(route) => Found::Webhook { provider, route },
        None => Found::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str) -> String {
        match find(provider::ALL, path) {
            Found::Webhook { provider, route } => format!("{} {}", provider.name(), route.source),
            Found::Nothing => "nothing".to_owned(),
            Found::Elsewhere => "elsewhere".to_owned(),
        }
    }

    #[test]
    fn paths_and_their_further_names() {
        for path in [
            "/webhooks/stripe",
            "/webhooks/stripe/",
            "/api/webhooks/stripe",
            "/api/v1/webhooks/stripe",
            "/api/webhooks/stripe/payment-events",
            "/api/v1/webhooks/stripe/payment-events",
        ] {
            assert_eq!(found(path), "stripe default", "{path}");
        }
        assert_eq!(found("/webhooks/stripe/acme"), "stripe acme");
        assert_eq!(found("/api/v1/webhooks/stripe/acme"), "stripe acme");
        for path in ["/webhooks/nobody", "/webhooks/", "/webhooks/stripe/a/b", "/webhooks/stripe/ACME", "/webhooks/stripe/payment-events"] {
            assert_eq!(found(path), "nothing", "{path}");
        }
        for path in ["/", "/api/v1/bookings", "/api/webhooks", "/webhook/stripe"] {
            assert_eq!(found(path), "elsewhere", "{path}");
        }
    }
}
