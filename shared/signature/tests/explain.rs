//! What an operator is told, for everything that usually goes wrong.

use sluice_signature::{
    GitHub, Message, Scheme, Secret, Sendro, Shopify, StandardWebhooks, Stripe, Twilio,
    explain::{Change, Explained, Explanation, Finding, Fit, UrlChange, explain},
};

const NOW: i64 = 1_771_000_000;
const KEY: &str = "whsec_test";
const BODY: &str = "{\n  \"id\": \"evt_1\",\n  \"object\": \"event\",\n  \"data\": {\n    \"object\": {\n      \"amount\": 1.50,\n      \"lines\": [\n\n      ]\n    }\n  },\n  \"livemode\": false\n}";

fn header(body: &str, time: i64) -> String {
    let unsigned = Message { method: "POST", url: "", headers: &[], body: body.as_bytes() };
    let signed = Stripe::new().sign(&unsigned, &[Secret::new(KEY)], time).expect("there is a secret");
    signed.headers[0].1.clone()
}

fn explained(name: &str, value: &str, body: &[u8], keys: &[&str], now: i64) -> Explanation {
    let headers = [(name, value.as_bytes())];
    let message = Message { method: "POST", url: "", headers: &headers, body };
    let secrets: Vec<Secret> = keys.iter().map(|key| Secret::new(*key)).collect();
    explain(&Stripe::new(), &message, &secrets, now)
}

fn of_body(body: impl AsRef<[u8]>) -> Vec<Finding> {
    explained(Stripe::HEADER, &header(BODY, NOW), body.as_ref(), &["whsec_old", KEY], NOW).findings
}

#[test]
fn nothing_to_say_about_what_fits() {
    let explanation = explained(Stripe::HEADER, &header(BODY, NOW), BODY.as_bytes(), &["whsec_old", KEY], NOW + 12);
    assert_eq!(explanation.verdict.expect("it fits").secret, 1);
    assert_eq!(explanation.fits, [Fit::NoFit, Fit::Fitted]);
    assert_eq!(explanation.clock_difference, Some(12));
    assert_eq!(explanation.findings, []);
}

#[test]
fn what_was_done_to_the_body() {
    let compact = r#"{"id":"evt_1","object":"event","data":{"object":{"amount":1.50,"lines":[]}},"livemode":false}"#;
    let one_line = r#"{"id": "evt_1", "object": "event", "data": {"object": {"amount": 1.50, "lines": []}}, "livemode": false}"#;
    let wrapped = serde_json::json!({"version": "2.0", "body": BODY, "isBase64Encoded": false}).to_string();
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, BODY);
    let wrapped64 = serde_json::json!({"body": base64, "isBase64Encoded": true}).to_string();
    let quoted = serde_json::Value::from(BODY).to_string();
    for (body, change) in [
        (compact.to_owned(), Change::Reserialised),
        (format!("{compact}\n"), Change::Reserialised),
        (one_line.to_owned(), Change::Reserialised),
        (BODY.replace("[\n\n      ]", "[]"), Change::Reserialised),
        (BODY.replace("[\n\n      ]", "[]").replace("  ", "    "), Change::Reserialised),
        (format!("{BODY}\n"), Change::LineEndAdded),
        (format!("{BODY}\r\n"), Change::LineEndAdded),
        (BODY.replace('\n', "\r\n"), Change::LineEndsToCrLf),
        (format!("\u{feff}{BODY}"), Change::ByteOrderMarkAdded),
        (base64, Change::Base64),
        (quoted, Change::Quoted),
        (wrapped, Change::Wrapped),
        (wrapped64, Change::Wrapped),
    ] {
        assert_eq!(of_body(&body)[0], Finding::BodyChanged { change, secret: 1 }, "{body}");
    }
    for (sent, body, change) in [
        ("{}\n", "{}", Change::LineEndLost),
        ("{\r\n}", "{\n}", Change::LineEndsToLf),
        ("{\n  \"a\": 1\n}\n", "{\"a\":1}", Change::Reserialised),
        (compact, BODY, Change::Reserialised),
    ] {
        let findings = explained(Stripe::HEADER, &header(sent, NOW), body.as_bytes(), &[KEY], NOW).findings;
        assert_eq!(findings[..], [Finding::BodyChanged { change, secret: 0 }], "{body}");
    }
}

