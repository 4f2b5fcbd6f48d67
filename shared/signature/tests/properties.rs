//! What holds for every message: signed verifies, changed does not, and nothing panics.

use proptest::{collection::vec, prelude::*};
use sluice_signature::{
    Invalid, Message, Scheme, Secret, Stripe,
    explain::{self, Fit},
};

const NOW: i64 = 1_771_000_000;

fn message<'a>(headers: &'a [(&'a str, &'a [u8])], body: &'a [u8]) -> Message<'a> {
    Message { method: "POST", url: "https://example.com/webhooks/stripe", headers, body }
}

fn sign(body: &[u8], secrets: &[Secret], time: i64) -> Vec<u8> {
    let signed = Stripe::new().sign(&message(&[], body), secrets, time).expect("there is a secret");
    signed.headers[0].1.clone().into_bytes()
}

fn verify(header: &[u8], body: &[u8], secrets: &[Secret]) -> Result<usize, Invalid> {
    let headers = [(Stripe::HEADER, header)];
    Stripe::new().verify(&message(&headers, body), secrets, NOW).map(|verified| verified.secret)
}

fn flip(bytes: &mut [u8], bit: usize) {
    let bit = bit % (bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
}

proptest! {
    #[test]
    fn signed_verifies(body in vec(any::<u8>(), 0..300), keys in vec("[!-~]{1,80}", 1..4), at in 0..3_usize, time in NOW - 300..i64::MAX) {
        let secrets: Vec<Secret> = keys.iter().map(|key| Secret::new(key.as_str())).collect();
        let at = at % secrets.len();
        let fitted = verify(&sign(&body, &secrets[at..=at], time), &body, &secrets).expect("one of them signed it");
        prop_assert_eq!(&keys[fitted], &keys[at]);
        prop_assert_eq!(verify(&sign(&body, &secrets, time), &body, &secrets), Ok(0));
    }

    #[test]
    fn a_flipped_bit_of_the_body_does_not(body in vec(any::<u8>(), 1..300), bit: usize) {
        let secrets = [Secret::new("whsec_a")];
        let header = sign(&body, &secrets, NOW);
        let mut changed = body;
        flip(&mut changed, bit);
        prop_assert_eq!(verify(&header, &changed, &secrets).map_err(|invalid| invalid.code()), Err("no_match"));
    }

    #[test]
    fn a_flipped_bit_of_the_header_does_not(body in vec(any::<u8>(), 0..50), bit: usize) {
        let secrets = [Secret::new("whsec_a")];
        let mut header = sign(&body, &secrets, NOW);
        flip(&mut header, bit);
        prop_assert!(verify(&header, &body, &secrets).is_err(), "{}", String::from_utf8_lossy(&header));
    }

    #[test]
    fn a_flipped_bit_of_the_secret_does_not(key in "[!-~]{1,100}", bit: usize) {
        let header = sign(b"{}", &[Secret::new(key.as_str())], NOW);
        let mut changed = key.into_bytes();
        // Only the low seven bits: the text has to stay UTF-8.
        let at = bit % changed.len();
        changed[at] ^= 1 << (bit % 7);
        let changed = Secret::new(String::from_utf8(changed).expect("ASCII"));
        let refused = verify(&header, b"{}", &[changed]).is_err();
        prop_assert!(refused);
    }

    #[test]
    fn no_header_panics_or_is_let_in(header in "[tv01=, a-f0-9+-]{0,200}", body in vec(any::<u8>(), 0..50)) {
        prop_assert!(verify(header.as_bytes(), &body, &[Secret::new("whsec_a"), Secret::new("")]).is_err());
    }

    #[test]
    fn no_bytes_panic_or_are_let_in(header in vec(any::<u8>(), 0..200), body in vec(any::<u8>(), 0..50)) {
        prop_assert!(verify(&header, &body, &[Secret::new("whsec_a")]).is_err());
    }

    #[test]
    fn an_explanation_agrees_with_the_verdict(
        body in "[{}\\[\\]\",:a\n\r ]{0,40}",
        key in "[ \"a-z_]{0,9}",
        now in any::<i64>(),
        time in any::<i64>(),
    ) {
        let header = sign(body.as_bytes(), &[Secret::new("whsec_a")], time);
        let headers = [(Stripe::HEADER, &header[..])];
        let secrets = [Secret::new(key), Secret::new("whsec_a")];
        let explanation = explain::explain(&Stripe::new(), &message(&headers, body.as_bytes()), &secrets, now);
        prop_assert_eq!(explanation.clock_difference, Some(now.saturating_sub(time)));
        prop_assert_eq!(explanation.fits[1] == Fit::Fitted, explanation.verdict.is_ok());
        prop_assert_eq!(explanation.fits[1] == Fit::FittedTooOld, explanation.verdict.is_err());
    }
}

#[test]
fn large_input_takes_linear_time() {
    // Anything worse than linear would not end.
    let body = vec![b'a'; 4 << 20];
    let secrets = [Secret::new("whsec_a")];
    let mut header = "x=1,".repeat(500_000).into_bytes();
    header.extend_from_slice(&"v1=00,".repeat(500_000).into_bytes());
    header.extend_from_slice(&sign(&body, &secrets, NOW));
    assert_eq!(verify(&header, &body, &secrets), Ok(0));
}
