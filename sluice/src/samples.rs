//! The requests under `events/`, compiled in, so that a built binary has them wherever it runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A request as a provider sends it, unsigned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The path, and the query where there is one.
    pub path: String,
    /// The headers, without the signature and what the connection decides (`Host`, `Content-Length`).
    pub headers: BTreeMap<String, String>,
    /// The exact text of the body.
    pub body: String,
}

/// One file under `events/`.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The folder: the provider's name.
    pub provider: &'static str,
    /// The file's path in it without `.json`: the event's type as the provider writes it, and after it what is special, such as the version
    /// of the API if it is an older one.
    pub name: &'static str,
    /// The file's text.
    pub text: &'static str,
}

impl Sample {
    /// The sample of that name.
    #[must_use]
    pub fn find(provider: &str, name: &str) -> Option<&'static Self> {
        Self::of(provider).find(|sample| sample.name == name)
    }

    /// All samples of a provider, by name.
    pub fn of(provider: &str) -> impl Iterator<Item = &'static Self> {
        SAMPLES.iter().filter(move |sample| sample.provider == provider)
    }

    /// The request in it.
    ///
    /// # Panics
    /// Never in a build that passed its tests: they read every sample.
    #[must_use]
    pub fn request(&self) -> Request {
        serde_json::from_str(self.text).expect("the tests read every sample")
    }
}

macro_rules! samples {
    ($($provider:literal: [$($name:literal),+ $(,)?]),+ $(,)?) => {
        &[$($(Sample {
            provider: $provider,
            name: $name,
            text: include_str!(concat!("../../events/", $provider, "/", $name, ".json")),
        }),+),+]
    };
}

/// Every file under `events/<provider>/`, and in folders there if a provider's types have slashes.
pub const SAMPLES: &[Sample] = samples! {
    "stripe": [
        "charge.refunded",
        "charge.refunded.2020-08-27",
        "charge.refunded.partial",
        "checkout.session.async_payment_failed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.completed",
        "checkout.session.completed.unpaid",
        "customer.created",
        "customer.subscription.created",
        "customer.subscription.deleted",
        "customer.subscription.updated",
        "customer.subscription.updated.2024-06-20",
        "invoice.paid",
        "invoice.paid.2024-06-20",
        "invoice.payment_failed",
        "invoice.payment_failed.2024-06-20",
        "invoice_payment.paid",
        "payment_intent.payment_failed",
        "payment_intent.payment_failed.2020-08-27",
        "payment_intent.succeeded",
        "payment_intent.succeeded.2020-08-27",
        "refund.created",
        "refund.failed",
        "setup_intent.setup_failed",
        "setup_intent.succeeded",
    ],
    "twilio": [
        "sms",
        "sms-status.accepted",
        "sms-status.canceled",
        "sms-status.delivered",
        "sms-status.failed",
        "sms-status.partially_delivered",
        "sms-status.queued",
        "sms-status.read",
        "sms-status.received",
        "sms-status.receiving",
        "sms-status.scheduled",
        "sms-status.sending",
        "sms-status.sent",
        "sms-status.undelivered",
        "sms.stop",
        "voice",
    ],
    "github": [
        "issues.opened",
        "ping",
        "pull_request.opened",
        "push",
        "push.form",
        "release.published",
    ],
    "shopify": [
        "app/uninstalled",
        "customers/create",
        "customers/data_request",
        "customers/redact",
        "customers/update",
        "orders/create",
        "orders/fulfilled",
        "orders/paid",
        "orders/updated",
        "products/create",
        "products/update",
        "shop/redact",
    ],
    "sendro": [
        "email.bounced",
        "email.complained",
        "email.delivered",
        "email.failed",
        "email.opened",
    ],
    "standard": [
        "user.created",
    ],
};
