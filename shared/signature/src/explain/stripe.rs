use std::time::Duration;

use serde_json::Value;

use super::{Explained, Finding, Layout, lay_out};
use crate::{Message, Secret, Stripe};

impl Explained for Stripe {
    fn doubt_secret(&self, secret: &Secret) -> Option<&'static str> {
        let text = secret.reveal();
        if ["sk_", "rk_", "pk_"].iter().any(|prefix| text.starts_with(prefix)) {
            return Some("is an API key: use the signing secret of the webhook endpoint, which begins with whsec_.");
        }
        if text.starts_with("we_") {
            return Some("is the id of a webhook endpoint: use its signing secret, which begins with whsec_.");
        }
        if !text.starts_with("whsec_") {
            return Some("does not begin with whsec_, as Stripe's signing secrets do, and the prefix is part of the key: give all of it.");
        }
        None
    }

    fn within(&self, tolerance: Duration) -> Option<Box<dyn Explained>> {
        Some(Box::new(self.with_tolerance(tolerance)))
    }

    fn doubt_message(&self, message: &Message<'_>) -> Vec<Finding> {
        let Ok(event) = serde_json::from_slice::<Value>(message.body) else {
            return vec![Finding::NoEvent];
        };
        let kind = event.get("object").and_then(Value::as_str);
        if !matches!(kind, Some("event" | "v2.core.event")) {
            return vec![Finding::NoEvent];
        }
        let mut findings = Vec::new();
        let text = String::from_utf8_lossy(message.body);
        // Thin events are not known to be indented.
        if kind == Some("event") && lay_out(&text, Layout::Stripe) != text {
            findings.push(Finding::LayoutUnusual);
        }
        findings.extend(event.get("livemode").and_then(Value::as_bool).map(|live| Finding::Mode { live }));
        findings
    }
}
