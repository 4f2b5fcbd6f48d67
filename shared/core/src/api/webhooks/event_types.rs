//! The types of events that Sluice publishes by itself, each with an example of its data and the schema of it. They are checked in as
//! `docs/event-types.json`, which is what is served; a test holds it to what is made here.

use std::{collections::BTreeMap, sync::LazyLock};

use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    api::json_text,
    kind::Served,
    news::{BUSINESS_EVENTS, personal},
    provider::{self, Provider},
    record::Record,
    records::{Booking, Customer, Invoice, Message, Order, Payment, Product, Repository, Tenant},
    schema::{Described, NAMED, Named, described},
    webhooks::{DELIVERY_FAILED, SUBSCRIPTION_DISABLED, SUBSCRIPTION_FAILING, TEST},
};

/// An example of the data of each kind of record, of types for which that of their kind says too little, and of each of Sluice's own news. Tests hold them
/// to what is really published.
static EXAMPLES: LazyLock<BTreeMap<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("examples.json")).expect("the examples are JSON"));

/// What Sluice tells of deliveries and subscriptions.
const OWN: [(&str, &str); 4] = [
    (DELIVERY_FAILED, "A delivery has failed for good."),
    (SUBSCRIPTION_FAILING, "Every attempt to deliver to a subscription has failed for 60 hours, half-way to its being disabled."),
    (SUBSCRIPTION_DISABLED, "A subscription was disabled: its receiver answered 410, or has only failed for 5 days."),
    (TEST, "A test of one subscription, sent to it alone."),
];

/// The types that are published, as they are checked in and served.
const CHECKED_IN: &str = include_str!("../../../../../docs/event-types.json");

described! {
    /// A type of events.
    #[derive(Serialize)]
    pub(in crate::api) struct EventType as "EventType" {
        /// The type, or `PROVIDER.*` for all others of a provider.
        r#type: String,
        /// What has happened.
        description: String,
        /// Where the provider describes the data.
        documentation: Option<String>,
        /// The JSON Schema of the data.
        schema: Map<String, Value>,
        /// An example of the data.
        example: Option<Map<String, Value>>,
    }
}

/// Lists them. Whoever publishes events of their own knows those types best.
pub(super) async fn list() -> impl IntoResponse {
    json_text(CHECKED_IN)
}

/// A webhook of a provider, as it is published.
#[derive(Clone, Debug)]
pub struct ProviderSample {
    /// The provider's name.
    pub provider: &'static str,
    /// Its type in the provider's words.
    pub kind: String,
    /// The data: its body, a form as an object.
    pub data: Map<String, Value>,
}

/// All types that Sluice publishes: those of the business, its own, and of each provider those of the samples and one for all others.
#[must_use]
pub fn document(samples: &[ProviderSample]) -> Value {
    let business = BUSINESS_EVENTS.iter().map(|event| {
        let example = if EXAMPLES.contains_key(event.name) { event.name } else { event.record };
        exemplified(event.name, event.meaning, example, record_schema(event.record))
    });
    let own = OWN.iter().map(|(name, meaning)| exemplified(name, meaning, name, schema_of(&EXAMPLES[*name])));
    let providers = provider::ALL.iter().flat_map(|provider| {
        let of_it = samples.iter().filter(|sample| sample.provider == provider.name());
        of_it.map(|sample| sampled(*provider, sample)).chain([others(*provider)])
    });
    json!({ "items": business.chain(own).chain(providers).collect::<Vec<_>>(), "next": null })
}

/// JSON Schema, as OpenAPI 3.1 takes it.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

