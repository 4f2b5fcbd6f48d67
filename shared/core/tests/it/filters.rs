//! Every filter of every list, page by page, beside the list whole: what fits, in the same order, and nothing else.

use std::collections::BTreeMap;

use axum::http::Method;
use serde_json::{Value, json};
use sluice_core::{
    api::openapi,
    envelope::InboundMessage,
    testing::{World, stripe},
    time::Timestamp,
};

use crate::{
    any_order, every_order,
    support::{booking, call, event, github, minutes, start, text_in, text_status, with},
};

/// How many there are of each kind; two in a row belong together, and with every third two.
const MANY: u64 = 14;

/// Texts of any length and with any letters can come from a provider.
fn long(word: &str) -> String {
    format!("{word}/{}", "ä".repeat(400))
}

async fn put(world: &World, path: &str, body: Value) {
    let answer = call(world, Method::PUT, &format!("/api/v1/{path}"), Some(body)).await;
    assert!(answer.status.is_success(), "{path}: {}", answer.json);
}

/// Who the n-th of a kind belongs to, out of three.
fn third(number: u64) -> u64 {
    number / 2 % 3
}

/// The owner's words, of `number`.
async fn puts(world: &World, number: u64) {
    let of = third(number);
    let tenant = (!number.is_multiple_of(4)).then(|| format!("t{of}"));
    let status = if number.is_multiple_of(2) { "confirmed" } else { "pending" };
    put(world, &format!("bookings/b{number}"), booking(json!({ "tenant": tenant, "status": status }))).await;
    let customer = json!({
        "tenant": tenant, "stripe_customer_id": format!("cus_{of}"), "email": (number.is_multiple_of(2)).then(|| format!("c{of}@example.com")),
        "phone": (!number.is_multiple_of(5)).then(|| format!("+1503555010{of}")),
    });
    put(world, &format!("customers/c{number}"), customer).await;
    let invoice = json!({
        "customer_id": format!("c{of}"), "tenant": tenant, "amount": 1000 + number, "currency": "usd",
        "stripe_customer_id": (number.is_multiple_of(2)).then(|| format!("cus_{of}")), "status": if number.is_multiple_of(3) { "paid" } else { "open" },
        "stripe_payment_intent_id": (number % 2 == 1).then(|| format!("pi_{}", if number < 10 { number % 5 } else { number })),
    });
    put(world, &format!("invoices/i{number}"), invoice).await;
    put(
        world,
        &format!("tenants/t{number}"),
        json!({ "name": "Alder", "stripe_customer_id": format!("cus_{of}"), "stripe_subscription_id": format!("sub_{of}") }),
    )
    .await;
    let message = json!({
        "channel": if number.is_multiple_of(2) { "sms" } else { "voice" }, "direction": if number.is_multiple_of(4) { "inbound" } else { "outbound" },
        "to": format!("+1503555010{of}"), "from": format!("+1503555020{of}"), "booking_id": (!number.is_multiple_of(5)).then(|| format!("b{of}")),
    });
    put(world, &format!("messages/m{number}"), message).await;
}

