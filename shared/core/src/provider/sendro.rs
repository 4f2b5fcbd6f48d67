use std::borrow::Cow;

use http::StatusCode;
use serde::Deserialize;
use sluice_signature::{Message, Scheme};

use super::{Answer, Malformed, Named, Provider, RECEIVED, Route, TwilioReplies, is_name};
use crate::time::Timestamp;

/// Sendro. An event is what happened to a mail: its identity is the mail and what happened, out of the signed body.
pub(super) struct Sendro;

static SCHEME: sluice_signature::Sendro = sluice_signature::Sendro::new();

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type", alias = "event")]
    kind: Cow<'a, str>,
    #[serde(flatten, borrow)]
    outer: Mail<'a>,
    #[serde(borrow, default)]
    data: Option<Mail<'a>>,
}

/// The mail stands beside the type, or in `data`.
#[derive(Default, Deserialize)]
struct Mail<'a> {
    #[serde(borrow, default, rename = "emailId", alias = "email_id")]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default, alias = "createdAt", alias = "created_at")]
    timestamp: Option<Cow<'a, str>>,
}

impl Provider for Sendro {
    fn name(&self) -> &'static str {
        "sendro"
    }

    fn title(&self) -> &'static str {
        "Sendro"
    }

    fn secret_setting(&self) -> &'static str {
        "SENDRO_WEBHOOK_SECRET"
    }

    fn dev_secret(&self) -> &'static str {
        "dev_sendro_secret_only_for_this_machine"
    }

    fn scheme(&self) -> &dyn Scheme {
        &SCHEME
    }

    fn name_event(&self, _: &Route<'_>, message: &Message<'_>) -> Result<Named, Malformed> {
        let event: Event<'_> = serde_json::from_slice(message.body).map_err(|error| Malformed(format!("not a Sendro event: {error}")))?;
        let data = event.data.unwrap_or_default();
        let id = event.outer.id.or(data.id).ok_or_else(|| Malformed("not a Sendro event: it has no emailId".to_owned()))?;
        if !is_name(&id) || !is_name(&event.kind) {
            return Err(Malformed("not a Sendro event: its emailId or type is empty, too long, or not of ASCII letters".to_owned()));
        }
        let occurred_at = event.outer.timestamp.or(data.timestamp).and_then(|text| text.parse::<Timestamp>().ok());
        Ok(Named { key: format!("{id}:{}", event.kind), kind: event.kind.into_owned(), occurred_at, account: None })
    }

    fn kept_headers(&self) -> &'static [&'static str] {
        &["content-type", "user-agent"]
    }

    fn refused(&self) -> StatusCode {
        StatusCode::UNAUTHORIZED
    }

    fn accepted(&self, _: &Route<'_>, _: &Message<'_>, _: &TwilioReplies) -> Answer {
        RECEIVED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(body: &str) -> Result<Named, Malformed> {
        let message = Message { method: "POST", url: "", headers: &[], body: body.as_bytes() };
        Sendro.name_event(&Route { channel: "", source: "default" }, &message)
    }

    #[test]
    fn the_mail_and_what_happened_are_the_identity() {
        let flat = named(r#"{"type":"email.delivered","emailId":"em_1","timestamp":"2026-11-22T09:00:00Z"}"#).expect("an event");
        assert_eq!((flat.key.as_str(), flat.kind.as_str()), ("em_1:email.delivered", "email.delivered"));
        assert_eq!(flat.occurred_at.map(|at| at.to_string()).as_deref(), Some("2026-11-22T09:00:00Z"));
        let nested = named(r#"{"event":"email.opened","data":{"emailId":"em_1","timestamp":1}}"#);
        assert!(nested.is_err(), "a time is a text");
        let nested = named(r#"{"event":"email.opened","data":{"emailId":"em_1"}}"#).expect("an event");
        assert_eq!(nested.key, "em_1:email.opened");
    }

    #[test]
    fn what_has_no_identity_is_malformed() {
        for body in ["", "[]", "{}", r#"{"type":"email.delivered"}"#, r#"{"emailId":"em_1"}"#, r#"{"type":"","emailId":"em_1"}"#] {
            assert!(named(body).is_err(), "{body}");
        }
    }
}