fn exemplified(name: &str, meaning: &str, example: &str, schema: Value) -> EventType {
    let example = EXAMPLES.get(example).and_then(Value::as_object).cloned();
    EventType { r#type: name.to_owned(), description: meaning.to_owned(), documentation: None, schema: in_dialect(schema), example }
}

fn in_dialect(mut schema: Value) -> Map<String, Value> {
    schema["$schema"] = json!(DIALECT);
    schema.as_object().cloned().unwrap_or_default()
}

/// Where a provider says what is in its webhooks. Where it has one page for each type, the page that leads there.
const DOCUMENTATION: [(&str, &str); 6] = [
    ("stripe", "https://docs.stripe.com/api/events/types"),
    ("twilio", "https://www.twilio.com/docs/usage/webhooks"),
    ("github", "https://docs.github.com/en/webhooks/webhook-events-and-payloads"),
    ("shopify", "https://shopify.dev/docs/api/webhooks"),
    ("standard", "https://www.standardwebhooks.com"),
    ("slack", "https://docs.slack.dev/reference/events"),
];

/// What a provider says of its own: its fields may come and go without Sluice, so that none is promised.
fn provided(provider: &dyn Provider, kind: &str, description: String, example: Option<Map<String, Value>>) -> EventType {
    let known = example.iter().flatten().map(|(name, value)| {
        let kind = schema_of(value)["type"].clone();
        (name.clone(), if kind.is_null() { json!({}) } else { json!({ "type": kind }) })
    });
    let properties: Map<String, Value> = known.collect();
    let schema = json!({
        "type": "object",
        "description": format!("The webhook's body as {} sent it; what is in it is the provider's to say.", provider.title()),
        "properties": properties,
        "additionalProperties": true,
    });
    let documentation = DOCUMENTATION.iter().find(|(name, _)| *name == provider.name()).map(|(_, page)| (*page).to_owned());
    EventType { r#type: format!("{}.{kind}", provider.name()), description, documentation, schema: in_dialect(schema), example }
}

fn sampled(provider: &dyn Provider, sample: &ProviderSample) -> EventType {
    let description = format!("A verified webhook {} of {}.", sample.kind, provider.title());
    provided(provider, &sample.kind, description, Some(sample.data.clone()))
}

fn others(provider: &dyn Provider) -> EventType {
    let description =
        format!("Any other verified webhook of {}, under its own type; the data is its body, a form as an object.", provider.title());
    provided(provider, "*", description, None)
}

/// An example of a record of `kind` as the API shows it, but for its version.
pub(in crate::api) fn record_example(kind: &str) -> Option<Value> {
    let mut example = EXAMPLES.get(kind)?.clone();
    // Shown, and left out of what is published.
    personal(kind).iter().for_each(|field| example[*field] = Value::Null);
    Some(example)
}

/// The schema of what is published of a record of `kind`, whole in itself.
fn record_schema(kind: &str) -> Value {
    let mut named = Named::new();
    let schema = match kind {
        Booking::KIND => <Booking as Served>::Shown::schema(&mut named),
        Invoice::KIND => <Invoice as Served>::Shown::schema(&mut named),
        Payment::KIND => <Payment as Served>::Shown::schema(&mut named),
        Customer::KIND => <Customer as Served>::Shown::schema(&mut named),
        Tenant::KIND => <Tenant as Served>::Shown::schema(&mut named),
        Message::KIND => <Message as Served>::Shown::schema(&mut named),
        Order::KIND => <Order as Served>::Shown::schema(&mut named),
        Product::KIND => <Product as Served>::Shown::schema(&mut named),
        Repository::KIND => <Repository as Served>::Shown::schema(&mut named),
        other => panic!("nothing is known of what is published of a {other}"),
    };
    let mut schema = inlined(&schema, &named);
    for field in personal(kind) {
        schema["properties"].as_object_mut().into_iter().for_each(|properties| drop(properties.remove(*field)));
        schema["required"].as_array_mut().into_iter().for_each(|required| required.retain(|name| name != field));
    }
    schema
}

/// A schema with those that it refers to in their places.
fn inlined(schema: &Value, named: &Named) -> Value {
    match schema {
        Value::Object(fields) => match fields.get("$ref").and_then(Value::as_str) {
            Some(target) => inlined(&named[target.trim_start_matches(NAMED)], named),
            None => fields.iter().map(|(name, value)| (name.clone(), inlined(value, named))).collect::<Map<_, _>>().into(),
        },
        Value::Array(items) => items.iter().map(|item| inlined(item, named)).collect::<Vec<_>>().into(),
        other => other.clone(),
    }
}

/// The schema of an object like the example: all of its fields are always there, and each but the id may be `null`.
fn schema_of(example: &Value) -> Value {
    match example {
        Value::Object(fields) => {
            let property = |(name, value): (&String, &Value)| {
                let mut schema = schema_of(value);
                if let Some(kind) = schema["type"].as_str().filter(|_| name != "id").map(str::to_owned) {
                    schema["type"] = json!([kind, "null"]);
                }
                (name.clone(), schema)
            };
            let properties: Map<String, Value> = fields.iter().map(property).collect();
            json!({ "type": "object", "properties": properties, "required": fields.keys().collect::<Vec<_>>() })
        }
        Value::Array(items) => json!({ "type": "array", "items": items.first().map_or_else(|| json!({}), schema_of) }),
        Value::String(text) if text.parse::<crate::time::Timestamp>().is_ok() => json!({ "type": "string", "format": "date-time" }),
        Value::String(_) => json!({ "type": "string" }),
        Value::Number(_) => json!({ "type": "integer" }),
        Value::Bool(_) => json!({ "type": "boolean" }),
        // Nothing is known of it but that it can be missing.
        Value::Null => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{kind::state_of, time::Timestamp};

    fn names(value: &Value) -> BTreeSet<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    }

    fn is_shown<K: Served>(record: &K) {
        let state = state_of(record);
        let shown =
            state.fields().map(|(field, _)| field.to_owned()).filter(|field| !personal(K::KIND).contains(&field.as_str())).collect();
        assert_eq!(names(&EXAMPLES[K::KIND]), shown, "{}", K::KIND);
    }

    #[test]
    fn examples_have_the_fields_of_what_is_published() {
        let at = Timestamp::from_seconds(0);
        is_shown(&Booking::first_heard("1", at));
        is_shown(&Invoice::first_heard("1", at));
        is_shown(&Payment::first_heard("1", at));
        is_shown(&Customer::first_heard("1", at));
        is_shown(&Tenant::first_heard("1", at));
        is_shown(&Message::first_heard("1", at));
        is_shown(&Order::first_heard("1", at));
        is_shown(&Product::first_heard("1", at));
        is_shown(&Repository::first_heard("1", at));
        for event in BUSINESS_EVENTS.iter().filter(|event| EXAMPLES.contains_key(event.name)) {
            assert_eq!(names(&EXAMPLES[event.name]), names(&EXAMPLES[event.record]), "{}", event.name);
        }
    }

    #[test]
    fn every_type_has_a_schema_that_its_example_fits() {
        let list = document(&[]);
        let items = list["items"].as_array().expect("items");
        assert!(items.len() >= BUSINESS_EVENTS.len() + OWN.len() + provider::ALL.len());
        for item in items.iter().filter(|item| !item["example"].is_null()) {
            let required: BTreeSet<_> = item["schema"]["required"].as_array().expect("fields").iter().filter_map(Value::as_str).collect();
            let known = names(&item["schema"]["properties"]);
            assert!(names(&item["example"]).iter().all(|field| required.contains(field.as_str()) && known.contains(field)), "{item}");
        }
        let paid = items.iter().find(|item| item["type"] == "booking.deposit_paid").expect("listed");
        assert_eq!(paid["schema"]["properties"]["deposit_amount"]["type"], json!(["integer", "null"]));
        assert_eq!(paid["schema"]["properties"]["deposit_paid_at"], json!({ "type": ["string", "null"], "format": "date-time" }));
        assert_eq!(paid["schema"]["properties"]["status"]["enum"][2], "payment_pending");
        let example = |kind: &str| &items.iter().find(|item| item["type"] == kind).expect("listed")["example"];
        let far = |kind: &str| (example(kind)["direction"].clone(), example(kind)["status"].clone());
        assert_eq!(far("message.received"), (json!("inbound"), json!("delivered")));
        assert_eq!(far("message.delivered"), (json!("outbound"), json!("delivered")));
        assert_eq!(far("message.failed"), (json!("outbound"), json!("failed")));
        assert!(items.iter().any(|item| item["type"] == "stripe.*"));
        assert!(DOCUMENTATION.iter().all(|(name, _)| provider::NAMES.contains(name)));
    }
}
