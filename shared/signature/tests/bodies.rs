//! GitHub, Shopify and Sendro, which sign the body alone. GitHub's first vector is in its documentation; the others were computed with
//! Python's `hmac`.

use sluice_signature::{CannotSign, GitHub, Invalid, Message, Scheme, Secret, Sendro, Shopify, Verified};

const FITS: Result<Verified, Invalid> = Ok(Verified { secret: 0, timestamp: None });
const EVERYBODY: &str = "It's a Secret to Everybody";
const HELLO: &[u8] = b"Hello, World!";
const HELLO_HEX: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
const ORDER: &[u8] = br#"{"id":820982911946154508,"test":true}"#;
const ORDER_BASE64: &str = "/vFv0V2tRDAdu+ZfXMNm0ZsTBYypQbXh7LYGR4swW2g=";

fn secrets(texts: &[&str]) -> Vec<Secret> {
    texts.iter().map(|text| Secret::new(*text)).collect()
}

fn verify(scheme: &dyn Scheme, headers: &[(&str, &str)], body: &[u8], keys: &[&str]) -> Result<Verified, Invalid> {
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    scheme.verify(&Message { method: "POST", url: "", headers: &headers, body }, &secrets(keys), i64::MAX)
}

fn code(result: Result<Verified, Invalid>) -> &'static str {
    result.map_or_else(|invalid| invalid.code(), |_| "verified")
}

fn sign(scheme: &dyn Scheme, headers: &[(&str, &[u8])], body: &[u8], keys: &[&str]) -> Result<(&'static str, String), CannotSign> {
    let signed = scheme.sign(&Message { method: "POST", url: "", headers, body }, &secrets(keys), 0)?;
    assert_eq!((signed.url, signed.headers.len()), (None, 1));
    Ok(signed.headers[0].clone())
}

#[test]
fn known_vectors() {
    let every_byte: Vec<u8> = (0..=255).collect();
    let vectors: [(&dyn Scheme, &str, &[u8], String); 5] = [
        (&GitHub, EVERYBODY, HELLO, format!("sha256={HELLO_HEX}")),
        // The form is signed as it is sent, not the JSON in it.
        (
            &GitHub,
            EVERYBODY,
            b"payload=%7B%22zen%22%3A%22Keep+it+logically+awesome.%22%7D",
            "sha256=1fc8bf6145b8e3b76b01404760bc7e884a641ad0fe4b9b66ced27d4a983cce1c".to_owned(),
        ),
        (&GitHub, "grün", &every_byte, "sha256=9275d64c86cf378495b50a7479ab8458eff26c21470fc19a6298b2618999d5fa".to_owned()),
        (&Shopify, "shpss_test", ORDER, ORDER_BASE64.to_owned()),
        (
            &Sendro,
            "sendro_test",
            br#"{"emailId":"em_1","type":"email.delivered"}"#,
            "v1=f13866ecc6e8135d1a8eaa76d74381e86437aff09783798bf7019c9d6af775ad".to_owned(),
        ),
    ];
    for (scheme, key, body, expected) in vectors {
        assert_eq!(sign(scheme, &[], body, &[key]), Ok((scheme.header(), expected.clone())));
        assert_eq!(verify(scheme, &[(scheme.header(), &expected)], body, &[key]), FITS, "{expected}");
        let lower = scheme.header().to_ascii_lowercase();
        assert_eq!(verify(scheme, &[("Content-Type", "x"), (&lower, &expected)], body, &["old", "", key]).map(|fit| fit.secret), Ok(2));
        assert_eq!(
            verify(scheme, &[(&lower, &expected)], b"{}", &["old", "", key]),
            Err(Invalid::NoMatch { signatures: 1, secrets: 2, urls: 0, timestamp: None })
        );
        assert_eq!(code(verify(scheme, &[(&lower, &expected), (scheme.header(), &expected)], body, &[key])), "malformed_header");
        assert_eq!(code(verify(scheme, &[("X-Other", &expected)], body, &[key])), "missing_header");
        assert_eq!(code(verify(scheme, &[(&lower, &expected)], body, &[&format!("{key} ")])), "no_match");
        let invalid = verify(scheme, &[(&lower, &expected)], b"{}", &["hidden"]).expect_err("another body");
        let text = format!("{invalid} {invalid:?}");
        assert!(!text.contains("hidden") && !text.contains(&expected[10..30]), "{text}");
    }
}

#[test]
fn githubs_header_is_read_strictly() {
    let capitals = HELLO_HEX.to_uppercase();
    for (header, expected) in [
        (format!("sha256={HELLO_HEX}"), "verified"),
        (format!("sha256={}", "0".repeat(64)), "no_match"),
        (HELLO_HEX.to_owned(), "malformed_header"),
        (format!("sha256={capitals}"), "malformed_header"),
        (format!("SHA256={HELLO_HEX}"), "malformed_header"),
        (format!("sha256= {HELLO_HEX}"), "malformed_header"),
        (format!(" sha256={HELLO_HEX}"), "malformed_header"),
        (format!("sha256={HELLO_HEX} "), "malformed_header"),
        (format!("sha256={HELLO_HEX},"), "malformed_header"),
        (format!("sha256={HELLO_HEX},sha256={HELLO_HEX}"), "malformed_header"),
        (format!("sha256=sha256={HELLO_HEX}"), "malformed_header"),
        (format!("sha256={}", &HELLO_HEX[..62]), "malformed_header"),
        (format!("sha256={HELLO_HEX}00"), "malformed_header"),
        (format!("sha1={HELLO_HEX}"), "malformed_header"),
        ("sha256=".to_owned(), "malformed_header"),
        (String::new(), "malformed_header"),
    ] {
        assert_eq!(code(verify(&GitHub, &[(GitHub::HEADER, &header)], HELLO, &[EVERYBODY])), expected, "{header}");
    }
}