#[test]
fn a_changed_body_is_found_however_old_it_is() {
    let findings = explained(Stripe::HEADER, &header(BODY, NOW), format!("{BODY}\n").as_bytes(), &[KEY], NOW + 9999).findings;
    assert_eq!(findings, [Finding::BodyChanged { change: Change::LineEndAdded, secret: 0 }]);
}

#[test]
fn a_changed_value_leaves_only_guesses() {
    let findings = of_body(BODY.replace("1.50", "1.5"));
    assert_eq!(findings, [Finding::Mode { live: false }, Finding::AnotherSecret]);
    let findings = of_body(BODY.replace("1.50", "1.5").replace("\n ", "").replace("false", "true"));
    assert_eq!(findings, [Finding::LayoutUnusual, Finding::Mode { live: true }, Finding::AnotherSecret]);
    assert_eq!(of_body("oops"), [Finding::NoEvent, Finding::AnotherSecret]);
    assert_eq!(of_body([0xff, 0xfe]), [Finding::NoEvent, Finding::AnotherSecret]);
}

#[test]
fn stale_and_from_the_future() {
    let explanation = explained(Stripe::HEADER, &header(BODY, NOW), BODY.as_bytes(), &[KEY], NOW + 1000);
    assert_eq!(explanation.fits, [Fit::FittedTooOld]);
    assert_eq!(explanation.findings, [Finding::Stale { age: 1000, tolerance: 300 }]);
    assert!(explanation.findings[0].to_string().contains("stale by 700 s"));

    let explanation = explained(Stripe::HEADER, &header(BODY, NOW), BODY.as_bytes(), &[KEY], NOW - 1000);
    assert!(explanation.verdict.is_ok());
    assert_eq!(explanation.findings, [Finding::FromTheFuture { ahead: 1000 }]);
}

#[test]
fn secrets_that_cannot_be_right() {
    let doubts = |key: &str| -> Vec<&'static str> {
        let findings = explained(Stripe::HEADER, &header(BODY, NOW), BODY.as_bytes(), &[key], NOW).findings;
        findings.iter().map(Finding::code).collect()
    };
    assert_eq!(doubts(""), ["secret_blank"]);
    assert_eq!(doubts(" whsec_test\n"), ["secret_padded"]);
    assert_eq!(doubts("\"whsec_test\""), ["secret_padded"]);
    assert_eq!(doubts("'whsec_test' "), ["secret_padded"]);
    assert_eq!(doubts(" whsec_other"), ["secret_padded", "mode", "another_secret"]);
    for key in ["sk_live_x", "rk_test_x", "pk_test_x", "we_1x", "test"] {
        assert_eq!(doubts(key), ["secret_doubtful", "mode", "another_secret"], "{key}");
    }
}

#[test]
fn an_odd_secret_that_fits_is_no_finding() {
    let unsigned = Message { method: "POST", url: "", headers: &[], body: b"{}" };
    let signed = Stripe::new().sign(&unsigned, &[Secret::new(" odd ")], NOW).expect("there is a secret");
    let explanation = explained(Stripe::HEADER, &signed.headers[0].1, b"{}", &[" odd "], NOW);
    assert_eq!(explanation.findings, []);
}

#[test]
fn anothers_header() {
    let explanation = explained("x-hub-signature-256", "sha256=00", b"{}", &[KEY], NOW);
    assert_eq!(explanation.verdict.expect_err("no header of Stripe's").code(), "missing_header");
    assert_eq!(explanation.fits, [Fit::Untried]);
    assert_eq!(explanation.findings, [Finding::OtherProvider { header: "X-Hub-Signature-256", provider: "GitHub" }]);
}

#[test]
fn findings_name_no_secret() {
    let findings = explained(Stripe::HEADER, &header(BODY, NOW), b"{}", &[" sk_hidden", "hidden"], NOW).findings;
    for finding in findings {
        assert!(!format!("{finding} {finding:?}").contains("hidden"), "{finding}");
    }
}

