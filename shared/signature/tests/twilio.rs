//! Twilio's documented and observed behaviour. The expected signatures were computed with Twilio's libraries for Python (9.13.0) and
//! Node (6.2.0); the first is in its documentation.

use sluice_signature::{CannotSign, Invalid, Message, Scheme, Secret, Twilio, Verified};

const TOKEN: &str = "12345";
const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const FORM: &str = "application/x-www-form-urlencoded";
const BODY: &str = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";
const SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
const JSON: &str = r#"{"property": "value", "boolean": true}"#;
const JSON_HASH: &str = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
const EMPTY_HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const SETTINGS: &str = "key=webhooks_sharedkey_01,algorithm=HMAC_SHA256";
const BY_SHARED_KEY: &str = "VXvIxTyb3n8owPHVMo08I6hUtal46BL5yVuyTjoiPvI=";

/// A request, Twilio's own unless told otherwise.
#[derive(Clone)]
struct Request<'a> {
    method: &'a str,
    url: &'a str,
    kind: Option<&'a str>,
    signature: &'a str,
    settings: Option<&'a str>,
    body: &'a str,
    secrets: Vec<Secret>,
}

fn form() -> Request<'static> {
    Request {
        method: "POST",
        url: URL,
        kind: Some(FORM),
        signature: SIGNATURE,
        settings: None,
        body: BODY,
        secrets: vec![Secret::new(TOKEN)],
    }
}

fn json(url: &'static str, signature: &'static str) -> Request<'static> {
    Request { url, signature, kind: Some("application/json"), body: JSON, ..form() }
}

fn by_shared_key() -> Request<'static> {
    Request {
        signature: BY_SHARED_KEY,
        settings: Some(SETTINGS),
        secrets: vec![Secret::named("webhooks_sharedkey_01", "sharedsecret")],
        ..form()
    }
}

impl Request<'_> {
    fn ask<T>(&self, question: impl Fn(&Message<'_>) -> T) -> T {
        let mut headers: Vec<(&str, &[u8])> = vec![("x-twilio-signature", self.signature.as_bytes())];
        headers.extend(self.kind.map(|kind| ("content-type", kind.as_bytes())));
        headers.extend(self.settings.map(|settings| ("x-twilio-webhooks-signature-settings", settings.as_bytes())));
        question(&Message { method: self.method, url: self.url, headers: &headers, body: self.body.as_bytes() })
    }

    fn verify(&self) -> Result<Verified, Invalid> {
        self.ask(|message| Twilio::new().verify(message, &self.secrets, 0))
    }

    #[track_caller]
    fn fits(&self) {
        assert_eq!(self.verify().map(|verified| verified.timestamp), Ok(None), "{} {}", self.url, self.body);
    }

    #[track_caller]
    fn refused(&self, code: &str) {
        let refused = self.verify().map_err(|invalid| invalid.code());
        assert_eq!(refused.map(|_| ()), Err(code), "{} {}", self.url, self.body);
    }
}

#[test]
fn forms() {
    form().fits();
    Request { kind: Some("Application/X-WWW-Form-Urlencoded; charset=UTF-8"), ..form() }.fits();
    Request { kind: None, ..form() }.fits();
    let body = "Reason=Participant+left&ReasonConferenceEnded=last-participant-left&ConferenceSid=CF1&FriendlyName=";
    Request { body, signature: "/9gvNOk+VOpmD7C+QIi3DMc9bJ0=", ..form() }.fits();
    let body = "Body=Gr%C3%BC%C3%9Fe+%F0%9F%98%80+%26+%3D&From=whatsapp%3A%2B14158675309&FromCity=&NumMedia=0";
    Request { body, signature: "5AMLPn1+cFc26pyv+9Gum2COWeU=", ..form() }.fits();
    let body = BODY.replace("Digits=1234", "Digits=5678&Digits=1234&Digits=1234");
    Request { body: &body, signature: "1F55Y6EDsEviuHKQm9BIkrznRZk=", ..form() }.fits();
}

