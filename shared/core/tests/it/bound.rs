//! Tenants with sources of their own: what these tell is about the tenant's own records, whatever the operator has under the same ids.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use serde_json::{Value, json};
use sluice_core::{
    envelope::InboundMessage,
    ports::Clock,
    space::{Belongs, KINDS},
    testing::{Sent, World, stripe},
};

use crate::{
    going_wrong::{at_every_call, from_now_on},
    support::{
        KEY, NUMBER, booking, call, failed, headlines, mail_event, minutes, paid, put_until_done, refunded, send, shopify, start, text_in,
        text_status, with,
    },
};

pub(crate) const BOOKING: &str = "bookings/12345";

/// What a source of the tenant acme tells.
pub(crate) fn of_acme(message: InboundMessage) -> InboundMessage {
    let InboundMessage::Event(mut envelope) = message else { panic!("an event") };
    (envelope.source, envelope.tenant) = ("acme".to_owned(), Some("acme".to_owned()));
    InboundMessage::Event(envelope)
}

/// A gateway, and a key of the tenant acme.
pub(crate) struct Gateway {
    pub(crate) world: World,
    /// The key of the tenant acme.
    pub(crate) key: String,
}

impl Gateway {
    pub(crate) async fn new() -> Self {
        Self::of(World::new(start(), true).with_sources_of(&["acme"])).await
    }

    pub(crate) async fn of(world: World) -> Self {
        let made = call(&world, Method::POST, "/api/v1/keys", Some(json!({ "scopes": ["read", "write"], "tenant": "acme" }))).await;
        let key = made.json["key"].as_str().expect("a key").to_owned();
        Self { world, key }
    }

    pub(crate) async fn ask(&self, key: &str, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(format!("/api/v1/{path}"));
        let request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let answer = send(&self.world, request.body(body).expect("a request")).await;
        (answer.status, answer.json)
    }

    /// Reads as the operator.
    pub(crate) async fn read(&self, path: &str) -> (StatusCode, Value) {
        self.ask(KEY, Method::GET, path, None).await
    }

    /// What the operator is answered, to the byte.
    async fn text(&self, path: &str) -> String {
        let request = Request::builder().uri(format!("/api/v1/{path}")).header(header::AUTHORIZATION, format!("Bearer {KEY}"));
        send(&self.world, request.body(Body::empty()).expect("a request")).await.text
    }

    /// Reads as the tenant.
    pub(crate) async fn read_as_acme(&self, path: &str) -> (StatusCode, Value) {
        self.ask(&self.key, Method::GET, path, None).await
    }

    pub(crate) async fn put_as_acme(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(&self.key, Method::PUT, path, Some(body)).await;
        assert!(status.is_success(), "{path}: {answer}");
        answer
    }

    /// Puts as the operator.
    pub(crate) async fn put(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.ask(KEY, Method::PUT, path, Some(body)).await
    }

    /// Subscribes to everything, and returns the id.
    pub(crate) async fn subscribe(&self, tenant: Value) -> String {
        let body = json!({ "url": "https://receiver.example/", "event_types": ["*"], "tenant": tenant });
        self.ask(KEY, Method::POST, "subscriptions", Some(body)).await.1["id"].as_str().expect("an id").to_owned()
    }

    /// The types of what a subscription was told.
    async fn told(&self, subscription: &str) -> Vec<String> {
        let (_, page) = self.read(&format!("deliveries?limit=1000&subscription_id={subscription}")).await;
        let mut types: Vec<_> = page["items"].as_array().expect("items").iter().map(|item| item["event_type"].to_string()).collect();
        types.sort();
        types
    }
}

fn body_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("JSON")
}

pub(crate) fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().expect("items").iter().filter_map(|item| item["id"].as_str()).collect()
}

