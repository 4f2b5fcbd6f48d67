//! The API described as OpenAPI 3.1, out of what it is made of: the kinds of records with their filters and fields, and the routes beside them.
//!
//! It is checked in as `docs/openapi.json`, which is what is served; tests hold the file to it, and it to the router and to real answers.

use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

use super::{
    dead_letters::{Letters, Redriven},
    inbound, json_text, keys, outbox,
    page::PageOf,
    spaces::says_tenant,
    webhooks::{
        Counted, Delivery, Enabled, Event, EventType, EventWithData, Job, NewSubscription, Rotated, Subscription, Tested, record_example,
    },
};
use crate::{
    api::key::Scope,
    effect::EffectState,
    event::EventStatus,
    kind::{Owned, Served},
    record::Record,
    records::{
        Booking, Customer, Invoice, Message, Order, Payment, PaymentMethod, Product, Repository, Shop, ShopCustomer, ShownHistoryEntry,
        Tenant, Transaction,
    },
    schema::{Described, NAMED, Named, nullable, refer},
    time::Timestamp,
    webhooks::DeliveryStatus,
};

/// The description as it is checked in and served.
const CHECKED_IN: &str = include_str!("../../../../docs/openapi.json");

/// An example of each answer. Tests hold them to the schemas.
const EXAMPLES: &str = include_str!("examples.json");

/// What an answer looks like.
type Answer = fn(&mut Named) -> Value;

/// One operation that belongs to no kind of record.
struct Operation {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    /// The parameters of its query.
    query: &'static [&'static str],
    /// The fields of its body, required ones first; how many of them are.
    body: (&'static [&'static str], usize),
    /// What it answers when all is well, and as what.
    answers: &'static [(u16, Answer)],
}

const fn operation(
    (method, path): (&'static str, &'static str),
    summary: &'static str,
    query: &'static [&'static str],
    body: (&'static [&'static str], usize),
    answers: &'static [(u16, Answer)],
) -> Operation {
    Operation { method, path, summary, query, body, answers }
}

const NO_BODY: (&[&str], usize) = (&[], 0);
const PAGE: &[&str] = &["limit", "cursor"];
const OF_TENANT: &[&str] = &["tenant"];
const SUBSCRIPTION: &[&str] =
    &["url", "event_types", "description", "tenant", "owner_email", "headers", "rate_limit", "timeout", "retry_schedule", "signatures"];
const DELIVERIES: &[&str] = &["subscription_id", "event_id", "type", "status", "limit", "cursor"];
const JOB: (&[&str], usize) = (&["since", "until", "dry_run"], 1);
const JOB_ANSWERS: &[(u16, Answer)] = &[(202, Job::schema), (200, Counted::schema)];
const NOTHING: &[(u16, Answer)] = &[(204, nothing)];

/// Without a body.
fn nothing(_: &mut Named) -> Value {
    Value::Null
}

/// An object of which nothing else is said here.
fn any_object(named: &mut Named) -> Value {
    Map::schema(named)
}

