//! What verifying costs, by scheme and size of the body: `cargo run --release -p sluice-signature --example cost`.
//!
//! Each figure is the least of some rounds, which is what the code costs when nothing else disturbs it.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "it measures and says so")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use sluice_signature::{GitHub, Message, Scheme, Secret, Sendro, Shopify, StandardWebhooks, Stripe, Twilio};

const NOW: i64 = 1_771_000_000;
const URL: &str = "https://hooks.example.com/webhooks/twilio/sms-status";
const PRIVATE: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
const SYMMETRIC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SIZES: [usize; 4] = [2 << 10, 16 << 10, 128 << 10, 1 << 20];
const ROUNDS: usize = 40;
const EACH: Duration = Duration::from_millis(5);

fn main() {
    type Headers = &'static [(&'static str, &'static [u8])];
    let form: Headers = &[("content-type", b"application/x-www-form-urlencoded")];
    let json: Headers = &[("content-type", b"application/json")];
    let rows: [(&str, &dyn Scheme, Headers, &str, &str); 10] = [
        ("Stripe", &Stripe::new(), json, "whsec_a", "whsec_a"),
        ("GitHub", &GitHub, json, "secret", "secret"),
        ("Shopify", &Shopify, json, "shpss_a", "shpss_a"),
        ("Sendro", &Sendro, json, "secret", "secret"),
        ("Standard Webhooks v1", &StandardWebhooks::new(), &[("webhook-id", b"msg_1")], SYMMETRIC, SYMMETRIC),
        ("Standard Webhooks v1a", &StandardWebhooks::new(), &[("webhook-id", b"msg_1")], PRIVATE, PUBLIC),
        ("Twilio, form", &Twilio, form, "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"),
        ("Twilio, form, refused", &Twilio, form, "0123456789abcdef0123456789abcdef", "another"),
        ("Twilio, JSON", &Twilio, json, "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"),
        ("Twilio, shared key", &Twilio, form, "webhooks_sharedkey_1:secret", "webhooks_sharedkey_1:secret"),
    ];
    println!("{:24}{:>10}{:>10}{:>10}{:>10}   µs to verify", "", "2 KB", "16 KB", "128 KB", "1 MB");
    for (name, scheme, headers, signs, verifies) in rows {
        let secret = |text: &str| if scheme.header() == Twilio::HEADER { Twilio::secret(text) } else { Secret::new(text) };
        print!("{name:24}");
        for size in SIZES {
            let body = if headers == form { form_of(size) } else { vec![b'a'; size] };
            let unsigned = Message { method: "POST", url: URL, headers, body: &body };
            let signed = scheme.sign(&unsigned, &[secret(signs)], NOW).expect("there is a secret");
            let usual: [(&str, &[u8]); 6] = [
                ("host", b"hooks.example.com"),
                ("user-agent", b"Sender/1.0"),
                ("accept", b"*/*"),
                ("content-length", b"2048"),
                ("x-request-id", b"6d5c1a3e"),
                ("accept-encoding", b"gzip"),
            ];
            let mut all = usual.to_vec();
            all.extend_from_slice(headers);
            all.extend(signed.headers.iter().map(|(name, value)| (*name, value.as_bytes())));
            let url = signed.url.as_deref().unwrap_or(URL);
            let message = Message { method: "POST", url, headers: &all, body: &body };
            let secrets = [secret(verifies)];
            let expected = !name.ends_with("refused");
            assert_eq!(scheme.verify(&message, &secrets, NOW).is_ok(), expected, "{name}");
            print!("{:>10.2}", least(|| drop(black_box(scheme.verify(black_box(&message), &secrets, NOW)))));
        }
        println!();
    }
}

/// A form as Twilio sends it: some thirty parameters, one of them long.
fn form_of(size: usize) -> Vec<u8> {
    let mut form: String = (0..30).map(|number| format!("Parameter{:02}=value%2B{number}&", number * 7 % 30)).collect();
    form.push_str("Body=");
    let mut word = "some+text+with+%C3%BC+and+%26+".chars().cycle();
    while form.len() < size || word.clone().next() != Some('s') {
        form.extend(word.next());
    }
    form.into_bytes()
}

/// Microseconds.
fn least(work: impl Fn()) -> f64 {
    let mut least = f64::MAX;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let mut times = 0;
        while started.elapsed() < EACH {
            for _ in 0..8 {
                work();
            }
            times += 8;
        }
        least = least.min(started.elapsed().as_secs_f64() * 1e6 / f64::from(times));
    }
    least
}