#[test]
fn the_order_of_parameters_and_the_way_they_are_escaped_do_not_count() {
    let mut parameters: Vec<&str> = BODY.split('&').collect();
    parameters.reverse();
    Request { body: &parameters.join("&"), ..form() }.fits();
    Request { body: &BODY.replace("%2B", "%2b").replace("Digits", "%44igits"), ..form() }.fits();
}

#[test]
fn a_changed_parameter_does_not_fit() {
    for body in [
        BODY.replace("1234&From", "1235&From"),
        BODY.replace("Digits=1234&", ""),
        format!("{BODY}&Extra=1"),
        format!("{BODY}&Extra="),
        format!("{BODY}&Digits=12345"),
        BODY.replace("%2B", "+"),
        BODY.replace("Digits", "digits"),
        BODY.replace("Digits=1234", "Digits=1234%20"),
    ] {
        Request { body: &body, ..form() }.refused("no_match");
    }
    for body in [
        format!("{BODY}&"),
        format!("{BODY}&="),
        BODY.replace("Digits", ""),
        BODY.replace("%2B", "%2G"),
        format!("{BODY}%"),
        format!("&{BODY}"),
    ] {
        Request { body: &body, ..form() }.refused("malformed_body");
    }
}

#[test]
fn where_a_name_ends_is_not_signed() {
    // So whoever reads the parameters asks for those that an event must have.
    Request { body: &BODY.replace("Digits=1234", "Digit=s1234"), ..form() }.fits();
}

#[test]
fn the_port_may_be_there_or_not() {
    for (url, signatures) in [
        (URL, [SIGNATURE, "kvajT1Ptam85bY51eRf/AJRuM3w="]),
        ("https://mycompany.com:443/myapp.php?foo=1&bar=2", [SIGNATURE, "kvajT1Ptam85bY51eRf/AJRuM3w="]),
        ("https://mycompany.com:8443/myapp.php?foo=1&bar=2", [SIGNATURE, "ZOaJEsozlsUyzk5k5fpaCxTxXDA="]),
        ("https://user:pass@mycompany.com/myapp.php?foo=1&bar=2", ["CukzLTc1tT5dXEDIHm/tKBanW10=", "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI="]),
    ] {
        for signature in signatures {
            Request { url, signature, ..form() }.fits();
        }
    }
    Request { url: "https://[2001:db8::1]:8443/myapp.php", signature: "j/RGP4CBnf8dx5A/vT7CSZcO7rg=", ..form() }.fits();
    Request { url: URL, signature: "ZOaJEsozlsUyzk5k5fpaCxTxXDA=", ..form() }.refused("no_match");
    let with_fragment = format!("{URL}#rc=2&rp=all");
    Request { url: &with_fragment, ..form() }.fits();
    Request { url: "http://mycompany.com/myapp.php?foo=1&bar=2", ..form() }.refused("no_match");
    Request { url: "https://mycompany.com/myapp.php?bar=2&foo=1", ..form() }.refused("no_match");
    Request { url: "https://mycompany.com/x/../myapp.php?foo=1&bar=2", ..form() }.refused("no_match");
}

#[test]
fn the_spellings_of_twilios_library_for_node() {
    let url = "https://MyCompany.com/myapp.php?b=it's&a=1 2&b";
    for signature in [
        "Lq9ak5zx4BBZghY4jQXXEfP6AsQ=",
        "y5k7Ye+WVnsyWQP69Hxo5PUgZko=",
        "zM3sy2dhyn9G9hiijIq5Wkq6jEA=",
        "/UGZ+GU6W+j+bUKU4QAKfy8pdVg=",
        "boFg8eMfHWrRjuG58ZcmI+x6cPw=",
    ] {
        Request { url, body: "A=1", signature, ..form() }.fits();
    }
    let neither = Request { url, body: "A=1", signature: "e6W0rMhmLUFAob33kKy6QeZ4nsE=", ..form() };
    assert_eq!(neither.verify(), Err(Invalid::NoMatch { signatures: 1, secrets: 1, urls: 6, timestamp: None }));
}

