//! Each answer of each route is what the API's description says of it, field by field, and so are the examples in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    body::{Body, to_bytes},
    http::{Request, header},
};
use serde_json::{Value, json};
use sluice_core::{
    api::{Api, Channel, OutboxEntry, install_keys, openapi, router},
    ports::{Clock, Commit, Condition, Document, Index, Key, Store, Write},
    record::place,
    testing::{CountingIds, World, stripe},
    time::Timestamp,
};
use tower::ServiceExt;

use crate::{
    samples::samples,
    support::{KEY, booking, minutes, start},
};

const URL: &str = "https://receiver.example/hook";

/// What is wrong with a value, by the schema that it should have. A field that no schema names is wrong.
fn misfits(value: &Value, schema: &Value, named: &Value, at: &str) -> Vec<String> {
    if let Some(target) = schema["$ref"].as_str() {
        let name = target.trim_start_matches("#/components/schemas/");
        assert!(named[name].is_object(), "{at}: there is no schema {name}");
        return misfits(value, &named[name], named, at);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let fits = any.iter().any(|one| misfits(value, one, named, at).is_empty());
        return if fits { Vec::new() } else { vec![format!("{at} is none of {any:?}: {value}")] };
    }
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{at}: {other} is no type"),
    };
    let kinds = schema["type"].as_array().cloned().unwrap_or_else(|| schema["type"].as_str().map(Value::from).into_iter().collect());
    if !kinds.is_empty() && !kinds.iter().filter_map(Value::as_str).any(is) {
        return vec![format!("{at} is no {}: {value}", schema["type"])];
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return vec![format!("{at} is none of {}: {value}", schema["enum"])];
    }
    let is_time = |text: &str| text.parse::<Timestamp>().is_ok();
    if schema["format"] == "date-time" && value.as_str().is_some_and(|text| !is_time(text)) {
        return vec![format!("{at} is no time: {value}")];
    }
    match value {
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(n, item)| misfits(item, &schema["items"], named, &format!("{at}[{n}]"))).collect()
        }
        Value::Object(fields) if !kinds.is_empty() => {
            let known = |name: &String| schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
            let of_field = |(name, value): (&String, &Value)| match known(name) {
                None => vec![format!("{at}.{name} is not described")],
                Some(Value::Bool(true)) => Vec::new(),
                Some(schema) => misfits(value, schema, named, &format!("{at}.{name}")),
            };
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let missing = required.filter(|name| !fields.contains_key(*name)).map(|name| format!("{at}.{name} is missing"));
            fields.iter().flat_map(of_field).chain(missing).collect()
        }
        _ => Vec::new(),
    }
}

/// The API in front of a gateway in memory, and which of its operations have answered.
struct Asked {
    world: World,
    api: Arc<Api>,
    document: Value,
    answered: BTreeSet<String>,
}

impl Asked {
    async fn new() -> Self {
        let world = World::new(start(), true);
        let of = &world.api;
        let api = Arc::new(Api {
            tenants: sluice_core::secrets::SourceTenants::default(),
            store: of.store.clone(),
            queue: of.queue.clone(),
            dead_letters: of.dead_letters.clone(),
            clock: of.clock.clone(),
            ids: of.ids.clone(),
            policy: of.policy.clone(),
            webhooks: of.webhooks.clone(),
            outbox: true,
        });
        install_keys(&*world.store, &CountingIds::default(), &[KEY], world.clock.now()).await.expect("keys are stored");
        Self { world, api, document: openapi(), answered: BTreeSet::new() }
    }

    async fn ask(&mut self, method: &str, path: &str, ids: &[&str], query: &str, body: Value) -> Value {
        self.ask_unless(method, path, ids, query, body, None).await
    }

    /// Asks, and holds the answer to its description. `path` is as described, with `id` and `job` put in. `known` is what the caller has already.
    async fn ask_unless(&mut self, method: &str, path: &str, ids: &[&str], query: &str, body: Value, known: Option<&str>) -> Value {
        let mut ids = ids.iter();
        let part = |part: &str| if part.starts_with('{') { (*ids.next().expect("an id")).to_owned() } else { part.to_owned() };
        let asked: Vec<_> = path.split('/').map(part).collect();
        let mut request = Request::builder()
            .method(method.to_uppercase().as_str())
            .uri(format!("/api/v1{}{query}", asked.join("/")))
            .header(header::AUTHORIZATION, format!("Bearer {KEY}"))
            .body(if body.is_null() { Body::empty() } else { Body::from(body.to_string()) })
            .expect("a request");
        if let Some(known) = known {
            request.headers_mut().insert(header::IF_NONE_MATCH, known.parse().expect("a header"));
        }
        let response = router(Arc::clone(&self.api)).oneshot(request).await.expect("a router answers");
        let status = response.status().as_u16().to_string();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let described = &self.document["paths"][path][method]["responses"][&status];
        assert!(described.is_object(), "{method} {path} answered {status}, which is not described: {answer}");
        let schema = &described["content"]["application/json"]["schema"];
        assert_eq!(schema.is_null(), answer.is_null(), "{method} {path}: {answer}");
        if !schema.is_null() {
            let wrong = misfits(&answer, schema, &self.document["components"]["schemas"], "$");
            assert!(wrong.is_empty(), "{method} {path} answered {status}:\n{}\n{answer:#}", wrong.join("\n"));
        }
        self.answered.insert(format!("{method} {path} {status}"));
        answer
    }