/// What providers say, of `number`.
fn events(number: u64) -> Vec<InboundMessage> {
    let (of, at) = (third(number), start() + minutes(number));
    let stripe = |kind: &str, object: Value| stripe(&format!("evt_{kind}_{number}"), kind, at, at, &object);
    let named = if number % 4 == 3 { json!({}) } else { json!({ "booking_id": format!("b{of}") }) };
    let intent = json!({
        "id": format!("pi_{number}"), "amount": 700, "amount_received": 700, "currency": "usd", "customer": format!("cus_{of}"),
        "metadata": named, "payment_method_types": [if number % 8 == 3 { "card_present" } else { "card" }],
    });
    let failed = json!({ "id": format!("pi_failed_{number}"), "amount": 700, "currency": "usd", "customer": format!("cus_{of}"), "metadata": named });
    let refunded = json!({
        "id": format!("ch_{number}"), "amount": 900, "amount_refunded": 900, "currency": "usd", "payment_intent": format!("pi_refunded_{number}"),
        "customer": format!("cus_{of}"), "metadata": named,
    });
    let invoice = json!({
        "id": format!("i{of}"), "payment_intent": format!("pi_of_invoice_{number}"), "amount_paid": 900, "amount_due": 900, "currency": "usd",
        "customer": format!("cus_{of}"),
    });
    let card = json!({ "id": format!("pm_{number}"), "customer": format!("cus_{of}"), "card": { "brand": "visa", "last4": "4242" } });
    let customer = json!({ "id": format!("cus_{of}"), "email": format!("stripe{of}@example.com"), "phone": format!("+1503555030{of}") });
    let item = json!({ "id": "si_1", "current_period_start": 1_795_000_000, "current_period_end": 1_797_000_000 });
    let status = ["active", "past_due", "canceled"][usize::try_from(of).expect("a few")];
    let subscription = json!({ "id": format!("sub_{of}"), "customer": format!("cus_{of}"), "status": status, "items": { "data": [item] } });
    let mut all = vec![
        stripe("payment_intent.succeeded", intent),
        stripe("payment_intent.payment_failed", failed),
        stripe("charge.refunded", refunded),
        stripe("invoice.paid", invoice),
        stripe("setup_intent.succeeded", json!({ "id": "seti_1", "customer": format!("cus_{of}"), "payment_method": card })),
        stripe("customer.created", customer),
        stripe("customer.subscription.updated", subscription),
        text_in(&format!("SMin{number}"), "Hello", None, at),
        text_status(&format!("SMout{number}"), "delivered", &format!("+1503555010{of}"), None, at),
    ];
    all.extend(shop_events(number, at));
    let full_name = if of == 0 { long("acme") } else { format!("acme/site{of}") };
    let repository = json!({ "id": 1000 + number, "full_name": full_name, "updated_at": at, "owner": { "login": "acme" } });
    all.push(github(&format!("d{number}"), "repository.edited", at, json!({ "action": "edited", "repository": repository })));
    all
}

fn shop_events(number: u64, at: Timestamp) -> Vec<InboundMessage> {
    let of = third(number);
    let shop = format!("shop{of}.myshopify.com");
    let said =
        |topic: &str, body: Value| event("shopify", &format!("{shop}:{topic}:{number}"), topic, Some(&shop), "", at, &body.to_string());
    let email = if of == 0 { format!("{}@example.com", long("dana")) } else { format!("dana{of}@example.com") };
    let fulfilled = [Some("fulfilled"), Some("partial"), None][usize::try_from(of).expect("a few")];
    let order = json!({
        "id": 9000 + number, "name": "#1", "currency": "USD", "total_price": "54.50", "financial_status": if number.is_multiple_of(2) { "paid" } else { "pending" },
        "fulfillment_status": fulfilled, "created_at": at, "updated_at": at, "customer": { "id": 5000 + of },
    });
    let product = json!({ "id": 8000 + number, "title": "Mug", "status": if number.is_multiple_of(2) { "active" } else { "draft" }, "updated_at": at });
    let customer = json!({ "id": 7000 + number, "email": email, "state": if number.is_multiple_of(2) { "enabled" } else { "disabled" }, "updated_at": at });
    vec![said("orders/updated", order), said("products/create", product), said("customers/create", customer)]
}

