//! API keys: their scopes, and that a tenant's key shows nothing of anybody else, over every route.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sluice_core::{envelope::InboundMessage, ports::Clock, testing::World};

use crate::samples::samples;
use crate::support::{Answer, NUMBER, booking, call, minutes, send, start, text_status, with};

async fn call_as(world: &World, key: &str, method: &Method, path: &str, body: Option<&Value>) -> Answer {
    let request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, format!("Bearer {key}"));
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    send(world, request.body(body).expect("a request")).await
}

/// Makes a key and returns it.
async fn key(world: &World, scopes: Value, tenant: Value) -> String {
    let answer = call(world, Method::POST, "/api/v1/keys", Some(json!({ "scopes": scopes, "tenant": tenant }))).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json);
    answer.json["key"].as_str().expect("shown once").to_owned()
}

/// What belongs to a tenant.
struct Rows {
    subscription: String,
    event: String,
    delivery: String,
    job: String,
}

/// Puts and publishes what a tenant can have, under ids that begin with its name.
async fn fill(world: &World, tenant: &str) -> Rows {
    let done = async |method: Method, path: &str, body: Value| {
        let answer = call(world, method, path, Some(body)).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.json);
        answer.json
    };
    let text = |json: &Value| json["id"].as_str().expect("an id").to_owned();
    done(Method::PUT, &format!("/api/v1/tenants/{tenant}"), json!({ "name": tenant })).await;
    done(Method::PUT, &format!("/api/v1/bookings/{tenant}-1"), booking(json!({ "tenant": tenant, "customer_phone": null }))).await;
    let invoice = json!({ "customer_id": format!("{tenant}-1"), "tenant": tenant, "amount": 6000, "currency": "usd" });
    done(Method::PUT, &format!("/api/v1/invoices/{tenant}-1"), invoice).await;
    let customer = json!({ "tenant": tenant, "name": "Ana", "email": format!("ana@{tenant}.example") });
    done(Method::PUT, &format!("/api/v1/customers/{tenant}-1"), customer).await;
    let subscription = json!({ "url": format!("https://{tenant}.example/"), "event_types": ["order.*"], "tenant": tenant });
    let subscription = text(&done(Method::POST, "/api/v1/subscriptions", subscription).await);
    let event = json!({ "type": "order.created", "tenant": tenant, "data": { "of": tenant } });
    let event = text(&done(Method::POST, "/api/v1/events", event).await);
    world.run_until_quiet().await;
    let deliveries = call(world, Method::GET, &format!("/api/v1/deliveries?subscription_id={subscription}"), None).await.json;
    let delivery = text(&deliveries["items"][0]);
    let recover = format!("/api/v1/subscriptions/{subscription}/recover");
    let job = text(&done(Method::POST, &recover, json!({ "since": start() })).await);
    world.run_until_quiet().await;
    Rows { subscription, event, delivery, job }
}

/// Every path that names something of a tenant's, with the methods that it takes.
fn paths(tenant: &str, rows: &Rows) -> Vec<(String, Vec<Method>)> {
    let Rows { subscription, event, delivery, job } = rows;
    let put = |kind: &str, id: String| {
        let path = format!("/api/v1/{kind}/{id}");
        [(path.clone(), vec![Method::GET, Method::PUT]), (format!("{path}/history"), vec![Method::GET])]
    };
    let mut paths: Vec<_> = ["bookings", "invoices", "customers"].into_iter().flat_map(|kind| put(kind, format!("{tenant}-1"))).collect();
    paths.push((format!("/api/v1/tenants/{tenant}"), vec![Method::GET]));
    paths.push((format!("/api/v1/tenants/{tenant}/history"), vec![Method::GET]));
    let of_subscription = |what: &str| format!("/api/v1/subscriptions/{subscription}{what}");
    for what in ["/enable", "/disable", "/rotate-secret", "/test", "/recover", "/replay-missing"] {
        paths.push((of_subscription(what), vec![Method::POST]));
    }
    paths.push((of_subscription("/deliveries"), vec![Method::GET]));
    paths.push((of_subscription(&format!("/jobs/{job}")), vec![Method::GET]));
    paths.push((format!("/api/v1/deliveries/{delivery}"), vec![Method::GET]));
    paths.push((format!("/api/v1/deliveries/{delivery}/resend"), vec![Method::POST]));
    paths.push((format!("/api/v1/events/{event}"), vec![Method::GET]));
    // Last: whoever may would remove it.
    paths.push((of_subscription(""), vec![Method::GET, Method::PATCH, Method::DELETE]));
    paths
}

