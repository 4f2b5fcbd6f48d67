use std::borrow::Cow;

use http::{Method, StatusCode};
use sluice_signature::{Encoded, Header, Message, Secret};

use super::{Answer, Fresh, Malformed, Named, Profile, Provider, Renewal, Reply, Route, TwilioReplies, is_name};
use crate::{
    ids::is_source,
    json::{self, Value},
    rules::keyword,
    secrets::DEFAULT_SOURCE,
};

/// Twilio: <https://www.twilio.com/docs/usage/webhooks>. It gives its requests no identity and no time, so an event is a step in the life of a message or a
/// call, and its identity the step's own parameters.
pub struct Twilio;

static SCHEME: sluice_signature::Twilio = sluice_signature::Twilio::new();

static PROFILE: Profile = Profile {
    renewals: &[
        Renewal::header("I-Twilio-Idempotency-Token", Fresh::Uuid),
        Renewal::body("MessageSid", Fresh::Hex("SM", 32)),
        Renewal::body("SmsSid", Fresh::Hex("SM", 32)),
        Renewal::body("SmsMessageSid", Fresh::Hex("SM", 32)),
        Renewal::body("CallSid", Fresh::Hex("CA", 32)),
    ],
    kept_headers: &["content-type", "user-agent", "i-twilio-idempotency-token"],
    refused: StatusCode::FORBIDDEN,
    ..Profile::new("twilio", "Twilio", "TWILIO_AUTH_TOKEN", "dev_twilio_token_only_for_this_machine", &SCHEME)
};

/// Messages that were sent report here how far they are.
const SMS_STATUS: &str = "sms-status";
/// Messages come in here, and are answered.
const SMS: &str = "sms";
/// Calls come in here, and are answered.
const VOICE: &str = "voice";

/// The parameters of a request: those of its form, of its query, or of its JSON. Only those that are asked for are decoded.
pub(crate) struct Parameters<'a> {
    /// The names and values of a JSON object.
    json: Vec<(Cow<'a, str>, Value<'a>)>,
    /// Of the form and of the query.
    forms: [Encoded<'a>; 2],
}

impl<'a> Parameters<'a> {
    /// Reads them. Those of the body go before those of the query, which is the operator's own.
    ///
    /// # Errors
    /// [`Malformed`] if the body or the query is not what it says.
    pub(crate) fn read(is_json: bool, query: &'a str, body: &'a [u8]) -> Result<Self, Malformed> {
        let form = |text| Encoded::parse(text).map_err(|error| Malformed(format!("its parameters can't be read: {error}")));
        let (json, of_body) = if is_json { (object(body)?, Encoded::default()) } else { (Vec::new(), form(body)?) };
        Ok(Self { json, forms: [of_body, form(query.as_bytes())?] })
    }

    fn of(message: &Message<'a>) -> Result<Self, Malformed> {
        let is_json = match message.header("Content-Type") {
            Header::Once(value) => value.to_ascii_lowercase().starts_with(b"application/json"),
            Header::Absent | Header::Repeated => false,
        };
        Self::read(is_json, query(message.url), message.body)
    }

    /// The first value of that name that is not empty. What is not UTF-8 in it is replaced.
    pub(crate) fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.values(name).find(|value| !value.is_empty())
    }

    /// The values of that name, in their order; of a JSON object the last first.
    fn values<'s, 'n>(&'s self, name: &'n str) -> impl Iterator<Item = Cow<'a, str>> + use<'a, 's, 'n> {
        let in_json = self.json.iter().rev().filter(move |(found, _)| found == name).filter_map(|(_, value)| scalar(*value));
        in_json.chain(self.forms.iter().flat_map(move |form| form.values(name)).map(text))
    }

    /// The first of these parameters that there is, as part of an identity. Twilio signs names and values without anything between, so whoever holds a
    /// signed request can move the end of a value. That is no value of this form any more.
    fn first_of(&self, names: &[&str], fits: fn(&str) -> bool) -> Result<Cow<'a, str>, Malformed> {
        let found = names.iter().find_map(|name| Some((name, self.get(name)?)));
        let (name, value) = found.ok_or_else(|| Malformed(format!("it has no parameter {}", names.join(" or "))))?;
        if fits(&value) { Ok(value) } else { Err(Malformed(format!("its parameter {name} is none that Twilio sends"))) }
    }

    /// Whether it says this account and no other.
    fn are_of(&self, account: &str) -> bool {
        let mut accounts = self.values("AccountSid").peekable();
        accounts.peek().is_some() && accounts.all(|other| other == account)
    }
}

