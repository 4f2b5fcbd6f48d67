use http::StatusCode;
use sluice_signature::{Message, explain::Explained};

use super::{Answer, Fields, Fresh, Malformed, Named, Provider, RECEIVED, Renewal, Route, TwilioReplies, is_name};
use crate::time::Timestamp;

/// Sendro. An event is what happened to a mail: its identity is the mail and what happened, out of the signed body.
pub struct Sendro;

static SCHEME: sluice_signature::Sendro = sluice_signature::Sendro::new();

/// The fields of an event or of its `data` that are read: only the id and the type are insisted on.
const FIELDS: &[&str] = &["type", "event", "emailId", "email_id", "timestamp", "createdAt", "created_at", "data"];

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

    fn scheme(&self) -> &dyn Explained {
        &SCHEME
    }

    fn renewals(&self) -> &'static [Renewal] {
        const PLACES: &[Renewal] = &[Renewal::body("emailId", Fresh::Id("em_")), Renewal::body("timestamp", Fresh::Now)];
        PLACES
    }

    fn name_event(&self, _: &Route<'_>, message: &Message<'_>) -> Result<Named, Malformed> {
        let event = Fields::read(message.body, FIELDS).map_err(|error| Malformed(format!("not a Sendro event: {error}")))?;
        // The mail stands beside the type, or in `data`.
        let data = event.get("data").and_then(|data| Fields::read(data.get().as_bytes(), FIELDS).ok()).unwrap_or_default();
        let either = |names: &[&str]| event.text(names).or_else(|| data.text(names));
        let id = either(&["emailId", "email_id"]).ok_or_else(|| Malformed("not a Sendro event: it has no emailId".to_owned()))?;
        let kind = event.text(&["type", "event"]).ok_or_else(|| Malformed("not a Sendro event: it has no type".to_owned()))?;
        if !is_name(&id) || !is_name(&kind) {
            return Err(Malformed("not a Sendro event: its emailId or type is empty, too long, or not of ASCII letters".to_owned()));
        }
        let occurred_at = either(&["timestamp", "createdAt", "created_at"]).and_then(|text| text.parse::<Timestamp>().ok());
        Ok(Named { key: format!("{id}:{kind}"), kind: kind.into_owned(), occurred_at, account: None })
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