/// A body that the path takes from whoever may send it.
fn body(tenant: &str, method: &Method, path: &str) -> Option<Value> {
    let since = json!({ "since": start() });
    match method.as_str() {
        "PUT" if path.contains("/bookings/") => Some(booking(json!({ "customer_phone": null }))),
        "PUT" if path.contains("/invoices/") => Some(json!({ "customer_id": format!("{tenant}-1"), "amount": 6000, "currency": "usd" })),
        "PUT" => Some(json!({ "name": "Ana", "email": format!("ana@{tenant}.example") })),
        "PATCH" => Some(json!({ "description": "changed" })),
        "POST" if path.ends_with("/recover") || path.ends_with("/replay-missing") => Some(since),
        _ => None,
    }
}

/// Every list, and what is not there for a tenant at all.
const LISTS: [&str; 7] = ["bookings", "invoices", "customers", "tenants", "subscriptions", "deliveries", "events"];
const OPERATORS: [&str; 13] = [
    "payments",
    "payment-methods",
    "messages",
    "orders",
    "products",
    "shop-customers",
    "shops",
    "repositories",
    "transactions",
    "inbound",
    "dead-letters",
    "keys",
    "keys/key_of_somebody",
];

/// Records that don't say whose they are: there for a tenant that has sources of its own, and so a space.
const OF_SPACES: [&str; 9] =
    ["payments", "payment-methods", "messages", "orders", "products", "shop-customers", "shops", "repositories", "transactions"];

#[tokio::test]
async fn a_tenant_sees_nothing_of_another_over_every_route() {
    sees_nothing_of_another(World::new(start(), false)).await;
}

#[tokio::test]
async fn a_tenant_with_sources_of_its_own_sees_nothing_of_another_over_every_route() {
    for bound in [&["acme"][..], &["acme", "other"], &["other"]] {
        sees_nothing_of_another(World::new(start(), false).with_sources_of(bound)).await;
    }
}

/// Every sample of every provider, as the tenant's own sources and the operator's have sent it.
async fn tell_everything(world: &World, tenant: Option<&str>) {
    for sample in samples().iter().filter(|sample| !sample.trial) {
        let InboundMessage::Event(mut envelope) = sample.message(world.clock.now()) else { panic!("an event") };
        if let Some(tenant) = tenant {
            (envelope.source, envelope.tenant) = (tenant.to_owned(), Some(tenant.to_owned()));
        }
        with(world, InboundMessage::Event(envelope)).await;
    }
}

