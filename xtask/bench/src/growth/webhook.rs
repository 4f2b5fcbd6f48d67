//! Webhooks out of the samples, about one customer.

use std::net::SocketAddr;

use sluice_core::{
    envelope::event_id,
    provider::{self, Route},
    secrets::DEFAULT_SOURCE,
};
use sluice_signature::Message;

use crate::{clock, requests, server};

/// A signed request, and the id that its event will have.
pub(super) type Signed = (Vec<u8>, String);

/// An event of a booking's payment. `unique` tells it from others about the same customer.
pub(super) fn of_booking(tag: &str, sample: &str, unique: &str, address: SocketAddr) -> Result<Signed, String> {
    let about = |body: String| body.replace("\"booking_id\": \"12345\"", &format!("\"booking_id\": \"b{tag}\""));
    signed(tag, "stripe", sample, unique, address, |body| with_intent(&about(body), unique))
}

/// A payment of the customer that names no booking.
pub(super) fn of_customer(tag: &str, unique: &str, amount: u32, address: SocketAddr) -> Result<Signed, String> {
    let about = |body: String| body.replace("\"booking_id\": \"12345\"", "\"order\": \"none\"").replace(": 6000,", &format!(": {amount},"));
    signed(tag, "stripe", "payment_intent.succeeded", unique, address, |body| with_intent(&about(body), unique))
}

/// Any other event.
pub(super) fn told(tag: &str, provider: &str, sample: &str, unique: &str, address: SocketAddr) -> Result<Signed, String> {
    signed(tag, provider, sample, unique, address, |body| body)
}

/// The payment and its charge are others than those of another event.
fn with_intent(body: &str, unique: &str) -> String {
    body.replace("\"pi_", &format!("\"pi_{unique}_")).replace("\"ch_", &format!("\"ch_{unique}_"))
}

fn signed(
    tag: &str,
    provider: &str,
    sample: &str,
    unique: &str,
    address: SocketAddr,
    about: impl FnOnce(String) -> String,
) -> Result<Signed, String> {
    let known = provider::by_name(provider).ok_or("there is no such provider")?;
    let mut sample = requests::sample(provider, sample)?;
    let own = |text: &str| names(tag).into_iter().fold(text.to_owned(), |text, (name, own)| text.replace(name, &own));
    sample.headers.values_mut().for_each(|value| *value = own(value));
    if provider == "shopify" {
        sample.headers.insert("X-Shopify-Webhook-Id".to_owned(), format!("{tag}-{unique}"));
    }
    let body = about(own(&sample.body));
    // What Stripe and Twilio tell one event from another by.
    let body = body.replacen("\"evt_", &format!("\"evt_{unique}_"), 1).replace("SM2e541c3a", &format!("SM{unique}"));

    let url = format!("http://localhost:{}{}", address.port(), sample.path);
    let headers: Vec<(&str, &[u8])> = sample.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let message = Message { method: "POST", url: &url, headers: &headers, body: body.as_bytes() };
    let secret = known.read_secret(if provider == "stripe" { server::STRIPE_SECRET } else { known.dev_secret() });
    let signature = known.scheme().sign(&message, &[secret], clock::unix()).map_err(|error| error.to_string())?;
    let channel = sample.path.strip_prefix("/webhooks/twilio/").unwrap_or_default();
    let named = known.name_event(&Route { channel, source: DEFAULT_SOURCE }, &message).map_err(|error| error.to_string())?;
    let kept = sample.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let added = signature.headers.iter().map(|(name, value)| (*name, value.as_str()));
    Ok((requests::request("POST", &sample.path, kept.chain(added), &body), event_id(provider, DEFAULT_SOURCE, &named.key)))
}

/// The names that the samples have, and those of the customer's: of the same length, or as long as they are in life.
fn names(tag: &str) -> [(&'static str, String); 7] {
    [
        ("J8rWc2LdKe", tag.to_owned()),
        ("TkV3mXq8ZrB1Na", tag.to_owned()),
        ("9012c0f462cb5535e64cd299", format!("{tag}90125535e64cd2")),
        ("dana.whitfield@", format!("d{tag}@")),
        ("5035550142", tag.to_owned()),
        ("820982911946154", format!("{tag}00001")),
        ("788032119674292", format!("{tag}00002")),
    ]
}