#[rustfmt::skip]
const OPERATIONS: &[Operation] = &[
    operation(("get", "/inbound"), "List the events that came in", &["provider", "source", "tenant", "key", "type", "status", "unmatched", "effect", "limit", "cursor"], NO_BODY, &[(200, PageOf::<inbound::View>::schema)]),
    operation(("get", "/inbound/{id}"), "Read one, with its headers and exact body", &[], NO_BODY, &[(200, inbound::Whole::schema)]),
    operation(("post", "/inbound/{id}/replay"), "Have it planned again from its stored body", &[], NO_BODY, &[(202, inbound::Queued::schema)]),
    operation(("post", "/inbound/{id}/dismiss"), "Say that nothing is to come of a parked one", &[], (&["reason"], 0), &[(200, inbound::View::schema)]),
    operation(("get", "/dead-letters"), "List messages that ended every try to handle them", &["queue", "limit", "cursor"], NO_BODY, &[(200, Letters::schema)]),
    operation(("post", "/dead-letters/redrive"), "Send them all back to their queue", &["queue", "limit", "cursor"], NO_BODY, &[(200, Redriven::schema)]),
    operation(("get", "/dev/outbox"), "List captured mails and texts; only where something is captured", PAGE, NO_BODY, &[(200, PageOf::<outbox::OutboxEntry>::schema)]),
    operation(("get", "/subscriptions"), "List subscriptions", PAGE, NO_BODY, &[(200, PageOf::<Subscription>::schema)]),
    operation(("post", "/subscriptions"), "Make a subscription; the answer shows its secret, once", &[], (SUBSCRIPTION, 2), &[(201, NewSubscription::schema)]),
    operation(("get", "/subscriptions/{id}"), "Read one", &[], NO_BODY, &[(200, Subscription::schema)]),
    operation(("patch", "/subscriptions/{id}"), "Change what is named; null takes back what can be left out", &[], (SUBSCRIPTION, 0), &[(200, Subscription::schema)]),
    operation(("delete", "/subscriptions/{id}"), "Remove one", &[], NO_BODY, NOTHING),
    operation(("post", "/subscriptions/{id}/enable"), "Serve it again, and have what waits for its endpoint or a retry tried now, by the job that the answer names", &[], NO_BODY, &[(200, Enabled::schema)]),
    operation(("post", "/subscriptions/{id}/disable"), "Serve it no more", &[], NO_BODY, &[(200, Subscription::schema)]),
    operation(("post", "/subscriptions/{id}/rotate-secret"), "Draw a new secret; the one before signs, too, for the overlap", &[], (&["overlap"], 0), &[(200, Rotated::schema)]),
    operation(("post", "/subscriptions/{id}/test"), "Post a webhook.test to it now, and tell what came of it", &[], NO_BODY, &[(200, Tested::schema)]),
    operation(("get", "/subscriptions/{id}/deliveries"), "List its deliveries", DELIVERIES, NO_BODY, &[(200, PageOf::<Delivery>::schema)]),
    operation(("post", "/subscriptions/{id}/recover"), "Have everything delivered once more that failed for good since a time", &[], JOB, JOB_ANSWERS),
    operation(("post", "/subscriptions/{id}/replay-missing"), "Have everything delivered that it has no delivery of since a time", &[], JOB, JOB_ANSWERS),
    operation(("get", "/subscriptions/{id}/jobs/{job}"), "How far such a job is", &[], NO_BODY, &[(200, Job::schema)]),
    operation(("get", "/deliveries"), "List deliveries", DELIVERIES, NO_BODY, &[(200, PageOf::<Delivery>::schema)]),
    operation(("get", "/deliveries/{id}"), "Read one, with its attempts", &[], NO_BODY, &[(200, Delivery::schema)]),
    operation(("post", "/deliveries/{id}/resend"), "Make it once more, with all its retries", &[], NO_BODY, &[(202, Delivery::schema)]),
    operation(("get", "/events"), "List what was published", &["type", "limit", "cursor"], NO_BODY, &[(200, PageOf::<Event>::schema)]),
    operation(("post", "/events"), "Publish an event; with the same Idempotency-Key once", &[], (&["type", "data", "tenant", "occurred_at"], 2), &[(202, Event::schema)]),
    operation(("get", "/events/{id}"), "Read one, with its data", &[], NO_BODY, &[(200, EventWithData::schema)]),
    operation(("get", "/event-types"), "The types that Sluice publishes, with schema and example", &[], NO_BODY, &[(200, PageOf::<EventType>::schema)]),
    operation(("get", "/keys"), "List API keys; never the keys themselves", PAGE, NO_BODY, &[(200, PageOf::<keys::View>::schema)]),
    operation(("post", "/keys"), "Make an API key; the answer shows it, once", &[], (&["scopes", "description", "tenant"], 1), &[(201, keys::Made::schema)]),
    operation(("get", "/keys/{id}"), "Read what is known of one", &[], NO_BODY, &[(200, keys::View::schema)]),
    operation(("delete", "/keys/{id}"), "Revoke one, at once", &[], NO_BODY, NOTHING),
    operation(("get", "/openapi.json"), "This description", &[], NO_BODY, &[(200, any_object)]),
];

/// Serves it.
pub(super) async fn serve() -> impl IntoResponse {
    json_text(CHECKED_IN)
}