async fn sees_nothing_of_another(world: World) {
    let (acme, other) = (fill(&world, "acme").await, fill(&world, "other").await);
    let is_bound = world.api.tenants.has("acme");
    for tenant in [None, Some("other")].into_iter().filter(|tenant| tenant.is_none_or(|tenant| world.api.tenants.has(tenant))) {
        tell_everything(&world, tenant).await;
    }
    world.run_until_quiet().await;
    // Rows of nobody's, which are the operator's.
    call(&world, Method::PUT, "/api/v1/bookings/operators-1", Some(booking(json!({ "customer_phone": null })))).await;
    let key = key(&world, json!(["read", "write"]), json!("acme")).await;
    let before = world.store.documents();
    for (path, methods) in paths("other", &other) {
        // Where one of them has a space of its own, each may put what the other has: see below.
        for method in methods.into_iter().filter(|method| world.api.tenants.is_empty() || method != Method::PUT) {
            let answer = call_as(&world, &key, &method, &path, body("other", &method, &path).as_ref()).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}: {}", answer.json);
        }
    }
    assert_eq!(call_as(&world, &key, &Method::GET, "/api/v1/bookings/operators-1", None).await.status, StatusCode::NOT_FOUND);
    for list in LISTS {
        for query in ["", "&tenant=other", "&subscription_id=SUB", "&status=permanently_failed&subscription_id=SUB"] {
            let path = format!("/api/v1/{list}?limit=1000{}", query.replace("SUB", &other.subscription));
            let answer = call_as(&world, &key, &Method::GET, &path, None).await;
            // Not every list has every filter.
            assert!(matches!(answer.status, StatusCode::OK | StatusCode::BAD_REQUEST), "{path}: {}", answer.json);
            let text = answer.json.to_string();
            for foreign in ["other", "operators", &other.subscription, &other.event, &other.delivery] {
                let mine = text.replace("another", "");
                assert!(answer.status != StatusCode::OK || !mine.contains(foreign), "{path} shows {foreign}: {text}");
            }
        }
    }
    for list in OF_SPACES.into_iter().filter(|_| is_bound) {
        for query in ["", "?unmatched=true", "?tenant=acme", "?tenant=other"] {
            let (path, answer) =
                (format!("/api/v1/{list}{query}"), call_as(&world, &key, &Method::GET, &format!("/api/v1/{list}{query}"), None).await);
            assert_eq!((answer.status, &answer.json["items"]), (StatusCode::OK, &json!([])), "{path}");
        }
        let id = call(&world, Method::GET, &format!("/api/v1/{list}?limit=1"), None).await.json["items"][0]["id"].clone();
        for query in ["", "?tenant=acme", "?tenant=other"] {
            let path = format!("/api/v1/{list}/{}{query}", id.as_str().expect("the operator has some"));
            assert_eq!(call_as(&world, &key, &Method::GET, &path, None).await.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    for path in OPERATORS.into_iter().filter(|path| !is_bound || !OF_SPACES.contains(path)) {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = call_as(&world, &key, &method, &format!("/api/v1/{path}"), None).await;
            assert!(matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED), "{method} {path}: {}", answer.json);
        }
    }
    // Nothing has changed but that the key was used.
    let changed: Vec<_> = world.store.documents().into_iter().filter(|stored| !before.contains(stored)).collect();
    assert!(changed.iter().all(|stored| stored.document.key.kind == "api_key"), "{changed:?}");
    if is_bound {
        for path in ["bookings/other-1", "customers/other-1", "bookings/operators-1"] {
            let path = format!("/api/v1/{path}");
            let answer = call_as(&world, &key, &Method::PUT, &path, body("acme", &Method::PUT, &path).as_ref()).await;
            assert_eq!(
                (answer.status, &answer.json["tenant"], &answer.json["version"]),
                (StatusCode::CREATED, &json!("acme"), &json!(1)),
                "{path}"
            );
        }
        let after = world.store.documents();
        let lost: Vec<_> = before.iter().filter(|stored| stored.document.key.kind != "api_key" && !after.contains(stored)).collect();
        assert!(lost.is_empty(), "{lost:?}");
        return;
    }

    // Its own rows are there, over the same routes.
    for list in LISTS {
        let answer = call_as(&world, &key, &Method::GET, &format!("/api/v1/{list}"), None).await;
        assert_eq!(answer.json["items"].as_array().expect("items").len(), 1, "{list}: {}", answer.json);
    }
    for (path, methods) in paths("acme", &acme) {
        for method in methods {
            let answer = call_as(&world, &key, &method, &path, body("acme", &method, &path).as_ref()).await;
            assert!(answer.status.is_success() || answer.status == StatusCode::CONFLICT, "{method} {path}: {}", answer.json);
        }
    }
}