/// Whether a text is no longer than Twilio's ids, which have two letters and 128 bits in hex: one with more behind it is none.
fn is_sid(text: &str) -> bool {
    (1..=34).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// Whether a text has the form of a status: one word in small letters. No digits, because the next parameter's value could be moved to its end.
fn is_status(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || b"_-".contains(&byte))
}

/// What is told of a call beside its status: the parameter of its id, that of how far it is, and the type's first word.
const OF_CALLS: [(&str, &str, &str); 2] =
    [("RecordingSid", "RecordingStatus", "recording"), ("TranscriptionSid", "TranscriptionStatus", "transcription")];

/// The names and values of a JSON object.
fn object(json: &[u8]) -> Result<Vec<(Cow<'_, str>, Value<'_>)>, Malformed> {
    let json = std::str::from_utf8(json).map_err(|error| PROFILE.malformed(error))?;
    json::entries(json.as_bytes()).map_err(|error| PROFILE.malformed(error))
}

/// A text, or a number as it is written.
fn scalar(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value.as_written() {
        number @ [b'-' | b'0'..=b'9', ..] => Some(String::from_utf8_lossy(number)),
        _ => value.text(),
    }
}

/// What a form says, as a text.
fn text(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => {
            String::from_utf8(bytes).unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned()).into()
        }
    }
}

/// The query of a URL, as it was requested.
fn query(url: &str) -> &str {
    url.split_once('?').map_or("", |(_, query)| query)
}