/// A signed request, then changed, and explained with these secrets.
struct Signed<'a> {
    scheme: &'a dyn Explained,
    method: &'a str,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl<'a> Signed<'a> {
    fn new(scheme: &'a dyn Explained, url: &str, headers: &[(&'static str, &str)], body: &str, secret: Secret) -> Self {
        let mut headers: Vec<(&'static str, String)> = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let borrowed: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let unsigned = Message { method: "POST", url, headers: &borrowed, body: body.as_bytes() };
        let signed = scheme.sign(&unsigned, &[secret], NOW).expect("there is a secret");
        headers.extend(signed.headers);
        Self { scheme, method: "POST", url: signed.url.unwrap_or_else(|| url.to_owned()), headers, body: body.into() }
    }

    fn explain(&self, secrets: &[Secret]) -> Explanation {
        let headers: Vec<(&str, &[u8])> = self.headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        explain(self.scheme, &Message { method: self.method, url: &self.url, headers: &headers, body: &self.body }, secrets, NOW)
    }

    fn findings(&self, secret: &str) -> Vec<Finding> {
        self.explain(&[Twilio::secret(secret)]).findings
    }

    fn codes(&self, secret: &str) -> Vec<&'static str> {
        self.findings(secret).iter().map(Finding::code).collect()
    }

    fn with_body(self, body: &str) -> Self {
        Self { body: body.into(), ..self }
    }

    fn at(self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self }
    }

    fn without(mut self, header: &str) -> Self {
        self.headers.retain(|(name, _)| *name != header);
        self
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const URL: &str = "https://user:hush@hooks.example.com/twilio/sms?a=1";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "ffffffffffffffffffffffffffffffff";

fn sms() -> Signed<'static> {
    Signed::new(&Twilio, URL, &[("Content-Type", FORM)], "AccountSid=AC0a&MessageSid=SM1&Body=a+b", Secret::new(TOKEN))
}

#[test]
fn twilios_url_as_it_was_given() {
    assert_eq!(sms().findings(TOKEN), []);
    for (url, change) in [(URL.replace("https", "http"), UrlChange::Scheme), (URL.replace("/sms", "/sms/"), UrlChange::Slash)] {
        assert_eq!(sms().at(&url).findings(TOKEN), [Finding::UrlChanged { change, secret: 0 }], "{url}");
    }
    let plain = Signed::new(&Twilio, "https://hooks.example.com/twilio/sms/", &[("Content-Type", FORM)], "A=1", Secret::new(TOKEN));
    let findings = plain.at("https://hooks.example.com/twilio/sms").findings(TOKEN);
    assert_eq!(findings, [Finding::UrlChanged { change: UrlChange::Slash, secret: 0 }]);
    let plain = Signed::new(&Twilio, "https://hooks.example.com/twilio/sms", &[("Content-Type", FORM)], "A=1", Secret::new(TOKEN));
    let findings = plain.at("https://hooks.example.com/twilio/sms?stage=prod").findings(TOKEN);
    assert_eq!(findings, [Finding::UrlChanged { change: UrlChange::QueryAdded, secret: 0 }]);
    let plain = Signed::new(&Twilio, "https://hooks.example.com/twilio/sms?a=1", &[("Content-Type", FORM)], "A=1", Secret::new(TOKEN));
    assert_eq!(plain.at(URL).findings(TOKEN), [Finding::UrlChanged { change: UrlChange::UserInfoAdded, secret: 0 }]);
    let json = Signed::new(&Twilio, URL, &[("Content-Type", "application/json")], "{}", Secret::new(TOKEN)).at(URL);
    let explanation = json.explain(&[Secret::new(TOKEN)]);
    assert_eq!(explanation.verdict.map_err(|invalid| invalid.code()), Err("unsigned_body"));
    assert_eq!(explanation.findings, [Finding::UrlChanged { change: UrlChange::HashLost, secret: 0 }]);
    assert_eq!(sms().at("").codes(TOKEN), ["url_missing"]);
    assert_eq!(sms().at("/twilio/sms").codes(TOKEN), ["url_missing"]);
}

#[test]
fn twilios_urls_are_listed_without_the_password() {
    let explanation = sms().at(&URL.replace("a=1", "a=it's")).explain(&[Secret::new(OTHER)]);
    assert_eq!(
        explanation.urls,
        [
            "https://…@hooks.example.com/twilio/sms?a=it's",
            "https://…@hooks.example.com:443/twilio/sms?a=it's",
            "https://…@hooks.example.com/twilio/sms?a=it%27s",
            "https://…@hooks.example.com:443/twilio/sms?a=it%27s",
        ]
    );
    assert!(!format!("{explanation:?}").contains("hush"));
}

