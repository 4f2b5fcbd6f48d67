//! Events of providers, made out of the samples, signed in this process.

use std::sync::{
    LazyLock,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use sluice::samples::Sample;
use sluice_core::envelope::event_id;
use sluice_signature::{Message, Scheme, Secret, Stripe};

use crate::seconds_now;

/// A name that nothing else has, in this run and in others on the same home.
#[must_use]
pub fn fresh(prefix: &str) -> String {
    static RUN: LazyLock<u64> = LazyLock::new(|| {
        let seconds = u64::try_from(seconds_now()).unwrap_or_default();
        (seconds << 20) | u64::from(std::process::id() & 0xf_ffff)
    });
    format!("{prefix}{:x}x{}", *RUN, number())
}

/// A number that nothing else in this run has.
fn number() -> u64 {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// A booking as its owner puts it.
#[derive(Clone, Debug)]
pub struct Booking {
    /// Its id.
    pub id: String,
    /// What is put.
    pub body: Value,
}

impl Booking {
    /// A new booking with a mail address and a phone of its own, and a deposit of $60.
    #[must_use]
    pub fn fresh() -> Self {
        let id = fresh("b");
        let body = json!({
            "customer_name": "Ana Lima",
            "customer_email": format!("{id}@example.com"),
            "customer_phone": format!("+1500{:07}", number()),
            "deposit_amount": 6000,
            "currency": "usd",
        });
        Self { id, body }
    }

    /// The same with a field set.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.body[field] = value.into();
        self
    }

    /// The mail address of its customer.
    #[must_use]
    pub fn email(&self) -> &str {
        self.body["customer_email"].as_str().unwrap_or_default()
    }

    /// The phone of its customer.
    #[must_use]
    pub fn phone(&self) -> &str {
        self.body["customer_phone"].as_str().unwrap_or_default()
    }

    /// Its path in the API.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/api/v1/bookings/{}", self.id)
    }
}

/// A Stripe event.
#[derive(Clone, Debug)]
pub struct Event {
    body: Value,
}

/// A request with its signature.
#[derive(Clone, Debug)]
pub struct SignedRequest {
    /// The headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The exact body.
    pub body: Bytes,
}

impl Event {
    /// A new event out of the sample of that name, with ids of its own, that happened now.
    ///
    /// # Panics
    /// If there is no such sample.
    #[must_use]
    pub fn stripe(sample: &str) -> Self {
        let sample = Sample::find("stripe", sample).unwrap_or_else(|| panic!("there is no sample {sample}"));
        let body = serde_json::from_str(&sample.request().body).expect("a sample's body is JSON");
        Self { body }.with("/id", fresh("evt_")).with("/created", seconds_now())
    }

    /// A payment of the booking that went through.
    #[must_use]
    pub fn paid(booking: &Booking) -> Self {
        Self::stripe("payment_intent.succeeded").with("/data/object/id", fresh("pi_")).of(booking)
    }

    /// A payment of the booking that did not.
    #[must_use]
    pub fn failed(booking: &Booking) -> Self {
        Self::stripe("payment_intent.payment_failed").with("/data/object/id", fresh("pi_")).of(booking)
    }

    /// All of a charge of the booking was given back.
    #[must_use]
    pub fn refunded(booking: &Booking) -> Self {
        Self::stripe("charge.refunded").with("/data/object/id", fresh("ch_")).with("/data/object/payment_intent", fresh("pi_")).of(booking)
    }

    /// A payment that went through, as it comes when its type has lost its shape.
    #[must_use]
    pub fn misshapen(booking: &Booking) -> Self {
        Self::paid(booking).with("/data/object/amount", "sixty")
    }

    /// The same about a booking.
    #[must_use]
    pub fn of(self, booking: &Booking) -> Self {
        self.with("/data/object/metadata", json!({ "booking_id": booking.id }))
    }

    /// The same with the value at a JSON pointer (RFC 6901) set.
    ///
    /// # Panics
    /// If the pointer leads nowhere.
    #[must_use]
    pub fn with(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        *self.body.pointer_mut(pointer).unwrap_or_else(|| panic!("an event has no {pointer}")) = value.into();
        self
    }

    /// The provider's own id.
    #[must_use]
    pub fn key(&self) -> &str {
        self.body["id"].as_str().expect("set above")
    }

    /// The id of the thing that the event is about.
    #[must_use]
    pub fn object(&self) -> &str {
        self.body["data"]["object"]["id"].as_str().expect("set above")
    }

    /// The id of its event record, where it came in without a source.
    #[must_use]
    pub fn inbound_id(&self) -> String {
        event_id("stripe", "default", self.key())
    }

    /// The body, laid out as Stripe lays it out.
    #[must_use]
    pub fn body(&self) -> String {
        format!("{:#}", self.body)
    }

    /// Signed with `secret`, now.
    #[must_use]
    pub fn signed(&self, secret: &str) -> SignedRequest {
        sign(self.body(), secret, seconds_now())
    }
}

/// Signs a body as Stripe does, `at` in seconds since the Unix epoch.
///
/// # Panics
/// If the secret is blank.
#[must_use]
pub fn sign(body: impl Into<Bytes>, secret: &str, at: i64) -> SignedRequest {
    let body = body.into();
    let message = Message { method: "POST", url: "", headers: &[], body: &body };
    let signed = Stripe::new().sign(&message, &[Secret::new(secret)], at).expect("there is a secret");
    let mut headers = vec![(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"))];
    for (name, value) in signed.headers {
        headers.push((
            HeaderName::from_bytes(name.as_bytes()).expect("a scheme's header is one"),
            HeaderValue::from_str(&value).expect("a signature is a header value"),
        ));
    }
    SignedRequest { headers, body }
}