    async fn get(&mut self, path: &str, ids: &[&str], query: &str) -> Value {
        self.ask("get", path, ids, query, Value::Null).await
    }

    /// The first of a list, which must not be empty, read by itself, too.
    async fn list_and_read(&mut self, path: &str) -> String {
        let list = self.get(path, &[], "?limit=1000").await;
        let items = list["items"].as_array().expect("items");
        assert!(!items.is_empty(), "{path} lists nothing");
        let ids: Vec<_> = items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect();
        for id in &ids {
            self.get(&format!("{path}/{{id}}"), &[id], "").await;
        }
        ids[0].clone()
    }
}

const KINDS: [&str; 13] = [
    "/bookings",
    "/invoices",
    "/customers",
    "/tenants",
    "/messages",
    "/payments",
    "/payment-methods",
    "/transactions",
    "/orders",
    "/products",
    "/shop-customers",
    "/shops",
    "/repositories",
];

async fn records(asked: &mut Asked) {
    let puts = [
        ("/bookings", "12345", booking(json!({ "metadata": { "boat": "Heron" }, "starts_at": "2026-12-24T18:00:00Z" }))),
        ("/customers", "cust-3", json!({ "name": "Ana Lima", "stripe_customer_id": "cus_TStBz4ZyVcmDdQ", "email": "ana@example.com" })),
        ("/invoices", "inv-7", json!({ "customer_id": "cust-3", "amount": 12_500, "currency": "usd", "due_at": "2026-12-01T00:00:00Z" })),
        ("/tenants", "acme", json!({ "name": "Acme Spa" })),
        (
            "/messages",
            "m-1",
            json!({ "external_id": "SM1", "channel": "sms", "direction": "outbound", "to": "+15005550006", "from": "+15005550001" }),
        ),
    ];
    for _ in 0..2 {
        for (path, id, body) in &puts {
            asked.ask("put", &format!("{path}/{{id}}"), &[id], "", body.clone()).await;
        }
    }
    for sample in samples().into_iter().filter(|sample| !sample.name.ends_with("redact")) {
        asked.world.enqueue(&sample.message(asked.world.clock.now())).await;
    }
    asked.world.run_until_quiet().await;
    for path in KINDS {
        let id = asked.list_and_read(path).await;
        asked.ask_unless("get", &format!("{path}/{{id}}"), &[&id], "", Value::Null, Some("*")).await;
        asked.get(path, &[], "?unmatched=true").await;
        let history = asked.get(&format!("{path}/{{id}}/history"), &[&id], "").await;
        assert!(!history["items"].as_array().expect("items").is_empty(), "{path}/{id} has no history");
    }
}

async fn inbound(asked: &mut Asked) {
    asked.world.enqueue_garbage("{}").await;
    let id = asked.list_and_read("/inbound").await;
    let mail = asked.get("/inbound", &[], "?effect=done").await;
    assert!(mail["items"][0]["effects"][0].is_object() && mail["items"][0]["changes"][0].is_object(), "{mail}");
    asked.ask("post", "/inbound/{id}/replay", &[&id], "", Value::Null).await;
    asked.world.enqueue(&stripe("evt_forged", "charge.refunded", start(), start(), &json!({}))).await;
    asked.world.run_until_quiet().await;
    let parked = asked.get("/inbound", &[], "?status=parked").await["items"][0]["id"].as_str().expect("an id").to_owned();
    asked.ask("post", "/inbound/{id}/dismiss", &[&parked], "", json!({ "reason": "a forgery" })).await;
    asked.get("/inbound/{id}", &[&parked], "").await;
    asked.world.run_until_quiet().await;
    asked.world.clock.advance(minutes(120));
    assert!(!asked.world.step().await, "it is dead");
    let letters = asked.get("/dead-letters", &[], "").await;
    assert_eq!(letters["total"], 1);
    asked.ask("post", "/dead-letters/redrive", &[], "", Value::Null).await;
}

async fn outbox(asked: &mut Asked) {
    let at = asked.world.clock.now();
    let entry = OutboxEntry {
        channel: Channel::Email,
        to: "ana@example.com".to_owned(),
        subject: Some("Paid".to_owned()),
        text: "It is paid.".to_owned(),
        html: None,
        event: "in_1".to_owned(),
        at,
    };
    let document = Document {
        key: Key::new("outbox", "1"),
        data: serde_json::to_vec(&entry).expect("serialises"),
        blob: None,
        places: vec![place(Index::List, "outbox", at, "1")],
        expires_at: None,
    };
    let write = Write::Put { document, condition: Condition::Absent };
    asked.world.store.commit(Commit { token: "outbox".to_owned(), writes: vec![write] }).await.expect("it is stored");
    assert_eq!(asked.get("/dev/outbox", &[], "").await["items"][0]["channel"], "email");
}

