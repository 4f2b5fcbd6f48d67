//! A hash in a header, with a time and without, by the example of Slack's documentation.

use std::time::Duration;

use proptest::prelude::*;
use sluice_signature::{Invalid, KeyedHash, Message, Scheme, Secret};

const SLACK: KeyedHash =
    KeyedHash::new("X-Slack-Signature", "v0=").with_time("X-Slack-Request-Timestamp", ["v0:", ":"], Duration::from_mins(5));
const BARE: KeyedHash = KeyedHash::new("X-Signature", "");

/// <https://docs.slack.dev/authentication/verifying-requests-from-slack>
const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const TIME: i64 = 1_531_420_618;
const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar\
                    &user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands\
                    %2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

fn verify(signature: &str, time: &str, body: &str, secrets: &[&str], now: i64) -> Result<usize, Invalid> {
    let headers = [("x-slack-signature", signature.as_bytes()), ("x-slack-request-timestamp", time.as_bytes())];
    let secrets: Vec<_> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
    SLACK
        .verify(&Message { method: "POST", url: "", headers: &headers, body: body.as_bytes() }, &secrets, now)
        .map(|verified| verified.secret)
}

#[test]
fn slacks_own_example() {
    assert_eq!(verify(SIGNATURE, "1531420618", BODY, &["another", SECRET], TIME), Ok(1));
    assert!(matches!(verify(SIGNATURE, "1531420619", BODY, &[SECRET], TIME), Err(Invalid::NoMatch { signatures: 1, secrets: 1, .. })));
    assert!(matches!(verify(SIGNATURE, "1531420618", &BODY[1..], &[SECRET], TIME), Err(Invalid::NoMatch { .. })));
    assert_eq!(verify(SIGNATURE, "1531420618", BODY, &[" "], TIME), Err(Invalid::NoSecret));
}

#[test]
fn five_minutes_either_way() {
    for (difference, fits) in [(0, true), (300, true), (301, false), (-300, true), (-301, false)] {
        let verdict = verify(SIGNATURE, "1531420618", BODY, &[SECRET], TIME + difference);
        match difference {
            _ if fits => assert_eq!(verdict, Ok(0)),
            1.. => assert!(matches!(verdict, Err(Invalid::TooOld { age: 301, tolerance: 300, .. })), "{verdict:?}"),
            _ => assert!(matches!(verdict, Err(Invalid::FromTheFuture { ahead: 301, tolerance: 300, .. })), "{verdict:?}"),
        }
    }
}

#[test]
fn headers_are_read_in_one_way_only() {
    for signature in [
        "",
        "v0=",
        &SIGNATURE.to_uppercase(),
        &SIGNATURE[3..],
        &format!("{SIGNATURE}0"),
        &format!(" {SIGNATURE}"),
        &SIGNATURE.replace("v0", "v1"),
    ] {
        assert!(
            matches!(
                verify(signature, "1531420618", BODY, &[SECRET], TIME),
                Err(Invalid::MalformedHeader { header: "X-Slack-Signature", .. })
            ),
            "{signature}"
        );
    }
    for time in ["", "01531420618", "+1531420618", "1531420618.0", " 1531420618", "99999999999999999999"] {
        assert!(
            matches!(
                verify(SIGNATURE, time, BODY, &[SECRET], TIME),
                Err(Invalid::MalformedHeader { header: "X-Slack-Request-Timestamp", .. })
            ),
            "{time}"
        );
    }
    let alone = [("X-Slack-Signature", SIGNATURE.as_bytes())];
    let message = Message { method: "POST", url: "", headers: &alone, body: BODY.as_bytes() };
    assert_eq!(SLACK.verify(&message, &[Secret::new(SECRET)], TIME), Err(Invalid::MissingHeader { header: "X-Slack-Request-Timestamp" }));
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_what_is_changed_does_not(
        body in proptest::collection::vec(any::<u8>(), 1..200),
        secret in "[!-~]{1,40}",
        now in 0_i64..4_000_000_000,
        flip in any::<proptest::sample::Index>(),
        bit in 0_u32..8,
        timed in any::<bool>(),
    ) {
        let scheme = if timed { SLACK } else { BARE };
        let secrets = [Secret::new(secret)];
        let unsigned = Message { method: "POST", url: "", headers: &[], body: &body };
        let signed = scheme.sign(&unsigned, &secrets, now).expect("a secret");
        let headers: Vec<_> = signed.headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let message = Message { headers: &headers, ..unsigned };
        prop_assert_eq!(scheme.verify(&message, &secrets, now).map(|verified| verified.timestamp), Ok(timed.then_some(now)));
        let mut changed = body.clone();
        changed[flip.index(body.len())] ^= 1 << bit;
        let other_body = Message { body: &changed, ..message };
        prop_assert!(scheme.verify(&other_body, &secrets, now).is_err());
        if timed {
            let later = (now + 1).to_string();
            let moved: Vec<_> = headers.iter().map(|(name, value)| (*name, if name.ends_with("Timestamp") { later.as_bytes() } else { *value })).collect();
            let other_time = Message { headers: &moved, ..message };
            prop_assert!(scheme.verify(&other_time, &secrets, now).is_err());
        }
    }
}
