use std::time::Duration;

use async_trait::async_trait;

/// Something that Stripe's API can be asked for, and in which account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StripeLookup {
    /// Which of several Stripe accounts, by the name of its source.
    pub source: String,
    /// The connected account that the object belongs to (`acct_…`, or a path of
    /// [contexts](https://docs.stripe.com/context)), if it isn't the account itself.
    pub account: Option<String>,
    /// Whether it is a live object. Stripe keeps test objects apart, under keys of their own.
    pub livemode: bool,
    /// What is asked for.
    pub object: StripeObject,
}

/// What Stripe's API can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StripeObject {
    /// A [charge](https://docs.stripe.com/api/charges/retrieve) by its id (`ch_…`, `py_…`).
    Charge(String),
    /// A [payment method](https://docs.stripe.com/api/payment_methods/retrieve) by its id (`pm_…`).
    PaymentMethod(String),
    /// A [payment intent](https://docs.stripe.com/api/payment_intents/retrieve) by its id (`pi_…`), with its latest charge inline.
    PaymentIntent(String),
    /// A [subscription](https://docs.stripe.com/api/subscriptions/retrieve) by its id (`sub_…`).
    Subscription(String),
    /// The [payments of an invoice](https://docs.stripe.com/api/invoice-payment/list) by the invoice's id (`in_…`): a list of up to 100.
    InvoicePayments(String),
    /// The invoices that a payment intent pays, by the intent's id (`pi_…`): a list of up to 100 invoice payments.
    PaymentIntentInvoices(String),
    /// An [event](https://docs.stripe.com/api/events/retrieve) by its id (`evt_…`), in the shape of snapshot events. Stripe keeps them for 30 days.
    Event(String),
    /// What the `url` of a thin event's `related_object` leads to: a path such as `/v1/invoices/in_…`.
    Related(String),
}

impl StripeObject {
    /// The path and query at which it is read. `None` if what it is asked by can't be Stripe's: then there is no such thing.
    #[must_use]
    pub fn path(&self) -> Option<String> {
        let at = |path: &str, id: &str| is_id(id).then(|| format!("/v1/{path}{id}"));
        match self {
            Self::Charge(id) => at("charges/", id),
            Self::PaymentMethod(id) => at("payment_methods/", id),
            Self::PaymentIntent(id) => at("payment_intents/", id).map(|path| format!("{path}?expand[]=latest_charge")),
            Self::Subscription(id) => at("subscriptions/", id),
            Self::InvoicePayments(id) => at("invoice_payments?limit=100&invoice=", id),
            Self::PaymentIntentInvoices(id) => at("invoice_payments?limit=100&payment[type]=payment_intent&payment[payment_intent]=", id),
            Self::Event(id) => at("events/", id),
            Self::Related(path) => is_path(path).then(|| path.clone()),
        }
    }
}

/// Ids are opaque; but one with any other character would lead elsewhere.
fn is_id(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A path of ids below one of the API's two roots, which leads nowhere else.
fn is_path(text: &str) -> bool {
    let below = text.strip_prefix("/v1/").or_else(|| text.strip_prefix("/v2/"));
    below.is_some_and(|rest| rest.len() <= 512 && rest.split('/').all(is_id))
}

/// What Stripe's API answered, with what was found as `T`: as JSON unless a rule has read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StripeAnswer<T = Vec<u8>> {
    /// This.
    Found(T),
    /// There is no such thing.
    NotThere,
    /// Nobody could be asked: there is no key for this account and mode. What the event itself lacks stays empty until there is one and the event
    /// is replayed.
    NotKnown,
}

impl<T> StripeAnswer<T> {
    /// What was found, if anything was.
    pub fn found(self) -> Option<T> {
        match self {
            Self::Found(found) => Some(found),
            Self::NotThere | Self::NotKnown => None,
        }
    }
}

/// Why Stripe's API gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// May go through later: unreachable, throttled, in trouble.
    #[error("{0}")]
    Temporary(String),
    /// The key is refused, or lacks the permission. Goes through once someone has mended that.
    #[error("{0}")]
    Refused(String),
}

/// Reads from Stripe's API. Nothing is ever written there.
#[async_trait]
pub trait StripeApi: Send + Sync {
    /// Looks something up, and tries again what fails in passing, all of it `within` that time.
    ///
    /// # Errors
    /// [`LookupError`]; that there is no such thing, or no key to ask with, is an answer.
    async fn look_up(&self, lookup: &StripeLookup, within: Duration) -> Result<StripeAnswer, LookupError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_things_are_read() {
        let path = |object: StripeObject| object.path().expect("a path");
        assert_eq!(path(StripeObject::Charge("ch_1".into())), "/v1/charges/ch_1");
        assert_eq!(path(StripeObject::InvoicePayments("in_1".into())), "/v1/invoice_payments?limit=100&invoice=in_1");
        assert_eq!(
            path(StripeObject::PaymentIntentInvoices("pi_1".into())),
            "/v1/invoice_payments?limit=100&payment[type]=payment_intent&payment[payment_intent]=pi_1"
        );
        assert_eq!(path(StripeObject::Related("/v2/core/accounts/acct_1".into())), "/v2/core/accounts/acct_1");
    }

    #[test]
    fn nothing_leads_elsewhere() {
        for id in ["", "../balance", "ch_1?expand[]=x", "ch_1/refunds", "ch 1", "ch_1#", "%2e%2e", &"x".repeat(256)] {
            assert_eq!(StripeObject::Charge(id.into()).path(), None, "{id}");
        }
        for path in [
            "",
            "/",
            "/v1/",
            "/v1/invoices/",
            "/v1//in_1",
            "/v1/../v2/x",
            "/v3/x",
            "https://example.com/v1/x",
            "//example.com/v1/x",
            "/v1/x?y=z",
        ] {
            assert_eq!(StripeObject::Related(path.into()).path(), None, "{path}");
        }
    }
}