async fn keys(asked: &mut Asked) {
    let made = asked.ask("post", "/keys", &[], "", json!({ "scopes": ["read"], "description": "For reports", "tenant": "acme" })).await;
    asked.list_and_read("/keys").await;
    asked.ask("delete", "/keys/{id}", &[made["id"].as_str().expect("an id")], "", Value::Null).await;
}

async fn webhooks_out(asked: &mut Asked) {
    let body = json!({ "url": URL, "event_types": ["*"], "headers": { "x-team": "boats" }, "signatures": ["v1", "v1a"], "rate_limit": 50, "timeout": "5s" });
    let made = asked.ask("post", "/subscriptions", &[], "", body).await;
    let id = made["id"].as_str().expect("an id").to_owned();
    let publish = json!({ "type": "order.shipped", "data": { "number": 7 }, "occurred_at": start() });
    for statuses in [&[200][..], &[500; 6]] {
        asked.world.receivers.answer(URL, statuses);
        asked.ask("post", "/events", &[], "", publish.clone()).await;
        asked.world.run_until_quiet().await;
    }
    asked.list_and_read("/events").await;
    asked.list_and_read("/subscriptions").await;
    asked.get("/event-types", &[], "").await;
    let delivery = asked.list_and_read("/deliveries").await;
    let of_it = asked.get("/subscriptions/{id}/deliveries", &[&id], "").await;
    let states: BTreeSet<_> = of_it["items"].as_array().expect("items").iter().filter_map(|item| item["status"].as_str()).collect();
    assert_eq!(states, BTreeSet::from(["delivered", "permanently_failed"]));
    let job = json!({ "since": start() });
    for path in ["/subscriptions/{id}/recover", "/subscriptions/{id}/replay-missing"] {
        asked.ask("post", path, &[&id], "", json!({ "since": start(), "dry_run": true })).await;
        let begun = asked.ask("post", path, &[&id], "", job.clone()).await;
        asked.world.run_until_quiet().await;
        let done = asked.get("/subscriptions/{id}/jobs/{job}", &[&id, begun["id"].as_str().expect("an id")], "").await;
        assert_eq!(done["state"], "done");
    }
    asked.ask("post", "/deliveries/{id}/resend", &[&delivery], "", Value::Null).await;
    asked.ask("post", "/subscriptions/{id}/test", &[&id], "", Value::Null).await;
    asked.ask("post", "/subscriptions/{id}/rotate-secret", &[&id], "", json!({ "overlap": "1h" })).await;
    asked.ask("patch", "/subscriptions/{id}", &[&id], "", json!({ "description": "Boats" })).await;
    asked.ask("post", "/subscriptions/{id}/disable", &[&id], "", Value::Null).await;
    asked.get("/subscriptions/{id}", &[&id], "").await;
    asked.ask("post", "/subscriptions/{id}/enable", &[&id], "", Value::Null).await;
    asked.ask("delete", "/subscriptions/{id}", &[&id], "", Value::Null).await;
}

#[tokio::test]
async fn every_answer_is_as_it_is_described() {
    let mut asked = Asked::new().await;
    records(&mut asked).await;
    inbound(&mut asked).await;
    outbox(&mut asked).await;
    keys(&mut asked).await;
    webhooks_out(&mut asked).await;
    asked.get("/openapi.json", &[], "").await;
    let mut described = BTreeSet::new();
    for (path, item) in asked.document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let answers = operation["responses"].as_object().expect("answers").keys().filter(|status| status.starts_with(['2', '3']));
            described.extend(answers.map(|status| format!("{method} {path} {status}")));
        }
    }
    let missing: Vec<_> = described.difference(&asked.answered).collect();
    assert!(missing.is_empty(), "never answered here: {missing:?}");
}

#[test]
fn every_schema_has_an_example_that_fits_it() {
    let document = openapi();
    let named = &document["components"]["schemas"];
    let mut wrong = BTreeMap::new();
    for (name, schema) in named.as_object().expect("schemas") {
        match schema["examples"].as_array().map(Vec::as_slice) {
            Some([example]) => {
                let misfits = misfits(example, schema, named, "$");
                if !misfits.is_empty() {
                    wrong.insert(name, misfits);
                }
            }
            _ => drop(wrong.insert(name, vec!["has no example".to_owned()])),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_field_without_a_schema_is_found() {
    let named = json!({ "Part": { "type": "object", "properties": { "id": { "type": "string" } }, "required": ["id"] } });
    let schema = json!({ "type": "array", "items": { "$ref": "#/components/schemas/Part" } });
    let found = |value: Value| misfits(&value, &schema, &named, "$");
    assert_eq!(found(json!([{ "id": "1" }])), Vec::<String>::new());
    assert_eq!(found(json!([{ "id": "1", "new": 1 }])), ["$[0].new is not described"]);
    assert_eq!(found(json!([{}])), ["$[0].id is missing"]);
    assert_eq!(found(json!([{ "id": null }])), ["$[0].id is no \"string\": null"]);
}