#[tokio::test]
async fn what_a_tenant_makes_is_its_own() {
    let world = World::new(start(), false);
    let key = key(&world, json!(["write", "read"]), json!("acme")).await;
    let made =
        call_as(&world, &key, &Method::POST, "/api/v1/subscriptions", Some(&json!({ "url": "https://a.example/", "event_types": ["*"] })))
            .await;
    assert_eq!((made.status, &made.json["tenant"]), (StatusCode::CREATED, &json!("acme")));
    let path = "/api/v1/bookings/b1";
    let put = call_as(&world, &key, &Method::PUT, path, Some(&booking(json!({ "customer_phone": null })))).await;
    assert_eq!((put.status, &put.json["tenant"]), (StatusCode::CREATED, &json!("acme")));
    let event = json!({ "type": "order.placed", "data": {} });
    let event = call_as(&world, &key, &Method::POST, "/api/v1/events", Some(&event)).await;
    assert_eq!((event.status, &event.json["tenant"]), (StatusCode::ACCEPTED, &json!("acme")));
    for (method, path, body) in [
        (Method::PUT, path, booking(json!({ "tenant": "other" }))),
        (Method::POST, "/api/v1/subscriptions", json!({ "url": "https://a.example/", "event_types": ["*"], "tenant": "other" })),
        (Method::POST, "/api/v1/events", json!({ "type": "order.placed", "data": {}, "tenant": "other" })),
    ] {
        let answer = call_as(&world, &key, &method, path, Some(&body)).await;
        assert_eq!((answer.status, &answer.json["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("tenant")), "{path}");
    }
    // What came in is not there for a tenant, and so nothing leads to it.
    let read = format!("/api/v1/events/{}", event.json["id"].as_str().expect("an id"));
    for link in [
        event.json["inbound"].clone(),
        call_as(&world, &key, &Method::GET, &read, None).await.json["inbound"].clone(),
        call_as(&world, &key, &Method::GET, "/api/v1/events", None).await.json["items"][0]["inbound"].clone(),
    ] {
        assert!(link.is_null(), "{link}");
    }
    let link = call(&world, Method::GET, &read, None).await.json["inbound"].clone();
    assert_eq!(call(&world, Method::GET, link.as_str().expect("a path"), None).await.status, StatusCode::OK);
    // What Sluice tells of records nobody else tells its operator.
    let forged = call_as(&world, &key, &Method::POST, "/api/v1/events", Some(&json!({ "type": "booking.deposit_paid", "data": {} }))).await;
    assert_eq!((forged.status, &forged.json["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("type")));
    let own = call_as(&world, &key, &Method::PUT, "/api/v1/tenants/acme", Some(&json!({ "name": "mine" }))).await;
    assert_eq!(own.status, StatusCode::FORBIDDEN);
}

/// What Stripe says is joined to whoever has its id: a tenant names none of another's, nor one that nobody has yet.
#[tokio::test]
async fn a_tenant_names_nothing_of_anybody_elses() {
    let world = World::new(start(), false);
    let operator = async |path: &str, body: Value| {
        assert_eq!(call(&world, Method::PUT, path, Some(body)).await.status, StatusCode::CREATED, "{path}");
    };
    operator("/api/v1/customers/theirs", json!({ "tenant": "other", "name": "Victim", "stripe_customer_id": "cus_B" })).await;
    operator("/api/v1/customers/own", json!({ "tenant": "acme", "name": "Ana", "stripe_customer_id": "cus_A" })).await;
    let key = key(&world, json!(["write", "read"]), json!("acme")).await;
    let put = async |path: &str, body: Value| {
        let answer = call_as(&world, &key, &Method::PUT, path, Some(&body)).await;
        (answer.status.as_u16(), answer.json["errors"][0]["field"].as_str().map(str::to_owned))
    };
    let invoice = |customer: &str| json!({ "customer_id": customer, "amount": 777, "currency": "usd" });
    let mut with_intent = invoice("own");
    with_intent["stripe_payment_intent_id"] = json!("pi_B");
    for (path, body, field) in [
        ("/api/v1/customers/mine", json!({ "name": "x", "stripe_customer_id": "cus_B" }), "stripe_customer_id"),
        ("/api/v1/customers/mine", json!({ "name": "x", "stripe_customer_id": "cus_new" }), "stripe_customer_id"),
        ("/api/v1/customers/cus_B", json!({}), "id"),
        ("/api/v1/customers/cus_new", json!({}), "id"),
        ("/api/v1/invoices/in_B", invoice("own"), "id"),
        ("/api/v1/invoices/steal", invoice("theirs"), "customer_id"),
        ("/api/v1/invoices/steal", invoice("nobody"), "customer_id"),
        ("/api/v1/invoices/steal", with_intent, "stripe_payment_intent_id"),
    ] {
        assert_eq!(put(path, body).await, (422, Some(field.to_owned())), "{path}");
    }
    let theirs = put("/api/v1/customers/theirs", json!({ "stripe_customer_id": "cus_B" })).await;
    assert_eq!(theirs, (404, None), "what it names tells nothing of a record of somebody else's");
    // Its own it may bill, and put again as the operator left it.
    assert_eq!(put("/api/v1/invoices/fair", invoice("own")).await, (201, None));
    assert_eq!(put("/api/v1/customers/own", json!({ "name": "Ana B.", "stripe_customer_id": "cus_A" })).await, (200, None));
}

#[tokio::test]
async fn a_key_may_do_what_its_scopes_say() {
    let world = World::new(start(), false);
    let (reads, writes) = (key(&world, json!(["read"]), Value::Null).await, key(&world, json!(["write"]), Value::Null).await);
    let body = booking(json!({}));
    let ask = async |key: &str, method: Method, path: &str| call_as(&world, key, &method, path, Some(&body)).await.status;
    assert_eq!(ask(&reads, Method::PUT, "/api/v1/bookings/1").await, StatusCode::FORBIDDEN);
    assert_eq!(ask(&writes, Method::PUT, "/api/v1/bookings/1").await, StatusCode::CREATED);
    assert_eq!(ask(&reads, Method::GET, "/api/v1/bookings/1").await, StatusCode::OK);
    assert_eq!(ask(&writes, Method::GET, "/api/v1/bookings/1").await, StatusCode::FORBIDDEN);
    for key in [&reads, &writes] {
        for (method, path) in [(Method::GET, "/api/v1/keys"), (Method::POST, "/api/v1/keys"), (Method::DELETE, "/api/v1/keys/key_1")] {
            assert_eq!(ask(key, method, path).await, StatusCode::FORBIDDEN, "{path}");
        }
    }
}

#[tokio::test]
async fn keys_are_listed_and_revoked_and_never_shown_again() {
    let world = World::new(start(), false);
    let secret = key(&world, json!(["admin"]), Value::Null).await;
    let listed = async || call(&world, Method::GET, "/api/v1/keys", None).await.json;
    let all = listed().await;
    let ours = all["items"].as_array().expect("items").iter().find(|key| key["origin"] == "api").expect("listed").clone();
    assert_eq!((&ours["scopes"], &ours["last_used_at"]), (&json!(["admin"]), &Value::Null));
    assert!(!all.to_string().contains(&secret) && !format!("{:?}", world.store.documents()).contains(&secret));
    world.clock.advance(minutes(10));
    assert_eq!(call_as(&world, &secret, &Method::GET, "/api/v1/bookings", None).await.status, StatusCode::OK);
    let path = format!("/api/v1/keys/{}", ours["id"].as_str().expect("an id"));
    let used: String = call(&world, Method::GET, &path, None).await.json["last_used_at"].as_str().expect("used").to_owned();
    assert_eq!(used, world.clock.now().to_string());
    assert_eq!(call(&world, Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(call_as(&world, &secret, &Method::GET, "/api/v1/bookings", None).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(call(&world, Method::DELETE, &path, None).await.status, StatusCode::NOT_FOUND);
    let of_settings = listed().await["items"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(call(&world, Method::DELETE, &format!("/api/v1/keys/{of_settings}"), None).await.status, StatusCode::CONFLICT);
    let wrong = call(&world, Method::POST, "/api/v1/keys", Some(json!({ "scopes": ["everything"] }))).await;
    assert_eq!((wrong.status, &wrong.json["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("scopes")));
}

#[tokio::test]
async fn a_tenant_puts_back_what_it_read() {
    let world = World::new(start(), true);
    fill(&world, "acme").await;
    let customer = json!({ "tenant": "acme", "name": "Ana", "stripe_customer_id": "cus_1" });
    assert!(call(&world, Method::PUT, "/api/v1/customers/acme-1", Some(customer)).await.status.is_success());
    let key = key(&world, json!(["read", "write"]), json!("acme")).await;
    for (path, field, value) in [
        ("/api/v1/customers/acme-1", "name", json!("Ana Lima")),
        ("/api/v1/invoices/acme-1", "amount", json!(7000)),
        ("/api/v1/bookings/acme-1", "customer_name", json!("Ana Lima")),
    ] {
        let mut whole = call_as(&world, &key, &Method::GET, path, None).await.json;
        whole[field] = value.clone();
        let answer = call_as(&world, &key, &Method::PUT, path, Some(&whole)).await;
        assert_eq!((answer.status, &answer.json[field]), (StatusCode::OK, &value), "{path}: {}", answer.json);
        // The same once more is on a version that is no more.
        assert_eq!(call_as(&world, &key, &Method::PUT, path, Some(&whole)).await.status, StatusCode::PRECONDITION_FAILED, "{path}");
    }
}

#[tokio::test]
async fn a_tenant_gets_no_texts_to_a_number_of_the_operators() {
    let world = World::new(start(), true);
    let tenants = key(&world, json!(["read", "write"]), json!("a")).await;
    let confirmed = booking(json!({ "status": "confirmed" }));
    assert!(call(&world, Method::PUT, "/api/v1/bookings/12345", Some(confirmed.clone())).await.status.is_success());
    world.clock.advance(minutes(1));
    assert!(call_as(&world, &tenants, &Method::PUT, "/api/v1/bookings/later", Some(&confirmed)).await.status.is_success());
    with(&world, text_status("SM1", "delivered", NUMBER, None, world.clock.now())).await;
    let status = async |id: &str| call(&world, Method::GET, &format!("/api/v1/bookings/{id}"), None).await.json["sms_status"].clone();
    assert_eq!((status("12345").await, status("later").await), (json!("delivered"), Value::Null));
}

#[tokio::test]
async fn a_tenants_cursors_tell_nothing_of_other_rows() {
    let world = World::new(start(), false);
    let keys = [key(&world, json!(["read", "write"]), json!("acme")).await, key(&world, json!(["read"]), json!("beta")).await];
    for number in 0..3 {
        let body = json!({ "url": format!("https://receiver.example/{number}"), "event_types": ["lesson.*"] });
        assert_eq!(call_as(&world, &keys[0], &Method::POST, "/api/v1/subscriptions", Some(&body)).await.status, StatusCode::CREATED);
    }
    let event = json!({ "type": "lesson.begun", "data": {} });
    assert_eq!(call_as(&world, &keys[0], &Method::POST, "/api/v1/events", Some(&event)).await.status, StatusCode::ACCEPTED);
    world.run_until_quiet().await;
    for list in ["/api/v1/subscriptions", "/api/v1/deliveries"] {
        let (mut seen, mut cursor) = (std::collections::BTreeSet::new(), String::new());
        loop {
            let page = call_as(&world, &keys[0], &Method::GET, &format!("{list}?limit=1{cursor}"), None).await.json;
            seen.extend(page["items"].as_array().expect("items").iter().map(|item| item["id"].to_string()));
            let Some(next) = page["next"].as_str() else { break };
            let told = URL_SAFE_NO_PAD.decode(next).expect("base64");
            assert!(!String::from_utf8_lossy(&told).contains('_'), "an id: {}", String::from_utf8_lossy(&told));
            cursor = format!("&cursor={next}");
            let others = call_as(&world, &keys[1], &Method::GET, &format!("{list}?limit=1{cursor}"), None).await;
            assert_eq!(others.status, StatusCode::BAD_REQUEST, "{}", others.json);
        }
        assert_eq!(seen.len(), 3, "{list}");
    }
}
