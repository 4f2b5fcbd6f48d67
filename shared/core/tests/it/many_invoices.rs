//! A customer whose Stripe id becomes known while many of its invoices wait for that: all of them are matched, in steps that a store can commit, and as if the
//! id had been known from the first.

use std::collections::BTreeMap;

use axum::http::Method;
use serde_json::{Value, json};
use sluice_core::{
    event::EventStatus,
    testing::{Fault, World, stripe},
};

use crate::support::{call, drawn_faults, minutes, put_until_done, start};

/// How many invoices wait: more than one commit can hold.
const INVOICES: usize = 120;
/// The amounts that they are over, in turns.
const AMOUNTS: [i64; 3] = [4900, 5000, 5100];

/// The invoice with that number. Those that were put later come first in the order of their ids.
fn invoice(number: usize) -> (String, Value) {
    let body = json!({ "customer_id": "c1", "amount": AMOUNTS[number % AMOUNTS.len()], "currency": "usd" });
    (format!("/api/v1/invoices/INV-{:03}", INVOICES - number), body)
}

/// Stripe's customer cus_1 pays for the n-th time, after all that has happened.
async fn pay(world: &World, number: usize, amount: i64) {
    let intent = json!({ "id": format!("pi_{number}"), "object": "payment_intent", "amount": amount, "amount_received": amount, "currency": "usd", "customer": "cus_1" });
    let at = start() + minutes(1000 + number as u64);
    world.enqueue(&stripe(&format!("evt_{number}"), "payment_intent.succeeded", at, start(), &intent)).await;
}

async fn put_customer(world: &World, stripe_id: Value) {
    put_until_done(world, "/api/v1/customers/c1", &json!({ "name": "Ana Lima", "stripe_customer_id": stripe_id })).await;
}

/// The payments of all invoices, by the invoice.
async fn paid_with(world: &World) -> BTreeMap<String, Value> {
    let page = call(world, Method::GET, "/api/v1/invoices?customer_id=c1&limit=1000", None).await.json;
    let items = page["items"].as_array().expect("items").iter();
    items.map(|item| (item["id"].as_str().expect("an id").to_owned(), item["payments"].clone())).collect()
}

/// When the customer's Stripe id becomes known.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    BeforeAll,
    /// After so many of the payments; the next so many come while the invoices are being taken.
    After(usize, usize),
}

/// The story of many invoices and of payments for some of them, with calls that go wrong: who paid what in the end, and how many calls there were.
async fn story(known: Known, faults: &[(u64, Fault)]) -> (BTreeMap<String, Value>, u64) {
    let world = World::new(start(), true);
    let id_at = match known {
        Known::BeforeAll => {
            put_customer(&world, json!("cus_1")).await;
            usize::MAX
        }
        Known::After(payments, _) => payments,
    };
    for number in 0..INVOICES {
        world.clock.advance(minutes(1));
        let (path, body) = invoice(number);
        put_until_done(&world, &path, &body).await;
    }
    let begun = world.faults.calls();
    faults.iter().for_each(|(call, fault)| world.faults.plan(begun + *call, *fault));
    for number in 0..=12 {
        if number == id_at {
            put_customer(&world, json!("cus_1")).await;
        }
        pay(&world, number, AMOUNTS[number % 2]).await;
        let at_once = matches!(known, Known::After(before, meanwhile) if number >= before && number < before + meanwhile);
        if at_once { while world.step().await {} } else { world.run_until_quiet().await }
    }
    world.run_until_quiet().await;
    let stuck: Vec<_> = world.events().into_iter().filter(|event| event.status != EventStatus::Done).collect();
    assert!(stuck.is_empty(), "{stuck:?}");
    (paid_with(&world).await, world.faults.calls() - begun)
}

#[tokio::test]
async fn all_invoices_of_a_customer_whose_stripe_id_becomes_known_are_paid_as_if_it_had_been_from_the_first() {
    let (expected, _) = story(Known::BeforeAll, &[]).await;
    let paid = expected.values().filter(|payments| **payments != json!([])).count();
    assert_eq!((expected.len(), paid), (INVOICES, 13));
    for known in [Known::After(0, 0), Known::After(6, 0), Known::After(0, 13), Known::After(3, 6)] {
        let (found, calls) = story(known, &[]).await;
        assert_eq!(found, expected, "{known:?}");
        for seed in 0..4 {
            let faults = drawn_faults(seed, calls);
            // A payment that is handled later pays a later invoice, as if it had come later.
            let paid = |end: &BTreeMap<String, Value>| end.iter().map(|(id, by)| (id.clone(), *by != json!([]))).collect::<Vec<_>>();
            assert_eq!(paid(&story(known, &faults).await.0), paid(&expected), "{known:?}, {faults:?}");
        }
    }
}

#[tokio::test]
async fn invoices_that_wait_for_the_stripe_id_wait_on_when_it_is_taken_back_meanwhile() {
    let world = World::new(start(), true);
    for number in 0..INVOICES {
        let (path, body) = invoice(number);
        put_until_done(&world, &path, &body).await;
    }
    let open = |world: &World| world.documents("open_invoices").iter().map(|stored| waiting(&stored.document.data)).sum::<usize>();
    put_customer(&world, json!("cus_1")).await;
    let first = open(&world);
    assert!(first > 0 && first < INVOICES, "{first}");
    put_customer(&world, json!(null)).await;
    world.run_until_quiet().await;
    assert_eq!(open(&world), first);
    put_customer(&world, json!("cus_1")).await;
    world.run_until_quiet().await;
    assert_eq!(open(&world), INVOICES);
}

/// How many invoices wait for payments in a place.
fn waiting(data: &[u8]) -> usize {
    let place: Value = serde_json::from_slice(data).expect("JSON");
    place["invoices"].as_object().map_or(0, serde_json::Map::len)
}
