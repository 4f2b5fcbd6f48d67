use std::borrow::Cow;

use sluice_signature::{Message, StandardWebhooks};

use super::{Fresh, Malformed, Named, Profile, Provider, Renewal, Route, is_name};
use crate::{ids::is_source, time::Timestamp};

/// Any sender that follows Standard Webhooks, Svix and its users among them
/// (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>). Each is a source of its own, with its own secret.
pub struct Standard;

static SCHEME: StandardWebhooks = StandardWebhooks::new();

/// What an event is called whose body does not say.
const UNTYPED: &str = "event";

static PROFILE: Profile = Profile {
    renewals: &[Renewal::header("webhook-id", Fresh::Id("msg_")), Renewal::body("timestamp", Fresh::Now)],
    ..Profile::new("standard", "Standard Webhooks", "STANDARD_WEBHOOK_SECRET", "whsec_ZGV2X29ubHlfZm9yX3RoaXNfbWFjaGluZQ==", &SCHEME)
};

/// The type and the time of a body that is what the specification recommends. It is no duty.
fn kind_and_time(body: &[u8]) -> Result<[Option<Cow<'_, str>>; 2], Malformed> {
    let [kind, time] = PROFILE.fields(body, ["type", "timestamp"])?;
    Ok([PROFILE.text(kind)?, PROFILE.text(time)?])
}

impl Provider for Standard {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    fn check_secret(&self, text: &str) -> Result<(), &'static str> {
        StandardWebhooks::check_key(text)
    }

    /// The sender has to be named.
    fn route<'a>(&self, rest: &[&'a str]) -> Option<Route<'a>> {
        match rest {
            [source] if is_source(source) => Some(Route { channel: "", source }),
            _ => None,
        }
    }

    fn paths(&self, source: &str) -> Vec<String> {
        vec![format!("/webhooks/standard/{source}")]
    }

    fn name_event(&self, _: &Route<'_>, message: &Message<'_>) -> Result<Named, Malformed> {
        let key = StandardWebhooks::id(message).filter(|id| is_name(id));
        let key = key.ok_or_else(|| Malformed("its webhook-id is missing, too long, or not of ASCII letters".to_owned()))?;
        // A body of another shape, or none of JSON, is as good: only the headers are laid down.
        let [kind, time] = kind_and_time(message.body).unwrap_or_default();
        let kind = kind.filter(|kind| is_name(kind)).map_or_else(|| UNTYPED.to_owned(), Cow::into_owned);
        let occurred_at = time.and_then(|text| text.parse::<Timestamp>().ok());
        Ok(Named { key: key.to_owned(), kind, occurred_at, account: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(id: &str, body: &str) -> Result<Named, Malformed> {
        let headers: [(&str, &[u8]); 1] = [("webhook-id", id.as_bytes())];
        let message = Message { method: "POST", url: "", headers: &headers, body: body.as_bytes() };
        Standard.name_event(&Route { channel: "", source: "acme" }, &message)
    }

    #[test]
    fn the_type_is_the_body_s_if_it_has_one() {
        let event = named("msg_1", r#"{"type":"user.created","timestamp":"2026-11-22T09:00:00Z","data":{}}"#).expect("an event");
        assert_eq!((event.key.as_str(), event.kind.as_str()), ("msg_1", "user.created"));
        assert!(event.occurred_at.is_some());
        for body in ["", "hello", "[]", r#"{"type":7}"#, r#"{"type":""}"#] {
            assert_eq!(named("msg_1", body).expect("an event").kind, UNTYPED, "{body}");
        }
    }

    #[test]
    fn a_secret_is_a_key() {
        for text in ["whsec_ZGV2X29ubHlfZm9yX3RoaXNfbWFjaGluZQ==", "ZGV2X29ubHlf", "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="] {
            assert_eq!(Standard.check_secret(text), Ok(()), "{text}");
        }
        for text in ["whsec_", "whsec_!!!", "whpk_AAAA", "", "\"whsec_ZGV2\""] {
            assert!(Standard.check_secret(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_sender_has_a_name() {
        assert!(Standard.route(&[]).is_none());
        assert_eq!(Standard.route(&["acme"]).map(|route| route.source), Some("acme"));
        assert!(Standard.route(&["acme", "x"]).is_none());
    }

    #[test]
    fn without_an_id_it_is_malformed() {
        assert!(named("", "{}").is_err());
        assert!(named("a b.c", "{}").is_err());
    }
}
