use std::borrow::Cow;

use http::{Method, StatusCode};
use serde_json::{Map, Value};
use sluice_signature::{Form, Header, Message, Scheme, Secret};

use super::{Answer, Malformed, Named, Provider, Reply, Route, TwilioReplies, is_name};
use crate::{ids::is_source, secrets::DEFAULT_SOURCE};

/// Twilio: <https://www.twilio.com/docs/usage/webhooks>. It gives its requests no identity and no time, so an event is a step in the life of a message or a
/// call, and its identity the step's own parameters.
pub(super) struct Twilio;

static SCHEME: sluice_signature::Twilio = sluice_signature::Twilio::new();

/// Messages that were sent report here how far they are.
const SMS_STATUS: &str = "sms-status";
/// Messages come in here, and are answered.
const SMS: &str = "sms";
/// Calls come in here, and are answered.
const VOICE: &str = "voice";

/// The parameters of a request: those of its form, of its query, or of its JSON.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads them. Those of the body go before those of the query, which is the operator's own.
    ///
    /// # Errors
    /// [`Malformed`] if the body or the query is not what it says.
    pub(crate) fn read(is_json: bool, query: &str, body: &[u8]) -> Result<Self, Malformed> {
        let mut parameters = Vec::new();
        if is_json {
            let object: Map<String, Value> =
                serde_json::from_slice(body).map_err(|error| Malformed(format!("its body is no JSON object: {error}")))?;
            parameters.extend(object.into_iter().filter_map(|(name, value)| match value {
                Value::String(text) => Some((name, text)),
                Value::Number(number) => Some((name, number.to_string())),
                _ => None,
            }));
        } else {
            read_form(body, &mut parameters)?;
        }
        read_form(query.as_bytes(), &mut parameters)?;
        Ok(Self(parameters))
    }

    fn of(message: &Message<'_>) -> Result<Self, Malformed> {
        let is_json = match message.header("Content-Type") {
            Header::Once(value) => value.to_ascii_lowercase().starts_with(b"application/json"),
            Header::Absent | Header::Repeated => false,
        };
        Self::read(is_json, query(message.url), message.body)
    }

    /// The first value of that name that is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, value)| found == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The same, as part of an identity.
    fn named(&self, name: &str) -> Result<&str, Malformed> {
        let value = self.get(name).ok_or_else(|| Malformed(format!("it has no parameter {name}")))?;
        if is_name(value) { Ok(value) } else { Err(Malformed(format!("its parameter {name} is too long, or not of ASCII letters"))) }
    }

    fn either(&self, name: &str, older: &str) -> Result<&str, Malformed> {
        if self.get(name).is_some() { self.named(name) } else { self.named(older) }
    }
}

fn read_form(text: &[u8], parameters: &mut Vec<(String, String)>) -> Result<(), Malformed> {
    let form = Form::parse(text).map_err(|error| Malformed(format!("its parameters can't be read: {error}")))?;
    let decoded = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    parameters.extend(form.pairs().map(|(name, value)| (decoded(name), decoded(value))));
    Ok(())
}

/// The query of a URL, as it was requested.
fn query(url: &str) -> &str {
    url.split_once('?').map_or("", |(_, query)| query)
}

