//! The parts that Stripe's objects have in common. Only what a rule can't do without must be there; all else is read if it is what it should be, and
//! counts as not said if it isn't, because shapes of many years arrive.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, IntoDeserializer},
};
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

/// Reads an amount of money, which is not less than nothing.
pub(super) fn not_negative<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let amount = i64::deserialize(deserializer)?;
    if amount < 0 { Err(de::Error::custom(format!("an amount is {amount}"))) } else { Ok(amount) }
}

/// Reads an amount of money, which is not less than nothing, if it is one.
pub(super) fn not_negative_if_said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    lenient(deserializer)?.map(|amount: i64| not_negative(amount.into_deserializer())).transpose()
}

/// An object that Stripe has a name for.
pub(super) trait Named {
    /// What its field `object` says.
    const NAME: &'static str;
}

/// The field `object`: an object must be of the kind that its event's type promises.
#[derive(Clone, Debug)]
pub(super) struct Kind<T>(PhantomData<fn() -> T>);

impl<T> Default for Kind<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Named> Deserialize<'de> for Kind<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name<T>(Kind<T>);
        impl<T: Named> de::Visitor<'_> for Name<T> {
            type Value = Kind<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an object of the kind {}", T::NAME)
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<Kind<T>, E> {
                if name == T::NAME { Ok(self.0) } else { Err(E::invalid_value(de::Unexpected::Str(name), &self)) }
            }
        }
        deserializer.deserialize_str(Name(Self::default()))
    }
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