#[test]
fn twilios_bodies_and_secrets() {
    let changed = |change| vec![Finding::BodyChanged { change, secret: 0 }];
    let body = "AccountSid=AC0a&MessageSid=SM1&Body=a+b";
    assert_eq!(sms().with_body(&format!("{body}\n")).findings(TOKEN), changed(Change::LineEndAdded));
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, body);
    assert_eq!(sms().with_body(&base64).findings(TOKEN), changed(Change::Base64));
    let event = serde_json::json!({"body": base64, "isBase64Encoded": true}).to_string();
    assert_eq!(sms().with_body(&event).findings(TOKEN), changed(Change::Wrapped));
    let json =
        |body: &str| Signed::new(&Twilio, URL, &[("Content-Type", "application/json")], "{\"a\": 1}", Secret::new(TOKEN)).with_body(body);
    let explanation = json("{\"a\":1}").explain(&[Secret::new(TOKEN)]);
    assert_eq!(explanation.verdict.map_err(|invalid| invalid.code()), Err("other_body"));
    assert_eq!(explanation.fits, [Fit::NoFit]);
    assert_eq!(explanation.findings, changed(Change::Reserialised));
    assert_eq!(json("").codes(TOKEN), ["body_missing"]);
    assert_eq!(json("[object Object]").codes(TOKEN), ["body_stringified"]);

    let tried = sms().explain(&[Twilio::secret(OTHER)]).urls;
    assert_eq!(tried.len(), 2, "with the port and without");
    let expected = [Finding::Account { account: "AC0a".to_owned() }, Finding::AnotherUrlOrSecret { tried: tried.clone() }];
    assert_eq!(sms().findings(OTHER), expected);
    let said = sms().findings(OTHER)[1].to_string();
    assert!(said.contains(&tried.join(", ")) && said.contains("another URL") && said.contains("another secret"), "{said}");
    assert!(!said.contains("hush"), "{said}");
    assert_eq!(sms().codes(&format!(" {TOKEN} ")), ["secret_padded"]);
    for secret in ["AC0a", "SK0a", "token", &TOKEN.to_uppercase().replace('0', "A")] {
        assert_eq!(sms().codes(secret), ["secret_doubtful", "account", "another_url_or_secret"], "{secret}");
    }
    assert_eq!(sms().codes(&format!("AC0b:{TOKEN}")), ["account"], "not tried: it is another account's");
    let shared = Signed::new(&Twilio, URL, &[("Content-Type", FORM)], "A=1", Twilio::secret("webhooks_sharedkey_1:x"));
    assert_eq!(shared.findings(TOKEN), [Finding::SharedKey { key: "webhooks_sharedkey_1".to_owned() }]);
    assert_eq!(shared.codes("webhooks_sharedkey_1:y"), ["shared_key", "another_url_or_secret"]);
    assert_eq!(
        shared.explain(&[]).headers,
        [
            ("X-Twilio-Signature", "<43 characters>=".to_owned()),
            ("X-Twilio-Webhooks-Signature-Settings", "key=<20 characters>,algorithm=HMAC_SHA256".to_owned()),
        ]
    );
}

#[test]
fn githubs_own() {
    let json = "{\"zen\":\"Keep it logically awesome.\"}";
    let form = "payload=%7B%22zen%22%3A%22Keep+it+logically+awesome.%22%7D";
    let push = |body: &str| Signed::new(&GitHub, "", &[("X-GitHub-Event", "push")], body, Secret::new("secret"));
    assert_eq!(push(form).with_body(json).findings("secret"), [Finding::BodyChanged { change: Change::FormDecoded, secret: 0 }]);
    assert_eq!(push(form).codes("other"), ["another_secret"]);
    assert_eq!(push(json).codes("ghp_x"), ["secret_doubtful", "another_secret"]);
    assert_eq!(push(json).with_body("").codes("secret"), ["body_missing", "no_event", "another_secret"]);
    let mut old = push(json).without(GitHub::HEADER);
    assert_eq!(old.codes("secret"), ["hint"]);
    old.headers.push((GitHub::OLD_HEADER, "sha1=00".to_owned()));
    assert_eq!(old.findings("secret"), [Finding::OldHeaderOnly { header: GitHub::OLD_HEADER }]);
}

