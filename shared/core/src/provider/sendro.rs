use std::borrow::Cow;

use sluice_signature::Message;

use super::{Fresh, Malformed, Named, Profile, Provider, Renewal, Route};
use crate::json::{self, Repeats, Value};

/// Sendro. An event is what happened to a mail: its identity is the mail and what happened, out of the signed body.
pub struct Sendro;

static SCHEME: sluice_signature::Sendro = sluice_signature::Sendro::new();

static PROFILE: Profile = Profile {
    renewals: &[Renewal::body("emailId", Fresh::Id("em_")), Renewal::body("timestamp", Fresh::Now)],
    ..Profile::new("sendro", "Sendro", "SENDRO_WEBHOOK_SECRET", "dev_sendro_secret_only_for_this_machine", &SCHEME)
};

/// What is read of an event: only the mail and the type are insisted on. The mail stands beside the type, or in `data`.
const PLACES: [&str; 12] = [
    "type",
    "event",
    "emailId",
    "email_id",
    "data.emailId",
    "data.email_id",
    "timestamp",
    "createdAt",
    "created_at",
    "data.timestamp",
    "data.createdAt",
    "data.created_at",
];

fn first_text<'a>(fields: &[Option<Value<'a>>]) -> Option<Cow<'a, str>> {
    fields.iter().flatten().find_map(|value| value.text())
}

impl Provider for Sendro {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    fn name_event(&self, _: &Route<'_>, message: &Message<'_>) -> Result<Named, Malformed> {
        let found = json::fields(message.body, PLACES, Repeats::Last).map_err(|error| PROFILE.malformed(error))?;
        let (kinds, rest) = found.split_at(2);
        let (ids, times) = rest.split_at(4);
        let (id, kind) = (first_text(ids).unwrap_or_default(), first_text(kinds).unwrap_or_default());
        let mut key = String::with_capacity(id.len() + 1 + kind.len());
        key.push_str(&id);
        let mut named = PROFILE.named(key, kind)?;
        named.key.push(':');
        named.key.push_str(&named.kind);
        named.occurred_at = first_text(times).and_then(|text| text.parse().ok());
        Ok(named)
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
        for body in [
            r#"{"event":"email.opened","data":{"emailId":"em_1"}}"#,
            r#"{"event":"email.opened","data":{"emailId":"em_1","timestamp":1}}"#,
            r#"{"type":"email.opened","event":"x","emailId":"em_1","email_id":"em_2","createdAt":"x","timestamp":[],"data":"text"}"#,
        ] {
            assert_eq!(named(body).expect("an event").key, "em_1:email.opened", "{body}");
        }
    }

    #[test]
    fn what_has_no_identity_is_malformed() {
        for body in ["", "[]", "{}", r#"{"type":"email.delivered"}"#, r#"{"emailId":"em_1"}"#, r#"{"type":"","emailId":"em_1"}"#] {
            assert!(named(body).is_err(), "{body}");
        }
    }
}
