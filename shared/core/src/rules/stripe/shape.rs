//! The parts that Stripe's objects have in common. Only what a rule can't do without must be there; all else is read if it is what it should be, and
//! counts as not said if it isn't, because shapes of many years arrive.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    ids::record_id,
    money::{Currency, Money},
    plan::{Event, Stop},
    records::{Amount, PaymentDetails},
    rules::unexpected_shape,
    time::Timestamp,
};

/// Reads a field if it is what it should be.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

/// Reads the id of an object, which is to be a record's.
pub(super) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = String::deserialize(deserializer)?;
    record_id(&id).map(str::to_owned).map_err(serde::de::Error::custom)
}

/// The longest text that a record keeps of what Stripe says: longer than any name, mail address or link that Stripe takes, and short enough for a
/// record of many.
const LONGEST: usize = 1_000;

/// Reads a text that a record keeps, if it is one and not too long.
pub(super) fn short<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(kept(&Value::deserialize(deserializer)?))
}

/// A text that a record keeps, if it is one and not too long.
pub(super) fn kept(value: &Value) -> Option<String> {
    value.as_str().filter(|text| text.len() <= LONGEST).map(str::to_owned)
}

/// The id of another object, or that object itself where it was [expanded](https://docs.stripe.com/api/expanding_objects).
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Reference {
    Id(String),
    Object(Value),
}

impl Reference {
    /// The id, if it can be a record's.
    pub(super) fn id(&self) -> Option<&str> {
        let id = match self {
            Self::Id(id) => Some(id.as_str()),
            Self::Object(object) => object["id"].as_str(),
        };
        id.filter(|id| record_id(id).is_ok())
    }

    /// The object, if it is there: `null` is none.
    pub(super) fn object(&self) -> Option<&Value> {
        match self {
            Self::Object(object) if object.is_object() => Some(object),
            Self::Id(_) | Self::Object(_) => None,
        }
    }
}

/// The id behind a reference that may be missing.
pub(super) fn id_of(reference: Option<&Reference>) -> Option<String> {
    reference?.id().map(str::to_owned)
}

/// A list of objects.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
}

/// The notes that objects carry.
#[derive(Default, Deserialize)]
pub(super) struct Metadata {
    #[serde(default, deserialize_with = "lenient")]
    booking_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    tenant_id: Option<String>,
}

impl Metadata {
    /// The booking named, if the name can be one.
    pub(super) fn booking_id(metadata: Option<&Self>) -> Option<String> {
        metadata?.booking_id.clone().filter(|id| record_id(id).is_ok())
    }

    /// The tenant named, if the name can be one.
    pub(super) fn tenant_id(metadata: Option<&Self>) -> Option<String> {
        metadata?.tenant_id.clone().filter(|id| record_id(id).is_ok())
    }
}

/// An amount as records keep it.
pub(super) fn amount(amount: i64, currency: Currency) -> Amount {
    Amount { amount, currency: currency.code().to_owned() }
}

/// An amount as people read it.
pub(super) fn in_words(amount: Option<i64>, currency: Option<Currency>) -> String {
    match (amount, currency) {
        (Some(amount), Some(currency)) => Money::new(amount, currency).to_string(),
        _ => "an amount that is not said".to_owned(),
    }
}

/// When an event happened, by Stripe.
pub(super) fn occurred_at(event: &Event<'_>) -> Result<Timestamp, Stop> {
    event.occurred_at.ok_or_else(|| unexpected_shape(event, &"it has no `created`"))
}

/// What a [charge](https://docs.stripe.com/api/charges/object) says of how it was paid.
pub(super) fn details(charge: &Value) -> PaymentDetails {
    let method = &charge["payment_method_details"];
    let kind = method["type"].as_str().unwrap_or_default();
    let card = &method[kind];
    PaymentDetails {
        brand: kept(&card["brand"]),
        last4: kept(&card["last4"]),
        receipt_url: kept(&charge["receipt_url"]),
        card_present: matches!(kind, "card_present" | "interac_present"),
    }
}