/// Everything of the list at `path`, read in pages of so many, with what comes of it.
async fn pages(world: &World, path: &str, filter: Option<(&str, &str)>, limit: usize) -> Vec<Value> {
    let filter = filter.map(|(name, value)| format!("{name}={}&", percent(value))).unwrap_or_default();
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = call(world, Method::GET, &format!("/api/v1{path}?{filter}limit={limit}{cursor}"), None).await;
        assert!(answer.status.is_success(), "{path}?{filter}: {}", answer.json);
        let page = answer.json["items"].as_array().cloned().expect("items");
        assert!(page.len() <= limit, "{path}?{filter}");
        items.extend(page);
        match answer.json["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The lists, each with its filters, as the description of the API has them.
fn lists() -> BTreeMap<String, Vec<String>> {
    let document = openapi();
    let mut lists = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let names: Vec<_> = item["get"]["parameters"].as_array().into_iter().flatten().filter_map(|one| one["name"].as_str()).collect();
        if names.contains(&"unmatched") && path != "/inbound" {
            let filters = names.into_iter().filter(|name| !["unmatched", "limit", "cursor"].contains(name)).map(str::to_owned);
            lists.insert(path.clone(), filters.collect());
        }
    }
    lists
}

#[tokio::test]
async fn a_list_with_a_filter_is_the_list_without_what_does_not_fit() {
    let world = World::new(start(), true);
    for number in 0..MANY {
        world.clock.set(start() + minutes(number));
        // Puts before what is heard, and after it.
        if number.is_multiple_of(2) {
            puts(&world, number).await;
        }
        for event in events(number) {
            with(&world, event).await;
        }
        if number % 2 == 1 {
            puts(&world, number).await;
        }
    }
    world.run_until_quiet().await;
    let parked: Vec<_> = world.events().into_iter().filter_map(|event| event.reason).collect();
    assert!(parked.is_empty(), "{parked:?}");
    let lists = lists();
    assert_eq!(lists.len(), 13, "{lists:?}");
    for (path, filters) in lists {
        let all = pages(&world, &path, None, 1_000).await;
        assert_eq!(pages(&world, &path, None, 3).await, all, "{path}");
        for name in filters {
            let values: std::collections::BTreeSet<_> = all.iter().filter_map(|item| item[&name].as_str()).collect();
            let mut largest = 0;
            for value in &values {
                let expected: Vec<_> = all.iter().filter(|item| item[&name] == **value).cloned().collect();
                largest = largest.max(expected.len());
                for limit in [2, expected.len(), 1_000] {
                    assert_eq!(pages(&world, &path, Some((&name, value)), limit).await, expected, "{path}?{name}={value}, {limit} a page");
                }
            }
            // Records that don't say whose they are lie in the spaces of tenants, of which there is none here.
            let of_spaces = name == "tenant" && values.is_empty();
            assert!(path == "/shops" || of_spaces || (values.len() >= 2 && largest >= 3), "{path}?{name}: {values:?}, at most {largest}");
        }
    }
    every_order::findable(&world).await;
    any_order::findable(&world).await;
}

#[tokio::test]
async fn what_nothing_fits_is_empty() {
    let world = World::new(start(), false);
    puts(&world, 1).await;
    for (path, filters) in lists() {
        for name in filters {
            for value in ["nobody", "a/b", "", &"x".repeat(3_000)] {
                let answer = call(&world, Method::GET, &format!("/api/v1{path}?{name}={}", percent(value)), None).await;
                // A filter by a state may know its words.
                let refused = answer.json["detail"].as_str().is_some_and(|detail| detail.contains("is one of"));
                let found = (&answer.json["items"], &answer.json["next"]);
                assert!(refused || found == (&json!([]), &Value::Null), "{path}?{name}={value}: {}", answer.json);
            }
        }
    }
}

#[tokio::test]
async fn several_filters_hold_together() {
    let world = World::new(start(), false);
    for number in 0..MANY {
        world.clock.set(start() + minutes(number));
        puts(&world, number).await;
        for event in events(number) {
            with(&world, event).await;
        }
    }
    for (path, filters) in [
        ("/invoices", [("customer_id", "c1"), ("tenant", "t1"), ("status", "paid")].as_slice()),
        ("/customers", &[("stripe_customer_id", "cus_1"), ("email", "c1@example.com")]),
        ("/payments", &[("booking_id", "b1"), ("status", "succeeded"), ("method", "stripe_online"), ("stripe_customer_id", "cus_1")]),
        ("/messages", &[("to", "+15035550101"), ("booking_id", "b1"), ("channel", "voice")]),
        ("/orders", &[("shop", "shop1.myshopify.com"), ("customer_id", "5001"), ("financial_status", "paid")]),
    ] {
        let all = pages(&world, path, None, 1_000).await;
        let fits = |item: &&Value| filters.iter().all(|(name, value)| item[*name] == *value);
        let expected: Vec<_> = all.iter().filter(fits).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < all.len(), "{path}");
        let (first, rest) = filters.split_first().expect("some");
        let more: String = rest.iter().map(|(name, value)| format!("&{name}={}", percent(value))).collect();
        for limit in [1, 1_000] {
            let (mut found, mut cursor) = (Vec::new(), String::new());
            loop {
                let asked = format!("/api/v1{path}?{}={}{more}&limit={limit}{cursor}", first.0, percent(first.1));
                let page = call(&world, Method::GET, &asked, None).await.json;
                found.extend(page["items"].as_array().expect("items").iter().cloned());
                let Some(next) = page["next"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            assert_eq!(found, expected, "{path}");
        }
    }
}
