//! What is verified: signed requests of every scheme, in several sizes.

use sluice_core::provider::{Named, Provider, Route, by_name};
use sluice_signature::{Message, Secret};

/// The sizes of bodies, bytes.
pub(crate) const SIZES: [usize; 4] = [2 << 10, 16 << 10, 128 << 10, 1 << 20];

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const SYMMETRIC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PRIVATE: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

/// One scheme.
pub(crate) struct Scheme {
    /// As people call it.
    pub(crate) name: &'static str,
    /// The official SDK's name in `bench/peers/verify/measure.mjs`; `None` if none verifies this.
    pub(crate) peer: Option<&'static str>,
    /// Whether it is aimed at the bounds.
    pub(crate) bounded: bool,
    provider: &'static str,
    channel: &'static str,
    headers: &'static [(&'static str, &'static str)],
    signs: &'static str,
    verifies: &'static str,
    body: fn(size: usize) -> Vec<u8>,
}

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Every scheme.
pub(crate) const SCHEMES: &[Scheme] = &[
    scheme("Stripe", "stripe", "stripe", &[JSON], "whsec_a", json),
    Scheme { channel: "sms-status", ..scheme("Twilio, form", "twilio", "twilio_form", &[FORM], TOKEN, form) },
    Scheme { channel: "sms-status", ..scheme("Twilio, JSON", "twilio", "twilio_json", &[JSON], TOKEN, json) },
    scheme(
        "GitHub",
        "github",
        "github",
        &[JSON, ("x-github-event", "push"), ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")],
        "secret",
        json,
    ),
    scheme(
        "Shopify",
        "shopify",
        "shopify",
        &[
            JSON,
            ("x-shopify-topic", "orders/create"),
            ("x-shopify-shop-domain", "harbour.myshopify.com"),
            ("x-shopify-api-version", "2026-10"),
            ("x-shopify-webhook-id", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"),
        ],
        "shpss_only_for_this_bench",
        json,
    ),
    scheme("Sendro", "sendro", "sendro", &[JSON], "secret", json),
    scheme("Standard Webhooks v1", "standard", "standard", &[JSON, ("webhook-id", "msg_1")], SYMMETRIC, json),
    Scheme {
        peer: None,
        bounded: false,
        verifies: PUBLIC,
        ..scheme("Standard Webhooks v1a", "standard", "", &[JSON, ("webhook-id", "msg_1")], PRIVATE, json)
    },
];

const fn scheme(
    name: &'static str,
    provider: &'static str,
    peer: &'static str,
    headers: &'static [(&'static str, &'static str)],
    secret: &'static str,
    body: fn(usize) -> Vec<u8>,
) -> Scheme {
    Scheme { name, peer: Some(peer), bounded: true, provider, channel: "", headers, signs: secret, verifies: secret, body }
}

/// A signed request.
pub(crate) struct Case {
    pub(crate) body: Vec<u8>,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) secret: &'static str,
    provider: &'static dyn Provider,
    secrets: [Secret; 1],
    route: Route<'static>,
    now: i64,
}

impl Scheme {
    /// A request of this scheme with a body of about `size` bytes, signed at `now`.
    pub(crate) fn sign(&self, size: usize, now: i64) -> Case {
        let provider = by_name(self.provider).expect("a provider");
        let body = (self.body)(size);
        let url = "https://hooks.example.com/webhooks/twilio/sms-status";
        let own: Vec<_> = self.headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let unsigned = Message { method: "POST", url, headers: &own, body: &body };
        let signed = provider.scheme().sign(&unsigned, &[provider.read_secret(self.signs)], now).expect("can be signed");
        let usual = [("host", "hooks.example.com"), ("user-agent", "Sender/1.0"), ("accept", "*/*"), ("accept-encoding", "gzip")];
        let mut headers: Vec<_> = usual.iter().chain(self.headers).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        headers.extend(signed.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)));
        let route = Route { channel: self.channel, source: "default" };
        let secrets = [provider.read_secret(self.verifies)];
        Case { url: signed.url.unwrap_or_else(|| url.to_owned()), body, headers, secret: self.verifies, provider, secrets, route, now }
    }
}

impl Case {
    /// Calls `work` with the request, as ingest has it in hand.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Message<'_>) -> T) -> T {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        work(&Message { method: "POST", url: &self.url, headers: &headers, body: &self.body })
    }

    /// Verifies it.
    ///
    /// # Panics
    /// If it is refused.
    pub(crate) fn verify(&self, message: &Message<'_>) {
        self.provider.scheme().verify(message, &self.secrets, self.now).expect("is signed");
    }

    /// Verifies it and says what it is.
    ///
    /// # Panics
    /// If it is refused.
    pub(crate) fn name(&self, message: &Message<'_>) -> Named {
        self.verify(message);
        self.provider.name_event(&self.route, message).expect("is what the provider sends")
    }
}

/// JSON that each provider's naming reads something in, and a list of some length.
fn json(size: usize) -> Vec<u8> {
    let mut json = String::from(
        r#"{"id":"evt_1SVeH9J8rWc2LdKeR4uYx6Ks","object":"event","type":"email.delivered","created":1795175760,"emailId":"em_1","timestamp":"2026-11-22T06:00:00Z","MessageSid":"SM1","MessageStatus":"sent","action":"opened","repository":{"owner":{"login":"acme"}},"data":{"object":{"id":"pi_1","lines":["#,
    );
    let mut number = 0;
    while json.len() + 160 < size {
        json += &format!(
            r#"{{"id":"li_{number:08}","object":"line_item","amount":{},"currency":"usd","description":"Deposit for a boat","livemode":true,"quantity":1}},"#,
            number * 100
        );
        number += 1;
    }
    json += "{}]}}}";
    json.into_bytes()
}

/// A form as Twilio sends it: some thirty parameters, one of them long.
fn form(size: usize) -> Vec<u8> {
    let mut form = String::from("MessageSid=SM0123456789abcdef0123456789abcdef&MessageStatus=delivered&");
    form.extend((0..28).map(|number| format!("Parameter{:02}=value%2B{number}&", number * 5 % 28)));
    form.push_str("Body=");
    while form.len() + 28 < size {
        form.push_str("some+text+with+%C3%BC+and+%26+");
    }
    form.into_bytes()
}