impl Provider for Twilio {
    fn name(&self) -> &'static str {
        "twilio"
    }

    fn title(&self) -> &'static str {
        "Twilio"
    }

    fn secret_setting(&self) -> &'static str {
        "TWILIO_AUTH_TOKEN"
    }

    fn dev_secret(&self) -> &'static str {
        "dev_twilio_token_only_for_this_machine"
    }

    fn scheme(&self) -> &dyn Scheme {
        &SCHEME
    }

    fn read_secret(&self, text: &str) -> Secret {
        sluice_signature::Twilio::secret(text)
    }

    fn signs_url(&self) -> bool {
        true
    }

    fn methods(&self) -> &'static [Method] {
        const BOTH: &[Method] = &[Method::POST, Method::GET];
        BOTH
    }

    fn route<'a>(&self, rest: &[&'a str]) -> Option<Route<'a>> {
        let (channel, source) = match *rest {
            [channel] => (channel, DEFAULT_SOURCE),
            [channel, source] if is_source(source) => (channel, source),
            _ => return None,
        };
        [SMS_STATUS, SMS, VOICE].contains(&channel).then_some(Route { channel, source })
    }

    fn paths(&self, source: &str) -> Vec<String> {
        let behind = if source == DEFAULT_SOURCE { String::new() } else { format!("/{source}") };
        [SMS_STATUS, SMS, VOICE].map(|channel| format!("/webhooks/twilio/{channel}{behind}")).to_vec()
    }

    /// The types are `message.<status>` for a message that was sent, `message.received` for one that came in, and `call.<status>`.
    fn name_event(&self, route: &Route<'_>, message: &Message<'_>) -> Result<Named, Malformed> {
        let parameters = Parameters::of(message)?;
        let (key, kind) = match route.channel {
            SMS_STATUS => {
                let (id, status) = (parameters.either("MessageSid", "SmsSid")?, parameters.either("MessageStatus", "SmsStatus")?);
                (format!("{id}:{status}"), format!("message.{status}"))
            }
            SMS => (parameters.either("MessageSid", "SmsSid")?.to_owned(), "message.received".to_owned()),
            _ => {
                let (id, status) = (parameters.named("CallSid")?, parameters.named("CallStatus")?);
                let number = parameters.get("SequenceNumber").filter(|number| is_name(number));
                let step = number.map_or_else(String::new, |number| format!(":{number}"));
                (format!("{id}:{status}{step}"), format!("call.{status}"))
            }
        };
        let account = parameters.get("AccountSid").filter(|account| is_name(account)).map(str::to_owned);
        Ok(Named { key, kind, occurred_at: None, account })
    }

    fn keeps_query(&self) -> bool {
        true
    }

    fn kept_headers(&self) -> &'static [&'static str] {
        &["content-type", "user-agent", "i-twilio-idempotency-token"]
    }

    fn refused(&self) -> StatusCode {
        StatusCode::FORBIDDEN
    }

    fn accepted(&self, route: &Route<'_>, message: &Message<'_>, replies: &TwilioReplies) -> Answer {
        let text = |body: Cow<'static, str>| Answer { status: StatusCode::OK, content_type: "text/xml", body };
        match route.channel {
            SMS_STATUS if replies.empty_status => Answer { status: StatusCode::NO_CONTENT, content_type: "text/plain", body: "".into() },
            SMS_STATUS => Answer::ok("application/json", r#"{"status":"received"}"#),
            SMS => {
                let parameters = Parameters::of(message).ok();
                let said = parameters.as_ref().and_then(|parameters| parameters.get("Body")).unwrap_or_default();
                text(Reply::message(replies.sms.as_deref(), said).into())
            }
            _ => text(Reply::voice(replies.voice.as_deref(), replies.play.as_deref()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(channel: &str, query: &str, body: &str) -> Result<Named, String> {
        let url = format!("https://hooks.example.com/webhooks/twilio/{channel}{query}");
        let message = Message { method: "POST", url: &url, headers: &[], body: body.as_bytes() };
        Twilio.name_event(&Route { channel, source: "default" }, &message).map_err(|malformed| malformed.0)
    }

    #[test]
    fn each_status_of_a_message_is_an_event() {
        let event = named(SMS_STATUS, "?ref=in_1", "MessageSid=SM1&MessageStatus=delivered&AccountSid=AC1").expect("an event");
        assert_eq!((event.key.as_str(), event.kind.as_str()), ("SM1:delivered", "message.delivered"));
        assert_eq!(event.account.as_deref(), Some("AC1"));
        let older = named(SMS_STATUS, "", "SmsSid=SM1&SmsStatus=sent&MessageSid=").expect("an event");
        assert_eq!(older.key, "SM1:sent");
        assert_eq!(named(SMS_STATUS, "", "MessageSid=SM1&MessageStatus=teleported").expect("an event").kind, "message.teleported");
    }

    #[test]
    fn messages_and_calls_that_come_in() {
        assert_eq!(named(SMS, "", "MessageSid=SM1&Body=").expect("an event").key, "SM1");
        assert_eq!(named(SMS, "", "MessageSid=SM1&Body=x").expect("an event").kind, "message.received");
        assert_eq!(named(VOICE, "", "CallSid=CA1&CallStatus=ringing").expect("an event").key, "CA1:ringing");
        assert_eq!(named(VOICE, "", "CallSid=CA1&CallStatus=ringing&SequenceNumber=2").expect("an event").key, "CA1:ringing:2");
        assert_eq!(named(SMS, "?MessageSid=SM2", "").expect("by GET").key, "SM2");
    }

    #[test]
    fn json_has_the_same_parameters() {
        let headers: [(&str, &[u8]); 1] = [("content-type", b"application/json; charset=utf-8")];
        let body = br#"{"MessageSid":"SM1","MessageStatus":"sent","n":1,"x":{}}"#;
        let message = Message { method: "POST", url: "", headers: &headers, body };
        let event = Twilio.name_event(&Route { channel: SMS_STATUS, source: "default" }, &message).expect("an event");
        assert_eq!(event.key, "SM1:sent");
    }

    #[test]
    fn what_has_no_identity_is_malformed() {
        assert!(named(SMS_STATUS, "", "MessageSid=SM1").expect_err("no status").contains("SmsStatus"));
        assert!(named(SMS, "", "Body=x").is_err() && named(VOICE, "", "CallSid=CA1").is_err());
        assert!(named(SMS, "", "MessageSid=%0a").is_err());
        assert!(named(SMS, "", "MessageSid=%").is_err());
    }

    #[test]
    fn the_body_speaks_before_the_query() {
        assert_eq!(named(SMS, "?MessageSid=forged", "MessageSid=SM1").expect("an event").key, "SM1");
    }
}
