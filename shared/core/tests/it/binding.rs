//! What a tenant has before its source is bound, how it comes into the space, and where it is once the source is bound no more.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::testing::World;

use crate::{
    bound::{BOOKING, Gateway, ids, of_acme},
    support::{KEY, NUMBER, booking, headlines, paid, start, with},
};

impl Gateway {
    /// The same once sources of these tenants are bound, and of no other.
    fn bound_to(self, tenants: &[&str]) -> Self {
        Self { world: self.world.with_sources_of(tenants), ..self }
    }

    /// One in which nothing is bound yet.
    async fn unbound() -> Self {
        Self::of(World::new(start(), true)).await
    }
}

/// What can be put of a record that was read.
fn word(read: &Value, fields: &[&str]) -> Value {
    fields.iter().map(|field| ((*field).to_owned(), read[*field].clone())).collect::<serde_json::Map<_, _>>().into()
}

const OF_A_BOOKING: [&str; 9] =
    ["customer_name", "customer_email", "customer_phone", "status", "deposit_amount", "currency", "starts_at", "tenant", "metadata"];

#[tokio::test]
async fn the_operator_moves_a_booking_into_the_space() {
    let gateway = Gateway::unbound().await;
    gateway.put_as_acme(BOOKING, booking(json!({ "metadata": { "boat": "Heron" } }))).await;
    let gateway = gateway.bound_to(&["acme"]);
    // Its source tells of the payment, which waits in the space.
    with(&gateway.world, of_acme(paid("evt_1", "pi_1", start(), start()))).await;
    assert_eq!(gateway.read_as_acme(BOOKING).await.1["status"], "pending");
    // As docs/OPERATIONS.md says: read it, put it there, and cancel the old one.
    let (status, old) = gateway.read(BOOKING).await;
    assert_eq!((status, &old["tenant"]), (StatusCode::OK, &json!("acme")));
    let (status, moved) = gateway.put(&format!("{BOOKING}?tenant=acme"), word(&old, &OF_A_BOOKING)).await;
    assert_eq!((status, &moved["status"], &moved["metadata"]["boat"]), (StatusCode::CREATED, &json!("confirmed"), &json!("Heron")));
    let mut cancelled = word(&old, &OF_A_BOOKING);
    cancelled["status"] = json!("cancelled");
    let (status, old) = gateway.put(BOOKING, cancelled).await;
    // Without the parameter it is the one outside that is put, though its tenant has a space.
    assert_eq!((status, &old["status"], &old["version"]), (StatusCode::OK, &json!("cancelled"), &json!(2)), "{old}");
    gateway.world.run_until_quiet().await;
    assert_eq!(headlines(&gateway.world).len(), 1, "one text, for the payment: {:?}", headlines(&gateway.world));
    // From now on all is about the one in the space, for the tenant and for whoever names it.
    for (_, read) in [gateway.read_as_acme(BOOKING).await, gateway.read(&format!("{BOOKING}?tenant=acme")).await] {
        assert_eq!((&read["status"], &read["deposit_paid"]), (&json!("confirmed"), &json!(true)));
    }
    let changed = gateway.put_as_acme(BOOKING, booking(json!({ "customer_name": "Ana B." }))).await;
    assert_eq!((&changed["customer_name"], &changed["status"]), (&json!("Ana B."), &json!("confirmed")));
    let (_, old) = gateway.read(BOOKING).await;
    assert_eq!((&old["customer_name"], &old["status"], &old["version"]), (&json!("Ana Lima"), &json!("cancelled"), &json!(2)));
}

