use sluice_signature::{Header, Message};

use super::{Fresh, Malformed, Named, PLAIN_OK, Profile, Provider, Renewal, Route, named_header};
use crate::{body, json};

/// Shopify: <https://shopify.dev/docs/apps/build/webhooks>. An event is one delivery of one topic of one shop: `X-Shopify-Event-Id` is shared by all
/// that one action of a merchant causes, such as `orders/create` and `orders/paid`, and so identifies none of them. None of these headers is signed.
pub struct Shopify;

static SCHEME: sluice_signature::Shopify = sluice_signature::Shopify::new();

static PROFILE: Profile = Profile {
    dictionary: &body::SHOPIFY,
    renewals: &[
        Renewal::header("X-Shopify-Webhook-Id", Fresh::Uuid),
        Renewal::header("X-Shopify-Event-Id", Fresh::OtherUuid),
        Renewal::header("X-Shopify-Triggered-At", Fresh::Now),
    ],
    kept_headers: &[
        "content-type",
        "user-agent",
        "x-shopify-api-version",
        "x-shopify-event-id",
        "x-shopify-test",
        "shopify-api-version",
        "shopify-event-id",
        "shopify-action",
        "shopify-handle",
        "shopify-resource-id",
    ],
    accepted: &PLAIN_OK,
    ..Profile::new("shopify", "Shopify", "SHOPIFY_WEBHOOK_SECRET", "dev_shopify_secret_only_for_this_machine", &SCHEME)
};

/// The headers' names, of the webhooks and of the events of 2026 (<https://shopify.dev/docs/apps/build/events>).
struct Family {
    topic: &'static str,
    shop: &'static str,
    id: &'static str,
    triggered_at: &'static str,
}

static WEBHOOKS: Family =
    Family { topic: "X-Shopify-Topic", shop: "X-Shopify-Shop-Domain", id: "X-Shopify-Webhook-Id", triggered_at: "X-Shopify-Triggered-At" };
static EVENTS: Family =
    Family { topic: "Shopify-Topic", shop: "Shopify-Shop-Domain", id: "Shopify-Webhook-Id", triggered_at: "Shopify-Triggered-At" };

impl Provider for Shopify {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    fn name_event(&self, _: &Route<'_>, message: &Message<'_>) -> Result<Named, Malformed> {
        // The family whose signature was verified.
        let family = match message.header(sluice_signature::Shopify::EVENT_HEADER) {
            Header::Absent => &WEBHOOKS,
            Header::Once(_) | Header::Repeated => &EVENTS,
        };
        let topic = named_header(message, family.topic)?;
        let shop = named_header(message, family.shop)?.to_ascii_lowercase();
        let id = named_header(message, family.id)?;
        // The same secret signs other things for the app than webhooks, none of which is JSON.
        json::insist(message.body).map_err(|error| PROFILE.malformed(error))?;
        let triggered_at = named_header(message, family.triggered_at).ok().and_then(|text| text.parse().ok());
        Ok(Named { key: format!("{shop}:{topic}:{id}"), kind: topic.to_owned(), occurred_at: triggered_at, account: Some(shop) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(headers: &[(&str, &str)], body: &str) -> Result<Named, String> {
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let message = Message { method: "POST", url: "", headers: &headers, body: body.as_bytes() };
        Shopify.name_event(&Route { channel: "", source: "default" }, &message).map_err(|malformed| malformed.0)
    }

    fn headers(topic: &'static str) -> [(&'static str, &'static str); 4] {
        [
            ("x-shopify-topic", topic),
            ("x-shopify-shop-domain", "Acme.myshopify.com"),
            ("x-shopify-webhook-id", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"),
            ("x-shopify-triggered-at", "2026-11-22T09:00:00.123456789Z"),
        ]
    }

    #[test]
    fn one_action_is_an_event_for_each_topic() {
        let (created, paid) = (named(&headers("orders/create"), "{}").expect("one"), named(&headers("orders/paid"), "{}").expect("one"));
        assert_eq!(created.kind, "orders/create");
        assert_ne!(created.key, paid.key);
        assert_eq!(created.key, "acme.myshopify.com:orders/create:b54557e4-bdd9-4b37-8a5f-bf7d70bcd043");
        assert_eq!(created.account.as_deref(), Some("acme.myshopify.com"));
        assert_eq!(created.occurred_at.map(|at| at.millis() % 1000), Some(123));
    }

    #[test]
    fn the_family_that_is_verified_is_the_one_that_is_read() {
        let mut both = headers("orders/create").to_vec();
        both.extend([("shopify-hmac-sha256", "x"), ("shopify-topic", "order/update"), ("shopify-shop-domain", "b.myshopify.com")]);
        assert!(named(&both, "{}").expect_err("its id is missing").contains("Shopify-Webhook-Id"));
        both.push(("shopify-webhook-id", "1"));
        assert_eq!(named(&both, "{}").expect("one").key, "b.myshopify.com:order/update:1");
    }

    #[test]
    fn what_is_no_webhook_is_malformed() {
        for missing in 0..3 {
            let mut headers = headers("orders/create").to_vec();
            headers.remove(missing);
            assert!(named(&headers, "{}").is_err(), "without {missing}");
        }
        assert!(named(&headers("orders/create"), "shop=acme&timestamp=1").is_err());
        assert_eq!(named(&headers("orders/create")[..3], "{}").expect("one").occurred_at, None);
    }
}