#[tokio::test]
async fn a_tenants_source_confirms_its_own_booking_and_tells_its_own_subscribers() {
    let gateway = Gateway::new().await;
    let (acme, other, operator) =
        (gateway.subscribe(json!("acme")).await, gateway.subscribe(json!("other")).await, gateway.subscribe(Value::Null).await);
    assert!(gateway.put(BOOKING, booking(json!({ "customer_phone": null }))).await.0.is_success());
    gateway.world.run_until_quiet().await;
    let before = gateway.told(&operator).await.len();
    let put = gateway.put_as_acme(BOOKING, booking(json!({}))).await;
    assert_eq!((&put["tenant"], &put["status"]), (&json!("acme"), &json!("pending")));
    with(&gateway.world, of_acme(paid("evt_1", "pi_1", start(), start()))).await;
    for (_, read) in [gateway.read_as_acme(BOOKING).await, gateway.read(&format!("{BOOKING}?tenant=acme")).await] {
        assert_eq!((&read["status"], &read["tenant"], &read["deposit_paid"]), (&json!("confirmed"), &json!("acme"), &json!(true)));
    }
    let (_, operators) = gateway.read(BOOKING).await;
    assert_eq!((&operators["status"], &operators["tenant"]), (&json!("pending"), &Value::Null));
    assert_eq!(headlines(&gateway.world).len(), 1, "one text, to the customer of the tenant's booking");
    gateway.world.run_until_quiet().await;
    let all = ["booking.confirmed", "booking.created", "booking.deposit_paid", "payment.succeeded", "stripe.payment_intent.succeeded"];
    assert_eq!(gateway.told(&acme).await, all.map(|kind| format!("\"{kind}\"")));
    assert!(gateway.told(&other).await.is_empty());
    assert_eq!(gateway.told(&operator).await.len(), before + all.len());
    // Whoever is told of several tenants' sees whose it is: of each by a header, and of a record by its own field, which is signed.
    let got: Vec<_> =
        gateway.world.receivers.got().into_iter().map(|got| (got.header("webhook-tenant").to_owned(), body_of(&got.body))).collect();
    let of_acme: Vec<_> = got.iter().filter(|(tenant, _)| tenant == "acme").map(|(_, body)| body).collect();
    assert_eq!((of_acme.len(), got.len()), (2 * all.len(), 2 * all.len() + before));
    assert!(got.iter().all(|(tenant, _)| ["", "acme"].contains(&tenant.as_str())), "{got:?}");
    for body in &of_acme {
        let of_record = body["type"] != "stripe.payment_intent.succeeded";
        assert_eq!(body["data"]["tenant"], if of_record { json!("acme") } else { Value::Null }, "{body}");
        let fields: Vec<_> = body.as_object().expect("an object").keys().collect();
        assert_eq!(fields, ["data", "id", "timestamp", "type"]);
    }
    let (_, page) = gateway.read("inbound?tenant=acme&provider=stripe").await;
    assert_eq!((&page["items"][0]["key"], &page["items"][0]["tenant"]), (&json!("evt_1"), &json!("acme")));
    assert_eq!(ids(&gateway.read("inbound?tenant=other").await.1), [""; 0]);
    // What its source tells is there for the tenant, and not among the operator's own.
    for (path, seen) in [("transactions/pi_1", true), ("transactions?limit=1", true), ("payments/pi_1", true)] {
        assert_eq!(
            (gateway.read_as_acme(path).await.0 == StatusCode::OK, &gateway.read_as_acme(path).await.1.to_string().contains("\"acme\"")),
            (seen, &true)
        );
    }
    assert_eq!(ids(&gateway.read("transactions").await.1), [""; 0]);
    assert_eq!(ids(&gateway.read("transactions?tenant=acme").await.1), ["pi_1"]);
    let (_, history) = gateway.read_as_acme(&format!("{BOOKING}/history")).await;
    assert_eq!((history["items"].as_array().map(Vec::len), &history["items"][0]["event"]), (Some(2), &Value::Null));
    assert_eq!(gateway.read(&format!("{BOOKING}/history?tenant=acme")).await.1["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn the_status_of_a_tenants_text_comes_back_to_its_space() {
    let gateway = Gateway::new().await;
    assert!(gateway.put(BOOKING, booking(json!({ "status": "confirmed" }))).await.0.is_success());
    gateway.put_as_acme(BOOKING, booking(json!({}))).await;
    with(&gateway.world, of_acme(paid("evt_1", "pi_1", start(), start()))).await;
    let Some(Sent::Text(text)) = gateway.world.sent.sent().pop() else { panic!("a text") };
    assert!(text.message.ends_with("~acme"), "{}", text.message);
    // It comes to the operator's own source, which sends the texts of all.
    with(&gateway.world, text_status("SM1", "delivered", NUMBER, Some(&text.message), start())).await;
    let status = async |path: &str| gateway.read(path).await.1["sms_status"].clone();
    assert_eq!(status(&format!("{BOOKING}?tenant=acme")).await, "delivered");
    assert_eq!(status(BOOKING).await, Value::Null);
    assert_eq!(gateway.read("inbound?provider=twilio&key=SM1:delivered").await.1["items"][0]["tenant"], "acme");
    // A source of another tenant's leads nowhere by a reference.
    let InboundMessage::Event(mut forged) = text_status("SM1", "failed", NUMBER, Some(&text.message), start()) else { panic!() };
    (forged.source, forged.tenant) = ("evil".to_owned(), Some("evil".to_owned()));
    with(&gateway.world, InboundMessage::Event(forged)).await;
    assert_eq!(status(&format!("{BOOKING}?tenant=acme")).await, "delivered");
    assert_eq!(gateway.world.documents("message~evil").len(), 1);
}

#[tokio::test]
async fn a_tenants_booking_is_held_refunded_and_listed_like_any_other() {
    let gateway = Gateway::new().await;
    let (one, other) = ("bookings/12345?tenant=acme", "bookings/12345");
    let status = async |path: &str| gateway.read(path).await.1["status"].clone();
    gateway.put_as_acme(BOOKING, booking(json!({}))).await;
    assert!(gateway.put(other, booking(json!({}))).await.0.is_success());
    with(&gateway.world, of_acme(failed("evt_1", "pi_1", "insufficient_funds", start(), start()))).await;
    assert_eq!((status(one).await, status(other).await), (json!("payment_pending"), json!("pending")));
    gateway.world.run_until_quiet().await;
    assert_eq!((status(one).await, status(other).await), (json!("cancelled"), json!("pending")));
    assert!(
        gateway.world.documents("booking~acme").iter().all(|stored| stored.document.places.iter().all(|place| place.partition != "due"))
    );
    let timers: Vec<_> = gateway.world.events().into_iter().filter(|event| event.source == "timer").collect();
    assert!(!timers.is_empty() && timers.iter().all(|event| event.tenant.as_deref() == Some("acme")), "{timers:?}");

    gateway.put_as_acme("bookings/777", booking(json!({ "status": "confirmed" }))).await;
    let intent = json!({ "id": "pi_7", "amount": 6000, "amount_received": 6000, "currency": "usd", "metadata": { "booking_id": "777" } });
    let now = gateway.world.clock.now();
    with(&gateway.world, of_acme(stripe("evt_2", "payment_intent.succeeded", now, now, &intent))).await;
    with(&gateway.world, of_acme(refunded("evt_3", "pi_7", 2000, false, now))).await;
    assert_eq!(gateway.read_as_acme("bookings/777").await.1["refunded_amount"], 2000);
    assert!(headlines(&gateway.world).iter().any(|headline| headline.contains("refund")), "{:?}", headlines(&gateway.world));

    let unknown = json!({ "id": "pi_8", "amount": 6000, "amount_received": 6000, "currency": "usd", "metadata": { "booking_id": "888" } });
    with(&gateway.world, of_acme(stripe("evt_4", "payment_intent.succeeded", now, now, &unknown))).await;
    let (_, waiting) = gateway.read_as_acme("bookings?unmatched=true").await;
    assert_eq!((ids(&waiting), &waiting["items"][0]["tenant"]), (vec!["888"], &json!("acme")));
    assert_eq!(ids(&gateway.read("bookings?unmatched=true&tenant=acme").await.1), ["888"]);
    assert_eq!(ids(&gateway.read("bookings?unmatched=true").await.1), [""; 0]);
    assert_eq!(ids(&gateway.read("bookings").await.1), ["12345"]);
    let (_, own) = gateway.read_as_acme("bookings?limit=1").await;
    assert!(own["next"].is_string(), "{own}");
    let mut own = ids(&gateway.read("bookings?tenant=acme").await.1).into_iter().map(str::to_owned).collect::<Vec<_>>();
    own.sort();
    assert_eq!(own, ["12345", "777"]);
}

#[tokio::test]
async fn the_operator_puts_for_a_tenant_in_its_space() {
    let gateway = Gateway::new().await;
    for (path, body) in [
        ("bookings/b1", booking(json!({ "tenant": "acme" }))),
        ("bookings/b2?tenant=acme", booking(json!({}))),
        ("messages/m1", json!({ "channel": "sms", "direction": "outbound", "to": NUMBER, "tenant": "acme" })),
        ("messages/m2?tenant=acme", json!({ "channel": "sms", "direction": "outbound", "to": NUMBER })),
    ] {
        let (status, answer) = gateway.put(path, body).await;
        assert_eq!((status, &answer["tenant"]), (StatusCode::CREATED, &json!("acme")), "{path}: {answer}");
        let bare = path.split('?').next().expect("a path");
        assert_eq!(gateway.read_as_acme(bare).await.0, StatusCode::OK, "{path}");
        let (status, answer) = gateway.read(bare).await;
        assert!(status == StatusCode::NOT_FOUND && answer["detail"].as_str().is_some_and(|detail| detail.contains("?tenant=")), "{answer}");
        // What was read is put back as it is.
        let (_, mut whole) = gateway.read(&format!("{bare}?tenant=acme")).await;
        whole.as_object_mut().expect("an object").remove("version");
        let (status, answer) = gateway.put(path, whole).await;
        assert_eq!((status, &answer["tenant"]), (StatusCode::OK, &json!("acme")), "{path}: {answer}");
    }
    for (path, body, expected) in [
        ("bookings/b1?tenant=acme", booking(json!({ "tenant": "other" })), 422),
        ("messages/m1?tenant=acme", json!({ "channel": "sms", "direction": "outbound", "to": NUMBER, "tenant": "other" }), 422),
        ("messages/m1?tenant=other", json!({ "channel": "sms", "direction": "outbound", "to": NUMBER }), 400),
        ("messages/m1", json!({ "channel": "sms", "direction": "outbound", "to": NUMBER, "tenant": "other" }), 422),
        ("bookings/b1?tenant=a~b", booking(json!({})), 400),
        ("bookings/b1?tenant=a/b", booking(json!({})), 400),
        ("bookings/b1?tennant=acme", booking(json!({})), 400),
    ] {
        let (status, answer) = gateway.put(path, body).await;
        assert_eq!(status.as_u16(), expected, "{path}: {answer}");
    }
    // One without sources of its own has its records where they always were.
    let (status, answer) = gateway.put("bookings/b3", booking(json!({ "tenant": "other" }))).await;
    assert_eq!((status, gateway.read("bookings/b3").await.0), (StatusCode::CREATED, StatusCode::OK), "{answer}");
    assert_eq!(ids(&gateway.read("bookings?tenant=other").await.1), ["b3"]);
    assert_eq!(gateway.ask(&gateway.key, Method::GET, "bookings/b3", None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(gateway.read_as_acme("bookings/b1?tenant=other").await.0, StatusCode::NOT_FOUND);
    assert_eq!(ids(&gateway.read_as_acme("bookings?tenant=other").await.1), [""; 0]);
    // In its own space a tenant names what it likes of Stripe's: nobody else's is there.
    gateway.put_as_acme("customers/c1", json!({ "name": "Ana", "stripe_customer_id": "cus_1" })).await;
    assert_eq!(gateway.ask(&gateway.key, Method::PUT, "tenants/acme", Some(json!({ "name": "x" }))).await.0, StatusCode::FORBIDDEN);
}

/// Wherever a record lies, its fields stand in the same order.
#[tokio::test]
async fn records_are_shown_alike_in_a_space_and_outside() {
    let gateway = Gateway::new().await;
    let text = json!({ "channel": "sms", "direction": "outbound", "to": NUMBER });
    let order = json!({ "id": 1, "name": "#1", "email": "ana@example.com", "total_price": "10.00", "currency": "USD" });
    let customer = json!({ "name": "Ana", "email": "ana@example.com", "stripe_customer_id": "cus_1" });
    let invoice = json!({ "customer_id": "c1", "amount": 4900, "currency": "usd" });
    for path in [BOOKING, "messages/m1", "customers/c1", "invoices/INV-1"] {
        let body = match path {
            BOOKING => booking(json!({})),
            "messages/m1" => text.clone(),
            "customers/c1" => customer.clone(),
            _ => invoice.clone(),
        };
        assert!(gateway.put(path, body.clone()).await.0.is_success(), "{path}");
        gateway.put_as_acme(path, body).await;
    }
    for message in [paid("evt_1", "pi_1", start(), start()), shopify("1", "orders/create", start(), &order)] {
        with(&gateway.world, message.clone()).await;
        with(&gateway.world, of_acme(message)).await;
    }
    for path in [BOOKING, "messages/m1", "customers/c1", "invoices/INV-1", "orders/1", "payments/pi_1", "transactions/pi_1"] {
        let (outside, inside) = (gateway.text(path).await, gateway.text(&format!("{path}?tenant=acme")).await);
        assert_eq!(outside.replace(r#""tenant":null"#, r#""tenant":"acme""#), inside, "{path}");
    }
    // One of those that are known from events alone says whose it is, too.
    let unknown = json!({ "id": "pi_8", "amount": 6000, "amount_received": 6000, "currency": "usd", "metadata": { "booking_id": "888" } });
    let message = stripe("evt_4", "payment_intent.succeeded", start(), start(), &unknown);
    for message in [message.clone(), of_acme(message)] {
        with(&gateway.world, message).await;
    }
    let (outside, inside) = (gateway.text("bookings?unmatched=true").await, gateway.text("bookings?unmatched=true&tenant=acme").await);
    assert_eq!(outside.replace(r#""tenant":null"#, r#""tenant":"acme""#), inside);
    assert!(inside.contains(r#""id":"888""#), "{inside}");
}

#[tokio::test]
async fn what_a_tenant_had_before_its_source_was_bound_stays_where_it_is() {
    let gateway = Gateway::of(World::new(start(), true)).await;
    gateway.put_as_acme(BOOKING, booking(json!({}))).await;
    let gateway = Gateway { world: gateway.world.with_sources_of(&["acme"]), key: gateway.key };
    // By its id it is there for the tenant, which changes it where it lies.
    let put = gateway.put_as_acme(BOOKING, booking(json!({ "customer_name": "Ana B." }))).await;
    assert_eq!((&put["customer_name"], &put["version"]), (&json!("Ana B."), &json!(2)));
    // What the operator's own sources tell of it counts, as it did.
    with(&gateway.world, paid("evt_1", "pi_1", start(), start())).await;
    for (_, read) in [gateway.read_as_acme(BOOKING).await, gateway.read(BOOKING).await] {
        assert_eq!((&read["tenant"], &read["deposit_paid"]), (&json!("acme"), &json!(true)));
    }
    // In the space there is none.
    assert_eq!(gateway.read(&format!("{BOOKING}?tenant=acme")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(ids(&gateway.read("bookings").await.1), ["12345"]);
    // And what the tenant's own sources tell does not.
    with(&gateway.world, of_acme(refunded("evt_2", "pi_1", 6000, true, start()))).await;
    assert_eq!(gateway.read(BOOKING).await.1["deposit_refunded"], false);
    assert_eq!(gateway.world.documents("booking~acme").len(), 1);
}

#[tokio::test]
async fn an_event_stays_in_the_space_that_it_was_stored_with() {
    let gateway = Gateway::new().await;
    let broken = |id: &str| stripe(id, "charge.refunded", start(), start(), &json!({ "id": 5 }));
    let InboundMessage::Event(mut before) = broken("evt_1") else { panic!() };
    before.source = "acme".to_owned();
    with(&gateway.world, InboundMessage::Event(before)).await;
    // Sent again once its source was bound.
    with(&gateway.world, of_acme(broken("evt_1"))).await;
    with(&gateway.world, of_acme(broken("evt_2"))).await;
    let of = |key: &str| gateway.world.events().into_iter().find(|event| event.key == key).expect("is there");
    assert_eq!((of("evt_1").tenant, of("evt_1").attempts), (None, 2));
    assert_eq!(of("evt_2").tenant.as_deref(), Some("acme"));
    // And the other way round, once it is bound no more.
    let InboundMessage::Event(mut after) = broken("evt_2") else { panic!() };
    after.source = "acme".to_owned();
    with(&gateway.world, InboundMessage::Event(after)).await;
    assert_eq!((of("evt_2").tenant.as_deref(), of("evt_2").attempts), (Some("acme"), 2));
    for key in ["evt_1", "evt_2"] {
        with(&gateway.world, InboundMessage::Replay { id: of(key).id }).await;
    }
    assert_eq!((of("evt_1").tenant, of("evt_2").tenant.as_deref()), (None, Some("acme")));
    // Each rang an alarm of its own, so that neither was silent because of the other, and one says whose it is.
    let (mails, alarms) = (gateway.world.sent.sent(), ["alarm", "alarm~acme"].map(|kind| gateway.world.documents(kind).len()));
    let says = |mail: &&Sent| matches!(mail, Sent::Mail(mail) if mail.text.contains("stripe of the tenant acme"));
    assert_eq!((mails.len(), mails.iter().filter(says).count(), alarms), (2, 1, [1, 1]), "{mails:?}");
}

#[tokio::test]
async fn what_was_said_to_the_one_sender_counts_for_all() {
    let gateway = Gateway::new().await;
    with(&gateway.world, text_in("SM1", "STOP", Some("STOP"), start())).await;
    with(&gateway.world, mail_event("mail-1", "bounced", start())).await;
    gateway.put_as_acme(BOOKING, booking(json!({}))).await;
    with(&gateway.world, of_acme(paid("evt_1", "pi_1", start(), start()))).await;
    // No text, the mail in its place neither, and support is told of that.
    let to: Vec<_> = gateway
        .world
        .sent
        .sent()
        .iter()
        .map(|sent| match sent {
            Sent::Mail(mail) => mail.to.clone(),
            Sent::Text(text) => text.to.clone(),
        })
        .collect();
    assert_eq!(to, ["support@example.com"]);
    // What the tenant's sources say of the same is about its own alone.
    let gateway = Gateway::new().await;
    with(&gateway.world, of_acme(text_in("SM1", "STOP", Some("STOP"), start()))).await;
    with(&gateway.world, of_acme(mail_event("mail-1", "bounced", start()))).await;
    assert!(gateway.put(BOOKING, booking(json!({}))).await.0.is_success());
    with(&gateway.world, paid("evt_1", "pi_1", start(), start())).await;
    assert!(matches!(&gateway.world.sent.sent()[..], [Sent::Text(text)] if text.to == NUMBER));
}

#[tokio::test]
async fn a_tenants_shop_has_its_own_people_erased_and_nobody_elses() {
    let gateway = Gateway::new().await;
    let order = json!({ "id": 1, "name": "#1", "email": "ana@example.com", "customer": { "id": 7, "email": "ana@example.com" }, "total_price": "10.00", "currency": "USD" });
    with(&gateway.world, shopify("1", "orders/create", start(), &order)).await;
    with(&gateway.world, of_acme(shopify("1", "orders/create", start(), &order))).await;
    gateway.world.clock.advance(minutes(1));
    let redact = json!({ "shop_id": 1, "shop_domain": "acme.myshopify.com" });
    with(&gateway.world, of_acme(shopify("2", "shop/redact", gateway.world.clock.now(), &redact))).await;
    gateway.world.run_until_quiet().await;
    let erased = |tenant: Option<&str>| {
        let events = gateway.world.events();
        let of = events.iter().find(|event| event.kind == "orders/create" && event.tenant.as_deref() == tenant);
        of.expect("is there").erased_at.is_some()
    };
    assert_eq!((erased(None), erased(Some("acme"))), (false, true));
    assert_eq!(gateway.read("orders/1").await.1["customer_email"], "ana@example.com");
    assert_eq!(gateway.read_as_acme("orders/1").await.1["customer_email"], Value::Null);
}

/// A crash on the way, a message that comes twice, a timer that is taken over: whoever goes on does so in the same space.
#[tokio::test]
async fn whatever_goes_wrong_all_stays_in_its_space() {
    at_every_call(async |faulty| {
        let world = World::new(start(), true).with_sources_of(&["acme"]);
        let before = from_now_on(&world, faulty);
        put_until_done(&world, "/api/v1/bookings/12345?tenant=acme", &booking(json!({}))).await;
        world.enqueue(&of_acme(failed("evt_1", "pi_1", "insufficient_funds", start(), start()))).await;
        world.run_until_quiet().await;
        let late = world.clock.now();
        for message in [paid("evt_2", "pi_2", late, late), refunded("evt_3", "pi_2", 2000, false, late)] {
            world.enqueue(&of_acme(message)).await;
        }
        world.run_until_quiet().await;
        let calls = world.faults.calls() - before;
        let booking = world.documents("booking~acme").pop().expect("is there").document.data.clone();
        let booking = String::from_utf8(booking).expect("JSON");
        assert!(["pi_1", "pi_2", "2000"].iter().all(|part| booking.contains(part)), "{booking}, {faulty:?}");
        for (kind, _) in KINDS.iter().filter(|(_, belongs)| *belongs == Belongs::ToASpace) {
            assert!(world.documents(kind).is_empty(), "{kind} {faulty:?}");
        }
        assert!(world.events().iter().all(|event| event.tenant.as_deref() == Some("acme")), "{faulty:?}");
        calls
    })
    .await;
}