#[test]
fn githubs_old_header_never_counts() {
    // HMAC-SHA1 of the same, which GitHub sends beside it.
    let old = "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59";
    let new = format!("sha256={HELLO_HEX}");
    let verify = |headers: &[(&str, &str)]| code(verify(&GitHub, headers, HELLO, &[EVERYBODY]));
    assert_eq!(verify(&[(GitHub::OLD_HEADER, old)]), "missing_header");
    assert_eq!(verify(&[(GitHub::OLD_HEADER, &new)]), "missing_header");
    assert_eq!(verify(&[(GitHub::HEADER, old)]), "malformed_header");
    assert_eq!(verify(&[(GitHub::OLD_HEADER, "sha1=00"), (GitHub::HEADER, &new)]), "verified");
}

#[test]
fn sendros_header_is_read_strictly() {
    let body = br#"{"emailId":"em_1","type":"email.delivered"}"#;
    let hex = "f13866ecc6e8135d1a8eaa76d74381e86437aff09783798bf7019c9d6af775ad";
    for (header, expected) in [
        (format!("v1={hex}"), "verified"),
        (format!("v1={}", "0".repeat(64)), "no_match"),
        (hex.to_owned(), "malformed_header"),
        (format!("v1={}", hex.to_uppercase()), "malformed_header"),
        (format!("V1={hex}"), "malformed_header"),
        (format!("v0={hex}"), "malformed_header"),
        (format!("v1={hex},v1={hex}"), "malformed_header"),
        (format!("t=1771000000,v1={hex}"), "malformed_header"),
        (format!("v1= {hex}"), "malformed_header"),
        ("v1=".to_owned(), "malformed_header"),
    ] {
        assert_eq!(code(verify(&Sendro, &[(Sendro::HEADER, &header)], body, &["sendro_test"])), expected, "{header}");
    }
}

#[test]
fn shopifys_header_is_read_strictly() {
    for (header, expected) in [
        (ORDER_BASE64.to_owned(), "verified"),
        (ORDER_BASE64.replace('/', "_").replace('+', "-"), "malformed_header"),
        (ORDER_BASE64.trim_end_matches('=').to_owned(), "malformed_header"),
        (ORDER_BASE64.replace("2g=", "2h="), "malformed_header"),
        (ORDER_BASE64.replace("2g=", "3g="), "no_match"),
        (format!("{ORDER_BASE64},{ORDER_BASE64}"), "malformed_header"),
        (format!(" {ORDER_BASE64}"), "malformed_header"),
        (String::new(), "malformed_header"),
        ("A".repeat(44), "malformed_header"),
    ] {
        assert_eq!(code(verify(&Shopify, &[(Shopify::HEADER, &header)], ORDER, &["shpss_test"])), expected, "{header}");
    }
}

#[test]
fn shopifys_newer_header_goes_before() {
    let wrong = &sign(&Shopify, &[], b"{}", &["shpss_test"]).expect("there is a secret").1;
    let verify = |headers: &[(&str, &str)]| code(verify(&Shopify, headers, ORDER, &["shpss_test"]));
    assert_eq!(verify(&[("shopify-hmac-sha256", ORDER_BASE64)]), "verified");
    assert_eq!(verify(&[("shopify-hmac-sha256", ORDER_BASE64), ("x-shopify-hmac-sha256", wrong)]), "verified");
    assert_eq!(verify(&[("x-shopify-hmac-sha256", ORDER_BASE64), ("shopify-hmac-sha256", wrong)]), "no_match");
    assert_eq!(verify(&[("x-shopify-hmac-sha256", ORDER_BASE64), ("shopify-hmac-sha256", "")]), "malformed_header");
    let newer = sign(&Shopify, &[("shopify-topic", b"orders/create")], ORDER, &["shpss_test"]);
    assert_eq!(newer, Ok((Shopify::EVENT_HEADER, ORDER_BASE64.to_owned())));
}

#[test]
fn shopify_sends_no_empty_body() {
    let header = [(Shopify::HEADER, "vuWKf+eeBkx28m4lHkRaZxBOyoh745FozsIREOlVUsE=")];
    assert_eq!(verify(&Shopify, &header, b"", &["shpss_test"]), Err(Invalid::EmptyBody));
    assert!(matches!(sign(&Shopify, &[], b"", &["shpss_test"]), Err(CannotSign::Body { .. })));
}

#[test]
fn a_blank_secret_lets_nothing_in() {
    // What anyone could sign with an empty key.
    let hex = "22f8eea909400af98adf3681a9f31923ef6b7fcba4abb553d92823a3e9d5c25e";
    let forged: [(&dyn Scheme, String); 3] = [
        (&GitHub, format!("sha256={hex}")),
        (&Sendro, format!("v1={hex}")),
        (&Shopify, "IvjuqQlACvmK3zaBqfMZI+9rf8ukq7VT2Sgjo+nVwl4=".to_owned()),
    ];
    for (scheme, header) in forged {
        let header = [(scheme.header(), &*header)];
        assert_eq!(verify(scheme, &header, b"{}", &[]), Err(Invalid::NoSecret));
        assert_eq!(verify(scheme, &header, b"{}", &["", " \n"]), Err(Invalid::NoSecret));
        assert_eq!(code(verify(scheme, &header, b"{}", &["", "key"])), "no_match");
        assert_eq!(sign(scheme, &[], b"{}", &["", " "]), Err(CannotSign::NoSecret));
    }
}