#[test]
fn a_get_request_is_its_url() {
    let url = "https://mycompany.com/myapp.php?CallSid=CA1&From=%2B14158675309&CallerName=it's";
    let get = Request { method: "GET", url, kind: None, body: "", signature: "a+d+/bqTMrlzzxuG/VDy2WtQIyU=", ..form() };
    get.fits();
    Request { signature: "OZycAU6QmeKB85DzLwe3DCFaS/Q=", ..get.clone() }.fits();
    Request { url: &url.replace("%2B", "+"), ..get.clone() }.refused("no_match");
    Request { body: "a=1", ..get.clone() }.refused("no_match");
    Request { body: "{}", kind: Some("application/json"), ..get }.refused("unsigned_body");
}

#[test]
fn a_body_that_is_no_form_is_hashed() {
    let url: &str =
        "https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
    let hashed = json(url, "a9nBmqA0ju/hNViExpshrM61xv4=");
    assert!(url.ends_with(JSON_HASH));
    hashed.fits();
    Request { kind: None, ..hashed.clone() }.fits();
    let only: &str = "https://mycompany.com/myapp.php?bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
    json(only, "y77kIzt2vzLz71DgmJGsen2scGs=").fits();
    let other = Request { body: r#"{"property":"value","boolean":true}"#, ..hashed.clone() };
    assert_eq!(other.verify(), Err(Invalid::OtherBody { secret: 0 }));
    Request { body: "", ..hashed.clone() }.refused("other_body");
    // The hash is not looked at where the URL is not Twilio's.
    Request { url: &url.replace("foo=1", "foo=2"), ..hashed.clone() }.refused("no_match");
    Request { url: &url.replace("0a1f", "0A1F"), ..hashed }.refused("no_match");
}

#[test]
fn a_body_that_is_no_form_and_has_no_hash_is_refused() {
    // As signed by Twilio for a request without a body.
    let unsigned = Twilio::new()
        .sign(&Message { method: "POST", url: URL, headers: &[], body: b"" }, &[Secret::new(TOKEN)], 0)
        .expect("there is a secret");
    let signature = unsigned.headers[0].1.as_str();
    Request { body: "", signature, ..form() }.fits();
    for kind in ["application/json", "text/plain", "", "application/x-www-form-urlencodedx"] {
        Request { kind: Some(kind), body: JSON, signature, ..form() }.refused("unsigned_body");
    }
    Request { kind: None, body: JSON, signature, ..form() }.refused("no_match");
    let body = JSON.as_bytes();
    let headers = [(Twilio::HEADER, signature.as_bytes()), ("Content-Type", FORM.as_bytes()), ("Content-Type", b"application/json")];
    let twice = Message { method: "POST", url: URL, headers: &headers, body };
    let refused = Twilio::new().verify(&twice, &[Secret::new(TOKEN)], 0);
    assert_eq!(refused, Err(Invalid::UnsignedBody));
}

#[test]
fn a_hash_that_was_copied_along() {
    // A form that is sent to the URL of an earlier request with JSON.
    let url = format!("{URL}&bodySHA256={JSON_HASH}");
    let copied = Request { url: &url, signature: "GumkpM0KJbxGeVH5RVsm1KC+pdI=", ..form() };
    copied.fits();
    // The signature of the JSON does not let its body be taken away.
    let json = Request { signature: "a9nBmqA0ju/hNViExpshrM61xv4=", ..copied };
    json.refused("no_match");
    Request { body: "", ..json.clone() }.refused("other_body");
    // A GET has none.
    Request { method: "GET", body: "", kind: None, ..json }.fits();
    let empty = format!("{URL}&bodySHA256={EMPTY_HASH}");
    let empty = Request { url: &empty, body: "", kind: None, signature: "iJrY47X4tdd2BtTmFEaAZy2dgz4=", ..form() };
    empty.fits();
    Request { method: "GET", ..empty }.fits();
}

#[test]
fn a_hash_that_is_there_twice_has_to_fit_twice() {
    let sign = |url: &str| {
        let unsigned = Message { method: "POST", url, headers: &[("Content-Type", b"application/json")], body: JSON.as_bytes() };
        Twilio::new().sign(&unsigned, &[Secret::new(TOKEN)], 0).expect("there is a secret").headers[0].1.clone()
    };
    let verify = |hashes: [&str; 2]| {
        let url = format!("{URL}&bodySHA256={}&bodySHA256={}", hashes[0], hashes[1]);
        Request { url: &url, kind: Some("application/json"), body: JSON, signature: &sign(&url), ..form() }.verify().is_ok()
    };
    assert!(verify([JSON_HASH, JSON_HASH]));
    assert!(!verify([JSON_HASH, EMPTY_HASH]));
    assert!(!verify([EMPTY_HASH, JSON_HASH]));
}

#[test]
fn a_shared_key_signs_with_sha256() {
    by_shared_key().fits();
    Request { settings: Some("algorithm=HMAC_SHA256, key=webhooks_sharedkey_01,region=us1"), ..by_shared_key() }.fits();
    for (settings, code) in [
        ("key=webhooks_sharedkey_02,algorithm=HMAC_SHA256", "no_suitable_secret"),
        ("key=webhooks_sharedkey_01,algorithm=hmac_sha256", "malformed_header"),
        ("key=webhooks_sharedkey_01,algorithm=HMAC_SHA512", "malformed_header"),
        ("key=webhooks_sharedkey_01,algorithm=HMAC_SHA1", "malformed_header"),
        ("key=webhooks_sharedkey_01", "malformed_header"),
        ("algorithm=HMAC_SHA256", "malformed_header"),
        ("key=,algorithm=HMAC_SHA256", "malformed_header"),
        ("key=webhooks_sharedkey_01,algorithm=HMAC_SHA256,key=webhooks_sharedkey_02", "malformed_header"),
        ("key=webhooks_sharedkey_01,algorithm=HMAC_SHA256,algorithm=HMAC_SHA1", "malformed_header"),
        ("webhooks_sharedkey_01", "malformed_header"),
        ("", "malformed_header"),
    ] {
        Request { settings: Some(settings), ..by_shared_key() }.refused(code);
    }
    Request { signature: SIGNATURE, ..by_shared_key() }.refused("malformed_header");
}

#[test]
fn neither_kind_of_secret_stands_in_for_the_other() {
    // The token does not verify what says that a shared key signed it, whatever the algorithm.
    Request { secrets: vec![Secret::new("sharedsecret")], ..by_shared_key() }.refused("no_suitable_secret");
    Request { secrets: vec![Secret::named("AC1", "sharedsecret")], ..by_shared_key() }.refused("no_suitable_secret");
    // Nor is it a shared key because the header calls it so.
    let settings = Some("key=AC1,algorithm=HMAC_SHA256");
    Request { settings, secrets: vec![Secret::named("AC1", "sharedsecret")], ..by_shared_key() }.refused("no_suitable_secret");
    // Nor does the shared key verify SHA-1.
    let key = Secret::named("webhooks_sharedkey_01", TOKEN);
    Request { secrets: vec![key.clone()], ..form() }.refused("no_suitable_secret");
    // Both together: each for its own.
    let both = vec![key, Secret::new(TOKEN), Secret::named("webhooks_sharedkey_01", "sharedsecret")];
    assert_eq!(Request { secrets: both.clone(), ..form() }.verify().map(|verified| verified.secret), Ok(1));
    assert_eq!(Request { secrets: both.clone(), ..by_shared_key() }.verify().map(|verified| verified.secret), Ok(2));
    Request { secrets: both, settings: None, ..by_shared_key() }.refused("malformed_header");
}

#[test]
fn a_token_speaks_for_its_account_alone() {
    let signed = |body: &str, token: &str| {
        let headers = [("Content-Type", FORM.as_bytes())];
        let unsigned = Message { method: "POST", url: URL, headers: &headers, body: body.as_bytes() };
        Twilio::new().sign(&unsigned, &[Secret::new(token)], 0).expect("there is a secret").headers[0].1.clone()
    };
    let secrets = vec![Twilio::secret("AC0a:one"), Twilio::secret("AC0b:two"), Twilio::secret("three")];
    let verify = |body: &str, token: &str| {
        let request = Request { body, signature: &signed(body, token), secrets: secrets.clone(), ..form() };
        request.verify().map(|verified| verified.secret).map_err(|invalid| invalid.code())
    };
    assert_eq!(verify("AccountSid=AC0a&MessageSid=SM1", "one"), Ok(0));
    assert_eq!(verify("AccountSid=AC0b&MessageSid=SM1", "two"), Ok(1));
    assert_eq!(verify("AccountSid=AC0a&MessageSid=SM1", "two"), Err("no_match"));
    assert_eq!(verify("AccountSid=AC0a&AccountSid=AC0b", "two"), Err("no_match"));
    assert_eq!(verify("AccountSid=AC0c", "one"), Err("no_match"));
    assert_eq!(verify("AccountSid=AC0c", "three"), Ok(2), "without a name for every account");
    assert_eq!(verify("MessageSid=SM1", "two"), Ok(1), "says no account");
    let url = "https://mycompany.com/?AccountSid=AC0b";
    let get = |token: &str| {
        let unsigned = Message { method: "GET", url, headers: &[], body: b"" };
        let signature = Twilio::new().sign(&unsigned, &[Secret::new(token)], 0).expect("there is a secret").headers[0].1.clone();
        let get = Request { method: "GET", url, kind: None, body: "", signature: &signature, secrets: secrets.clone(), ..form() };
        get.verify().map(|verified| verified.secret).map_err(|invalid| invalid.code())
    };
    assert_eq!(get("two"), Ok(1));
    assert_eq!(get("one"), Err("no_match"));
    let other = Request { body: "AccountSid=AC0c", secrets: vec![Twilio::secret("AC0a:one")], ..form() };
    other.refused("no_suitable_secret");
}

#[test]
fn the_account_of_a_message() {
    let account = |body: &str| Request { body, ..form() }.ask(Twilio::account);
    assert_eq!(account("AccountSid=AC0a&MessageSid=SM1").as_deref(), Some("AC0a"));
    assert_eq!(account("AccountSid=AC0a&AccountSid=AC0a").as_deref(), Some("AC0a"));
    assert_eq!(account("AccountSid=AC0a&AccountSid=AC0b"), None);
    assert_eq!(account("MessageSid=SM1"), None);
    assert_eq!(account("AccountSid=%ff"), None);
    assert_eq!(account("=&"), None);
    let get = Request { method: "GET", url: "https://a.example/?x=1&AccountSid=AC0a#AccountSid=AC0b", kind: None, body: "", ..form() };
    assert_eq!(get.ask(Twilio::account).as_deref(), Some("AC0a"));
}

#[test]
fn secrets_as_they_stand_in_settings() {
    for (text, name, secret) in [
        ("0123456789abcdef0123456789abcdef", None, "0123456789abcdef0123456789abcdef"),
        ("AC0a:token", Some("AC0a"), "token"),
        ("webhooks_sharedkey_01:a:b=", Some("webhooks_sharedkey_01"), "a:b="),
        ("AC:token", None, "AC:token"),
        ("ACa b:token", None, "ACa b:token"),
        ("other:token", None, "other:token"),
        ("AC0a:", Some("AC0a"), ""),
    ] {
        let read = Twilio::secret(text);
        assert_eq!((read.name(), read.reveal()), (name, secret), "{text}");
    }
}

#[test]
fn signs_as_twilio_does() {
    let sign = |url: &str, kind: &str, body: &str, secrets: &[Secret]| {
        let headers = [("Content-Type", kind.as_bytes())];
        Twilio::new().sign(&Message { method: "POST", url, headers: &headers, body: body.as_bytes() }, secrets, 0)
    };
    let token = [Secret::new(TOKEN)];
    let signed = sign(URL, FORM, BODY, &token).expect("there is a secret");
    assert_eq!((signed.url, signed.headers), (None, vec![(Twilio::HEADER, SIGNATURE.to_owned())]));
    let signed = sign(&format!("{URL}#rc=2"), "application/json", JSON, &token).expect("there is a secret");
    assert_eq!(signed.url, Some(format!("{URL}&bodySHA256={JSON_HASH}")));
    assert_eq!(signed.headers, [(Twilio::HEADER, "a9nBmqA0ju/hNViExpshrM61xv4=".to_owned())]);
    let signed = sign("https://mycompany.com/myapp.php", "application/json", JSON, &token).expect("there is a secret");
    assert_eq!(signed.headers[0].1, "y77kIzt2vzLz71DgmJGsen2scGs=");
    let shared = [Secret::named("AC0b", "other"), Secret::named("webhooks_sharedkey_01", "sharedsecret"), Secret::new(TOKEN)];
    let signed = sign(URL, FORM, &format!("{BODY}&AccountSid=AC0a"), &shared).expect("there is a secret");
    assert_eq!(signed.headers[1], (Twilio::SETTINGS_HEADER, SETTINGS.to_owned()));
    let signed = sign(URL, FORM, BODY, &shared[1..]).expect("there is a secret");
    assert_eq!(signed.headers[0].1, BY_SHARED_KEY);
    for secrets in [&[][..], &[Secret::new(" ")], &[Secret::named("AC0b", "other")]] {
        assert_eq!(sign(URL, FORM, "AccountSid=AC0a", secrets), Err(CannotSign::NoSecret));
    }
    assert!(matches!(sign(URL, FORM, "a&&b", &token), Err(CannotSign::Body { .. })));
}

#[test]
fn the_header_is_read_strictly() {
    let capitals = SIGNATURE.to_uppercase();
    for (signature, code) in [
        ("", "malformed_header"),
        (&SIGNATURE[..27], "malformed_header"),
        ("RSOYDt4T1cUTdK1PDd93/VVr8B8", "malformed_header"),
        ("RSOYDt4T1cUTdK1PDd93/VVr8B9=", "malformed_header"),
        ("RSOYDt4T1cUTdK1PDd93_VVr8B8=", "malformed_header"),
        (" RSOYDt4T1cUTdK1PDd93/VVr8B8=", "malformed_header"),
        (&capitals, "no_match"),
        (BY_SHARED_KEY, "malformed_header"),
    ] {
        Request { signature, ..form() }.refused(code);
    }
    let headers =
        |names: &[&'static str]| -> Vec<(&'static str, &'static [u8])> { names.iter().map(|name| (*name, SIGNATURE.as_bytes())).collect() };
    for (names, code) in [
        (&[][..], "missing_header"),
        (&["X-Twilio-Signature", "x-twilio-signature"], "malformed_header"),
        (&["X-Signature"], "missing_header"),
    ] {
        let message = Message { method: "POST", url: URL, headers: &headers(names), body: BODY.as_bytes() };
        let refused = Twilio::new().verify(&message, &[Secret::new(TOKEN)], 0).map_err(|invalid| invalid.code());
        assert_eq!(refused, Err(code));
    }
}

#[test]
fn a_blank_secret_lets_nothing_in() {
    // What anyone could sign with an empty key.
    let url = "https://mycompany.com/";
    let forged = Request { url, body: "", kind: None, signature: "3QcDaCOLkvJkS0xEdjuQLRq4nW0=", ..form() };
    Request { secrets: vec![], ..forged.clone() }.refused("no_secret");
    Request { secrets: vec![Secret::new(""), Secret::named("AC0a", " ")], ..forged.clone() }.refused("no_secret");
    Request { secrets: vec![Secret::new(""), Secret::new(TOKEN)], ..forged }.refused("no_match");
}

#[test]
fn any_secret_of_the_list_fits() {
    let at = |secrets: &[&str]| {
        let secrets = secrets.iter().map(|text| Secret::new(*text)).collect();
        Request { secrets, ..form() }.verify().map(|verified| verified.secret)
    };
    assert_eq!(at(&[TOKEN, "old"]), Ok(0));
    assert_eq!(at(&["old", "", TOKEN]), Ok(2));
    assert_eq!(at(&["old", "older"]), Err(Invalid::NoMatch { signatures: 1, secrets: 2, urls: 2, timestamp: None }));
}

#[test]
fn reasons_name_neither_secret_nor_signature() {
    for request in [
        Request { body: "A=1", ..form() },
        Request { settings: Some(SETTINGS), ..form() },
        Request { kind: Some("application/json"), ..form() },
    ] {
        let invalid = request.verify().expect_err("another body");
        let text = format!("{invalid} {invalid:?}");
        assert!(!text.contains(TOKEN) && !text.contains(SIGNATURE), "{text}");
    }
}