impl Provider for Twilio {
    fn profile(&self) -> &'static Profile {
        &PROFILE
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
                let id = parameters.first_of(&["MessageSid", "SmsSid"], is_sid)?;
                let status = parameters.first_of(&["MessageStatus", "SmsStatus"], is_status)?;
                ([&*id, ":", &*status].concat(), ["message.", &*status].concat())
            }
            SMS => (parameters.first_of(&["MessageSid", "SmsSid"], is_sid)?.into_owned(), "message.received".to_owned()),
            _ => {
                let beside = OF_CALLS.into_iter().find(|(id, ..)| parameters.get("CallStatus").is_none() && parameters.get(id).is_some());
                let (id, status, what) = beside.unwrap_or(("CallSid", "CallStatus", "call"));
                let (id, status) = (parameters.first_of(&[id], is_sid)?, parameters.first_of(&[status], is_status)?);
                let number =
                    parameters.get("SequenceNumber").filter(|number| number.len() <= 9 && number.bytes().all(|byte| byte.is_ascii_digit()));
                let step = number.map_or_else(String::new, |number| format!(":{number}"));
                (format!("{id}:{status}{step}"), format!("{what}.{status}"))
            }
        };
        let account = parameters.get("AccountSid").filter(|account| is_name(account)).map(Cow::into_owned);
        Ok(Named { key, kind, occurred_at: None, account })
    }

    /// The token of one account speaks for that account: for what is said in the form, the query and the JSON, by the same reading as what follows from it.
    fn speaks_for(&self, secret: &Secret, message: &Message<'_>) -> bool {
        let Some(account) = secret.name().filter(|name| name.starts_with("AC")) else { return true };
        Parameters::of(message).is_ok_and(|parameters| parameters.are_of(account))
    }

    fn keeps_query(&self) -> bool {
        true
    }

    fn accepted(&self, route: &Route<'_>, message: &Message<'_>, replies: &TwilioReplies) -> Answer {
        let twiml = |body: Cow<'static, str>| Answer { status: StatusCode::OK, content_type: "text/xml", body };
        match route.channel {
            SMS_STATUS if replies.empty_status => Answer { status: StatusCode::NO_CONTENT, content_type: "text/plain", body: "".into() },
            SMS_STATUS => Answer::ok("application/json", r#"{"status":"received"}"#),
            SMS => {
                let parameters = Parameters::of(message).ok();
                let get = |name| parameters.as_ref().and_then(|parameters| parameters.get(name));
                let said = get("Body").unwrap_or_default();
                // Whoever has just asked for no more texts gets none; Twilio itself confirms it.
                let stop = keyword::said(get("OptOutType").as_deref(), Some(&said)) == Some(true);
                twiml(Reply::message(replies.sms.as_deref().filter(|_| !stop), &said).into())
            }
            _ => twiml(Reply::voice(replies.voice.as_deref(), replies.play.as_deref()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SM: &str = "SM0123456789abcdef0123456789abcdef";
    const CA: &str = "CA0123456789abcdef0123456789abcdef";

    fn named(channel: &str, query: &str, body: &str) -> Result<Named, String> {
        let url = format!("https://hooks.example.com/webhooks/twilio/{channel}{query}");
        let message = Message { method: "POST", url: &url, headers: &[], body: body.as_bytes() };
        Twilio.name_event(&Route { channel, source: "default" }, &message).map_err(|malformed| malformed.0)
    }

    #[test]
    fn each_status_of_a_message_is_an_event() {
        let event = named(SMS_STATUS, "?ref=in_1", &format!("MessageSid={SM}&MessageStatus=delivered&AccountSid=AC1")).expect("an event");
        assert_eq!((event.key.as_str(), event.kind.as_str()), (format!("{SM}:delivered").as_str(), "message.delivered"));
        assert_eq!(event.account.as_deref(), Some("AC1"));
        let older = named(SMS_STATUS, "", &format!("SmsSid={SM}&SmsStatus=sent&MessageSid=")).expect("an event");
        assert_eq!(older.key, format!("{SM}:sent"));
        assert_eq!(
            named(SMS_STATUS, "", &format!("MessageSid={SM}&MessageStatus=teleported")).expect("an event").kind,
            "message.teleported"
        );
        assert!(Twilio.check_secret("AC0123:").is_err() && Twilio.check_secret("webhooks_sharedkey_a:").is_err());
        assert_eq!(Twilio.check_secret("AC0123:0123456789abcdef"), Ok(()));
    }

    #[test]
    fn messages_and_calls_that_come_in() {
        assert_eq!(named(SMS, "", &format!("MessageSid={SM}&Body=")).expect("an event").key, SM);
        assert_eq!(named(SMS, "", &format!("MessageSid={SM}&Body=x")).expect("an event").kind, "message.received");
        assert_eq!(named(VOICE, "", &format!("CallSid={CA}&CallStatus=ringing")).expect("an event").key, format!("{CA}:ringing"));
        assert_eq!(
            named(VOICE, "", &format!("CallSid={CA}&CallStatus=ringing&SequenceNumber=2")).expect("an event").key,
            format!("{CA}:ringing:2")
        );
        assert_eq!(named(SMS, &format!("?MessageSid={SM}"), "").expect("by GET").key, SM);
    }

    #[test]
    fn json_has_the_same_parameters() {
        let headers: [(&str, &[u8]); 1] = [("content-type", b"application/json; charset=utf-8")];
        let body = format!(r#"{{"MessageSid":"{SM}","MessageStatus":"sent","n":1,"x":{{}}}}"#);
        let message = Message { method: "POST", url: "", headers: &headers, body: body.as_bytes() };
        let event = Twilio.name_event(&Route { channel: SMS_STATUS, source: "default" }, &message).expect("an event");
        assert_eq!(event.key, format!("{SM}:sent"));
    }

    #[test]
    fn what_has_no_identity_is_malformed() {
        assert!(named(SMS_STATUS, "", &format!("MessageSid={SM}")).expect_err("no status").contains("SmsStatus"));
        assert!(named(SMS, "", "Body=x").is_err() && named(VOICE, "", &format!("CallSid={CA}")).is_err());
        assert!(named(SMS, "", "MessageSid=%0a").is_err());
        assert!(named(SMS, "", "MessageSid=%").is_err());
    }

    #[test]
    fn the_body_speaks_before_the_query() {
        assert_eq!(named(SMS, "?MessageSid=forged", &format!("MessageSid={SM}")).expect("an event").key, SM);
    }

    /// `a=bc` and `ab=c` are signed alike, so what is replayed with its values ending elsewhere would be another event.
    #[test]
    fn a_value_whose_end_was_moved_is_malformed() {
        assert!(named(SMS, "", &format!("MessageSid={SM}NumMedia0")).is_err());
        assert!(named(SMS_STATUS, "", &format!("MessageSid={SM}&MessageStatus=sentSmsSid{SM}")).is_err());
        assert!(named(VOICE, "", &format!("CallSid={CA}&CallStatus=ringing2")).is_err());
    }

    #[test]
    fn what_is_told_of_a_call_beside_its_status_is_an_event() {
        let recording = "RecordingSid=RE0123456789abcdef0123456789abcdef";
        let event = named(VOICE, "", &format!("CallSid={CA}&{recording}&RecordingStatus=completed")).expect("an event");
        assert_eq!((event.key.as_str(), event.kind.as_str()), ("RE0123456789abcdef0123456789abcdef:completed", "recording.completed"));
    }

    #[test]
    fn the_token_of_an_account_speaks_for_no_other() {
        let token = sluice_signature::Twilio::secret("AC1:token");
        let json: &[(&str, &[u8])] = &[("content-type", b"application/json")];
        let said = |url: &str, headers: &[(&str, &[u8])], body: &str| {
            Twilio.speaks_for(&token, &Message { method: "POST", url, headers, body: body.as_bytes() })
        };
        assert!(said("https://a.example/", &[], "AccountSid=AC1&x=1"));
        assert!(said("https://a.example/?AccountSid=AC1", json, r#"{"AccountSid":"AC1"}"#));
        for (url, headers, body) in [
            ("https://a.example/", [].as_slice(), "x=1"),
            ("https://a.example/", &[], "AccountSid=AC2"),
            ("https://a.example/", &[], "AccountSid=AC1&AccountSid=AC2"),
            ("https://a.example/?Account%53id=AC2", &[], ""),
            ("https://a.example/?AccountSid=AC2", &[], "AccountSid=AC1"),
            ("https://a.example/?AccountSid=AC1", json, r#"{"AccountSid":"AC2"}"#),
        ] {
            assert!(!said(url, headers, body), "{url} {body}");
        }
        assert!(
            Twilio.speaks_for(&sluice_signature::Twilio::secret("token"), &Message { method: "POST", url: "", headers: &[], body: b"" })
        );
    }

    #[test]
    fn who_says_stop_is_not_answered_with_a_text() {
        let answered = |body: &str| {
            let message = Message { method: "POST", url: "", headers: &[], body: body.as_bytes() };
            Twilio.accepted(&Route { channel: SMS, source: "default" }, &message, &TwilioReplies::default()).body.into_owned()
        };
        assert!(answered("Body=Hello").contains("<Message>"));
        assert!(!answered("Body=Stop+").contains("<Message>") && !answered("Body=Arr%C3%AAt&OptOutType=STOP").contains("<Message>"));
    }
}