#[test]
fn shopifys_and_sendros_own() {
    let order = |body: &str| Signed::new(&Shopify, "", &[], "{\"id\": 1}", Secret::new("shpss_a")).with_body(body);
    assert_eq!(order("{\"id\":1}").codes("shpss_a"), ["body_changed"]);
    assert_eq!(order("{\"id\": 2}").codes("shpat_a"), ["secret_doubtful", "hint", "another_secret"]);
    assert_eq!(order("").codes("shpss_a"), ["body_missing", "no_event", "hint"]);
    let order = order("{}").without(Shopify::HEADER);
    assert_eq!(order.codes("shpss_a"), [""; 0]);

    let mail = Signed::new(&Sendro, "", &[], "{\"type\": 1}", Secret::new("a"));
    assert_eq!(mail.codes("b"), ["another_secret"]);
    assert_eq!(mail.with_body("type").codes("a"), ["no_event", "another_secret"]);
    let own = Signed::new(&Stripe::new().with_header(Sendro::HEADER), "", &[], "{}", Secret::new("whsec_a")).headers;
    let own = Signed { scheme: &Sendro, method: "POST", url: String::new(), headers: own, body: b"{}".to_vec() };
    let explanation = own.explain(&[Secret::new("whsec_a")]);
    assert_eq!(explanation.verdict.map_err(|invalid| invalid.code()), Err("malformed_header"));
    assert_eq!(explanation.headers, [(Sendro::HEADER, "t=1771000000,v1=<64 digits of hex>".to_owned())]);
    assert!(matches!(explanation.findings[..], [Finding::Hint(_)]));
}

#[test]
fn standard_webhooks_own() {
    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
    let scheme = StandardWebhooks::new();
    let message = || Signed::new(&scheme, "", &[("webhook-id", "msg_1")], "{\"a\": 1}", Secret::new(KEY));
    assert_eq!(message().with_body("{\"a\":1}").codes(KEY), ["body_changed"]);
    assert_eq!(message().codes(PUBLIC), [""; 0], "the reason says it all");
    assert_eq!(message().codes("whsec_AAAA"), ["secret_doubtful", "another_secret"]);
    for secret in ["whsec_", "whsec_!", "v1,whsec_AAAA", "whpk_AAAA", "whsk_AAAA", "my secret"] {
        assert_eq!(message().codes(secret), ["secret_doubtful"], "{secret}");
    }
    let explanation = message().explain(&[Secret::new(PUBLIC), Secret::new("my secret"), Secret::new(KEY)]);
    assert_eq!(explanation.fits, [Fit::Untried, Fit::Untried, Fit::Fitted]);

    let headers: Vec<(&str, &[u8])> = Vec::new();
    let unsigned = Message { method: "POST", url: "", headers: &headers, body: b"{}" };
    let headers = [("webhook-id", &b"msg_1"[..])];
    let early = scheme.sign(&Message { headers: &headers, ..unsigned }, &[Secret::new(KEY)], NOW + 1000).expect("the key signs");
    let mut headers = vec![("webhook-id", "msg_1".to_owned())];
    headers.extend(early.headers);
    let early = Signed { scheme: &scheme, method: "POST", url: String::new(), headers, body: b"{}".to_vec() };
    let explanation = early.explain(&[Secret::new(KEY)]);
    assert_eq!(explanation.fits, [Fit::FittedTooEarly]);
    assert_eq!(explanation.clock_difference, Some(-1000));
    assert_eq!(explanation.findings, [Finding::FromTheFuture { ahead: 1000 }]);
    assert_eq!(early.without("webhook-signature").codes(KEY), [""; 0]);
}

#[test]
fn what_a_stranger_sends_is_fit_for_a_terminal() {
    let mut request = sms().with_body("AccountSid=AC%1b%5b2J");
    request.url.push('\u{9b}');
    request.headers.push((Twilio::SETTINGS_HEADER, "key=\u{1b}[2J,algorithm=HMAC_SHA256".to_owned()));
    for explanation in [request.explain(&[Secret::new(TOKEN)]), sms().with_body("AccountSid=AC%1b%5b2J").explain(&[Secret::new(TOKEN)])] {
        let shown: Vec<String> = explanation.findings.iter().map(ToString::to_string).chain(explanation.urls).collect();
        assert!(shown.iter().all(|text| !text.contains(char::is_control)), "{shown:?}");
    }
}