#[tokio::test]
async fn the_operator_moves_a_customer_and_an_invoice_into_the_space() {
    let gateway = Gateway::unbound().await;
    let customer = json!({ "name": "Ana Lima", "stripe_customer_id": "cus_1", "tenant": "acme" });
    let invoice = json!({ "customer_id": "c1", "amount": 4900, "currency": "usd", "stripe_customer_id": "cus_1", "tenant": "acme" });
    for (path, body) in [("customers/c1", &customer), ("invoices/INV-1", &invoice)] {
        assert_eq!(gateway.put(path, body.clone()).await.0, StatusCode::CREATED);
    }
    let gateway = gateway.bound_to(&["acme"]);
    for (path, body) in [("customers/c1", &customer), ("invoices/INV-1", &invoice)] {
        let inside = format!("{path}?tenant=acme");
        assert_eq!(gateway.read(&inside).await.0, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(gateway.put(&inside, body.clone()).await.0, StatusCode::CREATED, "{path}");
        // Put once more without its tenant, the old one is the operator's alone.
        let mut without = body.clone();
        without["tenant"] = Value::Null;
        let (status, old) = gateway.put(path, without).await;
        assert_eq!((status, &old["tenant"]), (StatusCode::OK, &Value::Null), "{path}");
        assert_eq!(gateway.read_as_acme(path).await.1["tenant"], "acme", "{path}");
        assert_eq!(gateway.read(&format!("{path}/history?tenant=acme")).await.1["items"].as_array().map(Vec::len), Some(1));
    }
    let intent = json!({ "id": "pi_9", "amount": 4900, "amount_received": 4900, "currency": "usd", "customer": "cus_1" });
    let message = sluice_core::testing::stripe("evt_1", "payment_intent.succeeded", start(), start(), &intent);
    with(&gateway.world, of_acme(message)).await;
    assert_eq!(gateway.read("invoices/INV-1?tenant=acme").await.1["status"], "paid");
    assert_eq!(gateway.read("invoices/INV-1").await.1["status"], "open");
}

#[tokio::test]
async fn what_is_put_for_a_tenant_by_key_or_body_goes_on_where_it_lies() {
    let gateway = Gateway::unbound().await;
    gateway.put_as_acme(BOOKING, booking(json!({}))).await;
    let gateway = gateway.bound_to(&["acme"]);
    // The tenant changes what it had, and nothing of it is lost.
    let put = gateway.put_as_acme(BOOKING, booking(json!({ "customer_name": "Ana B." }))).await;
    assert_eq!((&put["customer_name"], &put["version"]), (&json!("Ana B."), &json!(2)));
    let (status, put) = gateway.put(BOOKING, booking(json!({ "customer_name": "Ana C.", "tenant": "acme" }))).await;
    assert_eq!((status, &put["customer_name"], &put["version"]), (StatusCode::OK, &json!("Ana C."), &json!(3)));
    assert!(gateway.world.documents("booking~acme").is_empty());
    // With another one in the space, the parameter says which is meant, also where the body names the tenant.
    let (status, put) = gateway.put(&format!("{BOOKING}?tenant=acme"), booking(json!({ "customer_name": "Ben" }))).await;
    assert_eq!((status, &put["customer_name"]), (StatusCode::CREATED, &json!("Ben")));
    let (_, mut whole) = gateway.read(BOOKING).await;
    whole["customer_name"] = json!("Ana D.");
    let (status, put) = gateway.put(BOOKING, whole).await;
    assert_eq!((status, &put["customer_name"], &put["version"]), (StatusCode::OK, &json!("Ana D."), &json!(4)));
    assert_eq!(gateway.read(&format!("{BOOKING}?tenant=acme")).await.1["customer_name"], "Ben");
    // What is there neither outside nor in the space is begun in the space.
    assert_eq!(gateway.put("bookings/new", booking(json!({ "tenant": "acme" }))).await.0, StatusCode::CREATED);
    let (status, answer) = gateway.read("bookings/new").await;
    assert!(status == StatusCode::NOT_FOUND && answer["detail"].as_str().is_some_and(|detail| detail.contains("?tenant=")), "{answer}");
    // And what is asked for in the space and lies outside is said to be there.
    gateway.put("bookings/own", booking(json!({}))).await;
    let (status, answer) = gateway.read("bookings/own?tenant=acme").await;
    assert!(
        status == StatusCode::NOT_FOUND && answer["detail"].as_str().is_some_and(|detail| detail.contains("without ?tenant=")),
        "{answer}"
    );
}

#[tokio::test]
async fn once_nothing_is_bound_the_operator_reaches_what_lies_in_the_space() {
    let gateway = Gateway::new().await;
    let text = json!({ "channel": "sms", "direction": "outbound", "to": NUMBER });
    for id in ["b1", "b2", "b3"] {
        gateway.put_as_acme(&format!("bookings/{id}"), booking(json!({}))).await;
    }
    gateway.put_as_acme("messages/m1", text.clone()).await;
    with(&gateway.world, of_acme(paid("evt_1", "pi_1", start(), start()))).await;
    let gateway = gateway.bound_to(&[]);
    // The tenant is one like any other: it has what lies outside.
    assert_eq!(gateway.read_as_acme("bookings/b1").await.0, StatusCode::NOT_FOUND);
    gateway.put_as_acme("bookings/b1", booking(json!({ "customer_name": "Outside" }))).await;
    gateway.put_as_acme("bookings/b4", booking(json!({}))).await;
    assert_eq!(gateway.read_as_acme("bookings/b1").await.1["customer_name"], "Outside");
    // By its id what lies outside comes first, and then what lies in the space: whatever is done with it.
    for (path, name) in [("bookings/b1?tenant=acme", "Outside"), ("bookings/b2?tenant=acme", "Ana Lima")] {
        let (status, mut whole) = gateway.read(path).await;
        assert_eq!((status, &whole["customer_name"]), (StatusCode::OK, &json!(name)), "{path}");
        whole["metadata"] = json!({ "seen": "yes" });
        let next = whole["version"].as_u64().map(|version| version + 1);
        let history = path.replace('?', "/history?");
        let entries = async || gateway.read(&history).await.1["items"].as_array().map(Vec::len).expect("items");
        let before = entries().await;
        let (status, put) = gateway.put(path, whole).await;
        assert_eq!((status, &put["customer_name"], put["version"].as_u64()), (StatusCode::OK, &json!(name), next), "{path}: {put}");
        assert_eq!(gateway.read(path).await.1["metadata"]["seen"], "yes", "{path}");
        assert_eq!(entries().await, before + 1, "{history}: the change is there");
    }
    let (status, put) = gateway
        .put("messages/m1?tenant=acme", json!({ "booking_id": "b2", "channel": "sms", "direction": "outbound", "to": NUMBER }))
        .await;
    assert_eq!((status, &put["tenant"], &put["booking_id"]), (StatusCode::OK, &json!("acme"), &json!("b2")), "{put}");
    // A new one lies outside, as everything of a tenant without sources of its own.
    assert_eq!(gateway.put("bookings/b5?tenant=acme", booking(json!({}))).await.0, StatusCode::CREATED);
    assert_eq!(gateway.read_as_acme("bookings/b5").await.0, StatusCode::OK);
    // Lists have both, outside first, page by page.
    for limit in [1, 2, 3, 50] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let (_, page) = gateway.read(&format!("bookings?tenant=acme&limit={limit}{cursor}")).await;
            seen.extend(ids(&page).into_iter().map(str::to_owned));
            assert!(page["items"].as_array().is_some_and(|items| items.len() <= limit), "{page}");
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let (outside, inside) = seen.split_at(3);
        let sorted = |ids: &[String]| ids.iter().cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>();
        assert_eq!(
            (sorted(outside), sorted(inside)),
            (["b1", "b4", "b5"].map(str::to_owned).to_vec(), ["b1", "b2", "b3"].map(str::to_owned).to_vec()),
            "{limit}"
        );
    }
    assert_eq!(ids(&gateway.read("bookings?tenant=acme&unmatched=true").await.1), ["12345"]);
    assert_eq!(ids(&gateway.read("messages?tenant=acme").await.1), ["m1"]);
    // The tenant's key has none of that, and neither has who names another tenant.
    assert_eq!(gateway.read_as_acme("bookings").await.1["items"].as_array().map(Vec::len), Some(3));
    assert_eq!(ids(&gateway.read("bookings?tenant=other").await.1), [""; 0]);
    assert_eq!(gateway.ask(KEY, Method::GET, "bookings/b2?tenant=other", None).await.0, StatusCode::NOT_FOUND);
}