/// The description of the whole API, as it is made out of the code. What is served is what of it is checked in; a test holds the one to the other.
///
/// # Panics
/// If the built-in examples are no JSON.
#[must_use]
pub fn document() -> Value {
    let mut paths = Map::new();
    let mut schemas = common_schemas();
    owned::<Booking>(&mut paths, &mut schemas, "/bookings");
    owned::<Invoice>(&mut paths, &mut schemas, "/invoices");
    owned::<Customer>(&mut paths, &mut schemas, "/customers");
    owned::<Tenant>(&mut paths, &mut schemas, "/tenants");
    owned::<Message>(&mut paths, &mut schemas, "/messages");
    served::<Payment>(&mut paths, &mut schemas, "/payments");
    served::<PaymentMethod>(&mut paths, &mut schemas, "/payment-methods");
    served::<Transaction>(&mut paths, &mut schemas, "/transactions");
    served::<Order>(&mut paths, &mut schemas, "/orders");
    served::<Product>(&mut paths, &mut schemas, "/products");
    served::<ShopCustomer>(&mut paths, &mut schemas, "/shop-customers");
    served::<Shop>(&mut paths, &mut schemas, "/shops");
    served::<Repository>(&mut paths, &mut schemas, "/repositories");
    for Operation { method, path, summary, query, body, answers } in OPERATIONS {
        let mut described = described(path, summary, query, answers.iter().map(|(status, answer)| (*status, answer(&mut schemas))));
        let answered = answers.first().map(|(_, answer)| answer(&mut schemas)).unwrap_or_default();
        if let Some(body) = body_of(&mut schemas, &answered, body.0, body.1) {
            described["requestBody"] = body;
            refuses(&mut described, &OF_A_BODY);
        }
        for (_, codes) in REFUSALS.iter().filter(|(refusing, _)| *refusing == (*method, *path)) {
            refuses(&mut described, codes);
        }
        add(&mut paths, method, path, described);
    }
    let refusals: Map<String, Value> = CODES.iter().map(|(code, meaning)| (code.to_string(), refusal(meaning))).collect();
    let examples: Map<String, Value> = serde_json::from_str(EXAMPLES).expect("the examples are JSON");
    for (name, example) in examples {
        schemas[&name]["examples"] = json!([example]);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sluice",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Times are RFC 3339 in UTC, amounts whole numbers of the currency's smallest unit. docs/API.md says the rest.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/api/v1" }],
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas,
            "responses": refusals,
        },
    })
}

fn common_schemas() -> Named {
    let texts = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect::<Map<_, _>>();
    let problem = json!({
        "description": "RFC 9457",
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "type": "string" }, "title": { "type": "string" }, "status": { "type": "integer" }, "detail": { "type": "string" },
            "errors": { "type": "array", "items": { "type": "object", "required": ["field", "message"], "properties": texts(&["field", "message"]) } },
        },
    });
    Map::from_iter([("Problem".to_owned(), problem)])
}

/// The name of a kind's schema, such as `PaymentMethod`.
fn schema_name<K: Served>() -> String {
    K::NAME.split(' ').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn served<K: Served>(paths: &mut Map<String, Value>, schemas: &mut Named, path: &str) {
    let name = schema_name::<K>();
    K::Shown::schema(schemas);
    let schema = &mut schemas[&name];
    schema["properties"]["version"] = json!({ "type": "integer", "minimum": 1, "description": "Grows with every change." });
    schema["required"].as_array_mut().into_iter().for_each(|required| required.push(json!("version")));
    // Of the others the list is filtered by it.
    let apart = (K::KIND != Tenant::KIND && !says_tenant::<K>()).then_some("tenant");
    if apart.is_some() {
        schema["properties"]["tenant"] = json!({ "type": ["string", "null"], "description": "The tenant in whose space it lies." });
        schema["required"].as_array_mut().into_iter().for_each(|required| required.push(json!("tenant")));
    }
    if let Some(mut example) = record_example(K::KIND) {
        example["version"] = json!(3);
        apart.into_iter().for_each(|tenant| example[tenant] = Value::Null);
        schema["examples"] = json!([example]);
    }
    let query: Vec<&str> =
        ["unmatched"].into_iter().chain(K::FILTERS.iter().map(|filter| filter.name)).chain(apart).chain(["limit", "cursor"]).collect();
    let page = |items: Value| json!({ "type": "object", "properties": { "items": { "type": "array", "items": items }, "next": { "type": ["string", "null"] } }, "required": ["items", "next"] });
    let mut list = described(path, &format!("List every {}", K::NAME), &query, [(200, page(refer(&name)))]);
    for filter in K::FILTERS.iter().filter(|filter| !filter.one_of.is_empty()) {
        let parameters = list["parameters"].as_array_mut().into_iter().flatten();
        parameters
            .filter(|parameter| parameter["name"] == filter.name)
            .for_each(|parameter| parameter["schema"]["enum"] = json!(filter.one_of));
    }
    add(paths, "get", path, list);
    let one = format!("{path}/{{id}}");
    let mut read = described(&one, &format!("Read one {}", K::NAME), OF_TENANT, [(200, refer(&name)), (304, Value::Null)]);
    read["responses"]["304"]["description"] = json!("It is as If-None-Match says");
    takes_headers(&mut read, &["If-Match", "If-None-Match"]);
    refuses(&mut read, &[412]);
    add(paths, "get", &one, read);
    let history = format!("{one}/history");
    let summary = format!("Which events changed a {}, newest first", K::NAME);
    let entries = PageOf::<ShownHistoryEntry>::schema(schemas);
    add(paths, "get", &history, described(&history, &summary, &["tenant", "limit", "cursor"], [(200, entries)]));
}

fn owned<K: Owned>(paths: &mut Map<String, Value>, schemas: &mut Named, path: &str) {
    served::<K>(paths, schemas, path);
    let one = format!("{path}/{{id}}");
    let shown = refer(&schema_name::<K>());
    let mut put =
        described(&one, &format!("Put a {}: your word on it", K::NAME), OF_TENANT, [200, 201].map(|status| (status, shown.clone())));
    takes_headers(&mut put, &["If-Match", "If-None-Match"]);
    if let Some(mut body) = body_of(schemas, &shown, K::FIELDS, 0) {
        // What can only be read may be put back as it was read.
        let known = schemas[&schema_name::<K>()]["properties"].as_object().cloned().unwrap_or_default();
        let fields = &mut body["content"]["application/json"]["schema"]["properties"];
        for (name, mut schema) in known.into_iter().filter(|(name, _)| !K::FIELDS.contains(&name.as_str())) {
            schema["readOnly"] = json!(true);
            fields[&name] = schema;
        }
        put["requestBody"] = body;
    }
    refuses(&mut put, &OF_A_BODY);
    refuses(&mut put, &[409, 412]);
    add(paths, "put", &one, put);
}

fn takes_headers(operation: &mut Value, names: &[&str]) {
    let headers = names.iter().map(|name| json!({ "name": name, "in": "header", "required": false, "schema": { "type": "string" } }));
    operation["parameters"].as_array_mut().into_iter().for_each(|parameters| parameters.extend(headers.clone()));
}

fn add(paths: &mut Map<String, Value>, method: &str, path: &str, operation: Value) {
    let item = paths.entry(path.to_owned()).or_insert_with(|| json!({}));
    item[method] = operation;
}

/// A request's body with these fields, of which the first `required` must be there; `None` without any. A field is like the one of that name in what is
/// answered, unless more can be written than is shown.
fn body_of(schemas: &mut Named, answered: &Value, fields: &[&str], required: usize) -> Option<Value> {
    if fields.is_empty() {
        return None;
    }
    let answered = answered["$ref"].as_str().and_then(|target| schemas.get(target.strip_prefix(NAMED)?)).cloned().unwrap_or_default();
    let mut property = |(position, field): (usize, &&str)| {
        let length = json!({ "type": ["integer", "string"], "description": "A number of seconds, or a text such as `90s`." });
        let schema = match *field {
            "timeout" | "overlap" => length,
            "retry_schedule" => json!({ "type": "array", "items": length }),
            "since" | "until" | "occurred_at" => Timestamp::schema(schemas),
            "dry_run" => bool::schema(schemas),
            "scopes" => Vec::<Scope>::schema(schemas),
            "data" => any_object(schemas),
            shown => {
                let mut schema = answered["properties"].get(shown).cloned().unwrap_or_else(|| json!({}));
                schema.as_object_mut().into_iter().for_each(|schema| drop(schema.remove("description")));
                schema
            }
        };
        let can_be_left_out = position >= required && schema["type"].is_string();
        ((*field).to_owned(), if can_be_left_out { nullable(schema) } else { schema })
    };
    let properties: Map<String, Value> = fields.iter().enumerate().map(&mut property).collect();
    let schema = json!({ "type": "object", "properties": properties, "required": &fields[..required], "additionalProperties": false });
    Some(json!({ "content": { "application/json": { "schema": schema } } }))
}

/// A parameter of a query.
fn parameter(path: &str, name: &str) -> Value {
    let mut none = Named::new();
    match (name, path) {
        ("limit", _) => json!({ "type": "integer", "minimum": 1, "maximum": 1_000, "default": 50 }),
        ("unmatched", _) => json!({ "type": "boolean" }),
        ("queue", _) => json!({ "type": "string", "enum": ["inbound", "outbound"], "default": "inbound" }),
        ("status", "/inbound") => EventStatus::schema(&mut none),
        ("effect", _) => EffectState::schema(&mut none),
        ("status", path) if path.ends_with("/deliveries") => DeliveryStatus::schema(&mut none),
        _ => json!({ "type": "string" }),
    }
}

fn described(path: &str, summary: &str, query: &[&str], answers: impl IntoIterator<Item = (u16, Value)>) -> Value {
    let in_path = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let in_query = query.iter().map(|name| json!({ "name": name, "in": "query", "required": false, "schema": parameter(path, name) }));
    let mut responses = json!({ "default": refusal("What is wrong") });
    for (status, schema) in answers {
        responses[status.to_string()] = match schema {
            Value::Null => json!({ "description": "Done" }),
            schema => json!({ "description": "Done", "content": { "application/json": { "schema": schema } } }),
        };
    }
    let parameters: Vec<_> = in_path.chain(in_query).collect();
    let has_parameters = !parameters.is_empty();
    let mut described = json!({ "summary": summary, "parameters": parameters, "responses": responses });
    refuses(&mut described, &OF_A_KEY);
    if has_parameters {
        refuses(&mut described, &[400]);
    }
    if path.contains('{') {
        refuses(&mut described, &[404]);
    }
    described
}

/// The codes by which an operation says no to what it is asked, and what each means.
const CODES: [(u16, &str); 9] = [
    (400, "The body is no JSON, or a parameter or the id in the path can't be"),
    (401, "No API key, or one that is not known"),
    (403, "The API key may not do that: its scopes don't cover it"),
    (404, "There is no such record, or none that this key sees"),
    (409, "Something else stands in the way at this moment; detail says what"),
    (412, "The record has another version than was named"),
    (413, "The body is too large"),
    (422, "Fields are wrong, each named in errors"),
    (429, "Too many at the same time"),
];
const OF_A_KEY: [u16; 2] = [401, 403];
const OF_A_BODY: [u16; 3] = [400, 413, 422];
/// What only some operations answer, by method and path.
const REFUSALS: &[((&str, &str), &[u16])] = &[
    (("post", "/inbound/{id}/replay"), &[409]),
    (("post", "/inbound/{id}/dismiss"), &[409]),
    (("post", "/subscriptions/{id}/test"), &[409, 429]),
    (("post", "/subscriptions/{id}/recover"), &[409]),
    (("post", "/subscriptions/{id}/replay-missing"), &[409]),
    (("post", "/deliveries/{id}/resend"), &[409]),
    (("delete", "/keys/{id}"), &[409]),
];

fn refusal(meaning: &str) -> Value {
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    json!({ "description": meaning, "content": { "application/problem+json": { "schema": schema } } })
}

/// Notes that an operation may answer with these codes.
fn refuses(operation: &mut Value, codes: &[u16]) {
    for code in codes {
        operation["responses"][code.to_string()] = json!({ "$ref": format!("#/components/responses/{code}") });
    }
}
