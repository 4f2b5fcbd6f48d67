//! Which invoice a payment pays, and how much of it: each rule by example.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::{
    ports::StripeObject,
    testing::{Fault, World, stripe},
};

use crate::{
    any_order::orders,
    business_events::{subscribe, types},
    invoicing::{charge, get, intent, invoice, put, stripe_invoice, with, world},
    same_moment::interrupted,
    support::{as_an_older_version_wrote_it, call, minutes, start},
};

async fn asked_to_put(world: &World, id: &str, changes: Value) -> (StatusCode, Value) {
    let answer = call(world, Method::PUT, &format!("/api/v1/invoices/{id}"), Some(invoice(changes))).await;
    (answer.status, answer.json)
}

/// The status of an invoice, with what was paid and what is missing.
async fn state(world: &World, id: &str) -> Value {
    let invoice = get(world, &format!("invoices/{id}")).await;
    json!([invoice["status"], invoice["amount_paid"], invoice["amount_remaining"]])
}

async fn invoice_of(world: &World, intent: &str) -> Value {
    get(world, &format!("payments/{intent}")).await["invoice_id"].clone()
}

async fn unmatched(world: &World, list: &str) -> Vec<Value> {
    let list = get(world, &format!("{list}?unmatched=true")).await;
    list["items"].as_array().expect("items").iter().map(|item| item["id"].clone()).collect()
}

#[tokio::test]
async fn one_payment_pays_one_invoice_the_first_that_was_put_with_it() {
    for paid_at in 0..3 {
        let world = world();
        let named = json!({ "stripe_payment_intent_id": "pi_1", "stripe_customer_id": null });
        let pay = async |step: i32| {
            if step == paid_at {
                with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
            }
        };
        pay(0).await;
        assert_eq!(asked_to_put(&world, "INV-1", named.clone()).await.0, StatusCode::CREATED);
        pay(1).await;
        let (status, problem) = asked_to_put(&world, "INV-2", named.clone()).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (StatusCode::CONFLICT, &json!("stripe_payment_intent_id")));
        assert!(problem["errors"][0]["message"].as_str().is_some_and(|message| message.contains("INV-1")), "{problem}");
        pay(2).await;
        assert_eq!(call(&world, Method::GET, "/api/v1/invoices/INV-2", None).await.status, StatusCode::NOT_FOUND);
        assert_eq!((state(&world, "INV-1").await, invoice_of(&world, "pi_1").await), (json!(["paid", 4900, 0]), json!("INV-1")));
        // Its owner may put it again, and give it to the other one.
        assert_eq!(asked_to_put(&world, "INV-1", named.clone()).await.0, StatusCode::OK);
        assert_eq!(asked_to_put(&world, "INV-1", json!({ "stripe_customer_id": null })).await.0, StatusCode::OK);
        assert_eq!(asked_to_put(&world, "INV-2", named.clone()).await.0, StatusCode::CREATED);
        assert_eq!((state(&world, "INV-1").await, state(&world, "INV-2").await), (json!(["open", 0, 4900]), json!(["paid", 4900, 0])));
    }
}

#[tokio::test]
async fn two_invoices_that_an_older_version_let_be_put_with_one_payment_both_stay_its() {
    let world = world();
    let (named, unnamed) = (json!({ "stripe_payment_intent_id": "pi_1" }), json!({ "stripe_customer_id": null }));
    put(&world, "invoices/INV-1", invoice(named.clone())).await;
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
    put(&world, "invoices/INV-2", invoice(unnamed.clone())).await;
    as_an_older_version_wrote_it(&world, "transaction", "pi_1", |payment| payment["claimed_by"] = json!(["INV-1", "INV-2"])).await;
    let first = world.documents("invoice").into_iter().find(|stored| stored.document.key.id == "INV-1").expect("is there");
    let first: Value = serde_json::from_slice(&first.document.data).expect("is JSON");
    as_an_older_version_wrote_it(&world, "invoice", "INV-2", |invoice| {
        for field in ["put", "claimed", "payments"] {
            invoice.insert(field.to_owned(), first[field].clone());
        }
    })
    .await;
    let both = async || [state(&world, "INV-1").await, state(&world, "INV-2").await];
    assert_eq!(both().await, [json!(["paid", 4900, 0]), json!(["paid", 4900, 0])]);
    // What is heard of the payment, both hear.
    with(&world, "evt_2", "charge.refunded", charge(900)).await;
    assert_eq!(both().await, [json!(["paid", 4900, 0]), json!(["paid", 4900, 0])]);
    with(&world, "evt_3", "charge.refunded", charge(4900)).await;
    assert_eq!(both().await, [json!(["refunded", 4900, 0]), json!(["refunded", 4900, 0])]);
    assert_eq!(invoice_of(&world, "pi_1").await, "INV-1");
    // Either may be given another, and a third one is not taken.
    assert_eq!(asked_to_put(&world, "INV-3", named).await.0, StatusCode::CONFLICT);
    put(&world, "invoices/INV-1", invoice(unnamed)).await;
    assert_eq!(
        (both().await, invoice_of(&world, "pi_1").await),
        ([json!(["open", 0, 4900]), json!(["refunded", 4900, 0])], json!("INV-2"))
    );
}

#[tokio::test]
async fn two_invoices_put_with_one_payment_at_the_same_moment_are_one_and_a_refusal() {
    let named = || json!({ "stripe_payment_intent_id": "pi_1" });
    let mut call = 0;
    loop {
        let world = world();
        let (first, second) = (std::cell::Cell::new(None), std::cell::Cell::new(None));
        let begun = world.faults.calls();
        world.faults.plan(begun + call, Fault::Yield);
        let other = async { second.set(Some(asked_to_put(&world, "INV-2", named()).await.0)) };
        interrupted(async { first.set(Some(asked_to_put(&world, "INV-1", named()).await.0)) }, other).await;
        let calls = world.faults.calls() - begun;
        with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
        let answers = (first.get().expect("an answer"), second.get().expect("an answer"));
        let winner = match answers {
            (StatusCode::CREATED, StatusCode::CONFLICT) => "INV-1",
            (StatusCode::CONFLICT, StatusCode::CREATED) => "INV-2",
            other => panic!("interrupted at call {call}: {other:?}"),
        };
        assert_eq!(get(&world, "invoices").await["items"].as_array().map(Vec::len), Some(1), "interrupted at call {call}");
        assert_eq!((invoice_of(&world, "pi_1").await, state(&world, winner).await[0].clone()), (json!(winner), json!("paid")));
        call += 1;
        if call >= calls {
            return;
        }
    }
}

#[tokio::test]
async fn a_payment_that_an_invoice_was_put_with_is_not_stripes_invoices_too() {
    let world = world();
    put(&world, "invoices/in_1", invoice(json!({}))).await;
    let payment = json!({ "invoice": "in_1", "amount_paid": 4900, "currency": "usd", "payment": { "payment_intent": "pi_1" } });
    with(&world, "evt_1", "invoice_payment.paid", payment).await;
    assert_eq!(state(&world, "in_1").await, json!(["paid", 4900, 0]));
    put(&world, "invoices/INV-1", invoice(json!({ "stripe_payment_intent_id": "pi_1" }))).await;
    assert_eq!((state(&world, "INV-1").await, state(&world, "in_1").await), (json!(["paid", 4900, 0]), json!(["open", 0, 4900])));
    // What Stripe says of its own invoice stands all the same.
    with(&world, "evt_2", "invoice.paid", stripe_invoice(json!({}))).await;
    assert_eq!(state(&world, "in_1").await, json!(["paid", 0, 0]));
}

#[tokio::test]
async fn a_match_by_likeness_ends_when_a_put_makes_them_unlike() {
    for changes in [
        json!({ "amount": 5000 }),
        json!({ "currency": "eur" }),
        json!({ "stripe_customer_id": "cus_2" }),
        json!({ "stripe_customer_id": null }),
        json!({ "stripe_payment_intent_id": "pi_9" }),
    ] {
        let world = world();
        put(&world, "invoices/INV-1", invoice(json!({}))).await;
        with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
        assert_eq!(state(&world, "INV-1").await[0], "paid");
        put(&world, "invoices/INV-1", invoice(json!({ "metadata": { "a": "b" }, "due_at": "2026-12-01T00:00:00Z" }))).await;
        assert_eq!(state(&world, "INV-1").await[0], "paid", "still alike");
        put(&world, "invoices/INV-1", invoice(changes.clone())).await;
        let released = get(&world, "invoices/INV-1").await;
        assert_eq!(released["status"], "open", "{changes}");
        assert!(!released["payments"].as_array().expect("payments").contains(&json!("pi_1")), "{changes}");
        assert_eq!(
            (invoice_of(&world, "pi_1").await, unmatched(&world, "payments").await),
            (Value::Null, vec![json!("pi_1")]),
            "{changes}"
        );
        // It is matched to the next one that is like it, be that the same invoice again.
        put(&world, "invoices/INV-2", invoice(json!({}))).await;
        assert_eq!((invoice_of(&world, "pi_1").await, unmatched(&world, "payments").await), (json!("INV-2"), vec![]), "{changes}");
    }
}

#[tokio::test]
async fn a_payment_that_is_no_longer_like_its_invoice_goes_to_one_that_waits_and_the_invoice_takes_another() {
    let world = world();
    for (id, amount) in [("INV-1", 4900), ("INV-2", 4900)] {
        put(&world, &format!("invoices/{id}"), invoice(json!({ "amount": amount }))).await;
        world.clock.advance(minutes(1));
    }
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
    with(&world, "evt_2", "payment_intent.succeeded", intent(json!({ "id": "pi_2", "amount": 5000, "amount_received": 5000 }))).await;
    assert_eq!((invoice_of(&world, "pi_1").await, invoice_of(&world, "pi_2").await), (json!("INV-1"), Value::Null));
    put(&world, "invoices/INV-1", invoice(json!({ "amount": 5000 }))).await;
    assert_eq!((invoice_of(&world, "pi_1").await, invoice_of(&world, "pi_2").await), (json!("INV-2"), json!("INV-1")));
    for id in ["INV-1", "INV-2"] {
        assert_eq!(state(&world, id).await[0], "paid", "{id}");
    }
}

#[tokio::test]
async fn a_link_by_id_stays_whatever_the_amount_becomes() {
    let world = world();
    put(&world, "invoices/INV-1", invoice(json!({ "stripe_payment_intent_id": "pi_1" }))).await;
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
    put(&world, "invoices/INV-1", invoice(json!({ "stripe_payment_intent_id": "pi_1", "amount": 5000 }))).await;
    assert_eq!((state(&world, "INV-1").await, invoice_of(&world, "pi_1").await), (json!(["open", 4900, 100]), json!("INV-1")));
    put(&world, "invoices/INV-1", invoice(json!({ "stripe_payment_intent_id": "pi_1", "amount": 4000 }))).await;
    assert_eq!(state(&world, "INV-1").await, json!(["paid", 4900, 0]));
}

#[tokio::test]
async fn a_payment_of_less_than_is_due_leaves_an_invoice_open() {
    for put_first in [false, true] {
        let world = world();
        let word = invoice(json!({ "amount": 50_000, "stripe_payment_intent_id": "pi_1" }));
        if put_first {
            put(&world, "invoices/INV-1", word.clone()).await;
        }
        with(&world, "evt_1", "payment_intent.succeeded", intent(json!({ "amount": 500, "amount_received": 500 }))).await;
        if !put_first {
            put(&world, "invoices/INV-1", word).await;
        }
        let invoice = get(&world, "invoices/INV-1").await;
        assert_eq!((&invoice["paid_at"], &invoice["payments"]), (&Value::Null, &json!(["pi_1"])));
        assert_eq!(state(&world, "INV-1").await, json!(["open", 500, 49_500]), "put first: {put_first}");
        // Given back, nothing of it is paid; and it is not an invoice that was paid and given back.
        with(
            &world,
            "evt_2",
            "charge.refunded",
            json!({ "id": "ch_1", "amount": 500, "amount_refunded": 500, "currency": "usd", "payment_intent": "pi_1" }),
        )
        .await;
        assert_eq!(state(&world, "INV-1").await, json!(["open", 500, 50_000]));
        assert_eq!(get(&world, "payments/pi_1").await["status"], "refunded");
    }
}

#[tokio::test]
async fn a_payment_in_another_currency_pays_nothing_of_it() {
    let world = world();
    put(&world, "invoices/INV-1", invoice(json!({ "currency": "jpy", "amount": 4900, "stripe_payment_intent_id": "pi_1" }))).await;
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
    assert_eq!(state(&world, "INV-1").await, json!(["open", 0, 4900]));
    put(&world, "invoices/INV-2", invoice(json!({ "currency": "jpy", "amount": 4900, "stripe_payment_intent_id": "pi_2" }))).await;
    with(&world, "evt_2", "payment_intent.succeeded", intent(json!({ "id": "pi_2", "currency": "jpy" }))).await;
    assert_eq!(state(&world, "INV-2").await, json!(["paid", 4900, 0]));
}

#[tokio::test]
async fn stripes_word_that_its_invoice_is_paid_stands_whatever_was_paid() {
    let world = world();
    put(&world, "invoices/INV-1", invoice(json!({ "amount": 5000, "stripe_payment_intent_id": "pi_1" }))).await;
    put(&world, "invoices/in_2", invoice(json!({ "amount": 5000 }))).await;
    // A balance or a credit note may have paid the rest.
    with(&world, "evt_1", "invoice.paid", stripe_invoice(json!({ "amount_paid": 3000, "payment_intent": "pi_1" }))).await;
    with(&world, "evt_2", "invoice.paid", stripe_invoice(json!({ "id": "in_2", "amount_paid": 3000, "payment_intent": "pi_2" }))).await;
    for id in ["INV-1", "in_2"] {
        assert_eq!(state(&world, id).await, json!(["paid", 3000, 0]), "{id}");
    }
    let back = json!({ "id": "ch_1", "amount": 3000, "amount_refunded": 3000, "currency": "usd", "payment_intent": "pi_1" });
    with(&world, "evt_3", "charge.refunded", back).await;
    assert_eq!(state(&world, "INV-1").await, json!(["refunded", 3000, 0]));
}

#[tokio::test]
async fn a_refund_whose_payment_was_not_heard_of_shows_that_it_was_paid() {
    let world = world();
    put(&world, "invoices/INV-1", invoice(json!({ "stripe_payment_intent_id": "pi_1" }))).await;
    with(&world, "evt_1", "charge.refunded", charge(900)).await;
    assert_eq!(state(&world, "INV-1").await, json!(["paid", 4900, 0]));
    with(&world, "evt_2", "charge.refunded", charge(4900)).await;
    assert_eq!(state(&world, "INV-1").await, json!(["refunded", 4900, 0]));
}

/// What comes of a payment of minute 0 of which so much is given back in a minute of its own, and of an invoice like it that is put half a second into minute
/// 30: the same in every order in which they are heard.
async fn given_back(amount: i64, minute: u64) -> (World, Value) {
    let mut end: Option<(World, Value)> = None;
    for order in orders(3) {
        let world = world();
        world.clock.advance(minutes(30) + std::time::Duration::from_millis(500));
        for step in &order {
            let (id, kind, minute, object) = match step {
                0 => ("evt_1", "payment_intent.succeeded", 0, intent(json!({}))),
                1 => ("evt_2", "charge.refunded", minute, charge(amount)),
                _ => {
                    put(&world, "invoices/INV-1", invoice(json!({}))).await;
                    continue;
                }
            };
            world.enqueue(&stripe(id, kind, start() + minutes(minute), start(), &object)).await;
            while world.step().await {}
        }
        let now = json!([state(&world, "INV-1").await, invoice_of(&world, "pi_1").await, unmatched(&world, "payments").await]);
        if let Some((_, before)) = &end {
            assert_eq!(now, *before, "{order:?}");
        }
        end = Some((world, now));
    }
    end.expect("an order")
}

#[tokio::test]
async fn a_payment_of_which_something_was_given_back_before_an_invoice_like_it_was_put_does_not_pay_it() {
    for amount in [4900, 900] {
        let (world, end) = given_back(amount, 1).await;
        assert_eq!(end, json!([["open", 0, 4900], null, ["pi_1"]]), "{amount} given back");
        // Another payment like it does.
        with(&world, "evt_3", "payment_intent.succeeded", intent(json!({ "id": "pi_2" }))).await;
        assert_eq!((state(&world, "INV-1").await, invoice_of(&world, "pi_2").await), (json!(["paid", 4900, 0]), json!("INV-1")));
    }
}

#[tokio::test]
async fn what_is_given_back_once_an_invoice_was_put_was_paid_for_it() {
    assert_eq!(given_back(4900, 60).await.1, json!([["refunded", 4900, 0], "INV-1", []]));
    assert_eq!(given_back(900, 60).await.1, json!([["paid", 4900, 0], "INV-1", []]));
    // Of Stripe's times only the second is known: one of the second of the put is not before it.
    assert_eq!(given_back(900, 30).await.1, json!([["paid", 4900, 0], "INV-1", []]));
}

#[tokio::test]
async fn a_payment_whose_refund_failed_pays_an_invoice_like_it_again() {
    let (world, _) = given_back(4900, 1).await;
    let failed = json!({ "id": "re_1", "amount": 4900, "currency": "usd", "charge": "ch_1", "payment_intent": "pi_1", "status": "failed" });
    world.enqueue(&stripe("evt_3", "refund.failed", start() + minutes(90), start(), &failed)).await;
    while world.step().await {}
    assert_eq!((state(&world, "INV-1").await, invoice_of(&world, "pi_1").await), (json!(["paid", 4900, 0]), json!("INV-1")));
}

#[tokio::test]
async fn a_payment_that_an_older_version_let_wait_though_it_was_given_back_pays_no_invoice() {
    for amount in [4900, 900] {
        let world = world();
        for (id, intent_id, kind, object) in [
            ("evt_1", "pi_1", "payment_intent.succeeded", intent(json!({}))),
            ("evt_2", "pi_1", "charge.refunded", charge(amount)),
            ("evt_3", "pi_2", "payment_intent.succeeded", intent(json!({ "id": "pi_2" }))),
        ] {
            with(&world, id, kind, object).await;
            assert_eq!(invoice_of(&world, intent_id).await, Value::Null);
        }
        // As it was stored before it was noted there what is given back.
        as_an_older_version_wrote_it(&world, "open_invoices", "cus_1:usd:4900", |open| {
            assert!(open.remove("given_back").is_some());
        })
        .await;
        world.clock.advance(minutes(30));
        put(&world, "invoices/INV-1", invoice(json!({}))).await;
        let shown = [invoice_of(&world, "pi_1").await, invoice_of(&world, "pi_2").await];
        assert_eq!((state(&world, "INV-1").await, shown), (json!(["paid", 4900, 0]), [Value::Null, json!("INV-1")]), "{amount}");
        // The next one finds none, and waits for one.
        put(&world, "invoices/INV-2", invoice(json!({}))).await;
        assert_eq!((state(&world, "INV-2").await, invoice_of(&world, "pi_1").await), (json!(["open", 0, 4900]), Value::Null), "{amount}");
        with(&world, "evt_4", "payment_intent.succeeded", intent(json!({ "id": "pi_3" }))).await;
        assert_eq!(state(&world, "INV-2").await, json!(["paid", 4900, 0]), "{amount}");
    }
}

#[tokio::test]
async fn an_invoice_asks_for_another_amount_since_it_was_put_so() {
    let world = world();
    put(&world, "invoices/INV-1", invoice(json!({ "amount": 5000 }))).await;
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
    with(&world, "evt_2", "charge.refunded", charge(4900)).await;
    world.clock.advance(minutes(30));
    put(&world, "invoices/INV-1", invoice(json!({}))).await;
    assert_eq!((state(&world, "INV-1").await, invoice_of(&world, "pi_1").await), (json!(["open", 0, 4900]), Value::Null));
    // Put once more it asks for nothing else, and what it was paid with stays.
    with(&world, "evt_3", "payment_intent.succeeded", intent(json!({ "id": "pi_2" }))).await;
    let mut back = charge(4900);
    (back["id"], back["payment_intent"]) = (json!("ch_2"), json!("pi_2"));
    world.enqueue(&stripe("evt_4", "charge.refunded", start() + minutes(60), start(), &back)).await;
    while world.step().await {}
    world.clock.advance(minutes(60));
    put(&world, "invoices/INV-1", invoice(json!({ "metadata": { "a": "b" } }))).await;
    assert_eq!((state(&world, "INV-1").await, invoice_of(&world, "pi_2").await), (json!(["refunded", 4900, 0]), json!("INV-1")));
}

#[tokio::test]
async fn an_invoice_over_nothing_is_paid_when_it_is_put() {
    let world = world();
    subscribe(&world, json!({ "event_types": ["invoice.*"] })).await;
    put(&world, "invoices/INV-1", invoice(json!({ "amount": 0 }))).await;
    let shown = get(&world, "invoices/INV-1").await;
    assert_eq!((state(&world, "INV-1").await, &shown["paid_at"]), (json!(["paid", 0, 0]), &json!(start())));
    world.run_until_quiet().await;
    assert_eq!(types(&world), ["invoice.created", "invoice.paid"]);
    // Put back as it was read it stays so, since then; with an amount it asks for that.
    world.clock.advance(minutes(5));
    put(&world, "invoices/INV-1", shown.clone()).await;
    assert_eq!(get(&world, "invoices/INV-1").await["paid_at"], shown["paid_at"]);
    let mut whole = get(&world, "invoices/INV-1").await;
    whole["amount"] = json!(4900);
    put(&world, "invoices/INV-1", whole).await;
    assert_eq!(state(&world, "INV-1").await, json!(["open", 0, 4900]));
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
    assert_eq!(state(&world, "INV-1").await[0], "paid");
}

/// Two payments of one invoice, with refunds of the first before and after the second: what happened, and in which minute.
fn refunds_around_a_second_payment() -> Vec<(&'static str, u64, Value)> {
    let payment = |intent: &str, amount: i64| json!({ "invoice": "in_1", "amount_paid": amount, "currency": "usd", "payment": { "payment_intent": intent } });
    let back =
        |in_all: i64| json!({ "id": "ch_1", "amount": 6000, "amount_refunded": in_all, "currency": "usd", "payment_intent": "pi_1" });
    vec![
        ("invoice_payment.paid", 0, payment("pi_1", 6000)),
        ("charge.refunded", 1, back(1000)),
        ("invoice_payment.paid", 3, payment("pi_2", 1000)),
        ("charge.refunded", 5, back(2000)),
    ]
}

#[tokio::test]
async fn a_refund_makes_no_invoice_paid_in_whichever_order_it_is_heard() {
    let happened = refunds_around_a_second_payment();
    for order in orders(happened.len()) {
        let world = world();
        subscribe(&world, json!({ "event_types": ["invoice.paid"] })).await;
        put(&world, "invoices/in_1", invoice(json!({ "amount": 7000, "stripe_customer_id": null }))).await;
        for number in &order {
            let (kind, minute, object) = &happened[*number];
            let before = (state(&world, "in_1").await[0] == "paid", types(&world).len());
            world.enqueue(&stripe(&format!("evt_{number}"), kind, start() + minutes(*minute), start(), object)).await;
            world.run_until_quiet().await;
            if *kind == "charge.refunded" {
                let paid = state(&world, "in_1").await[0] == "paid";
                assert!(before.0 || !paid, "the refund {number} made it paid: {order:?}");
                assert_eq!(types(&world).len(), before.1, "the refund {number} told of a payment: {order:?}");
            }
        }
        let invoice = get(&world, "invoices/in_1").await;
        assert_eq!((state(&world, "in_1").await, &invoice["paid_at"]), (json!(["open", 7000, 2000]), &Value::Null), "{order:?}");
        if order.is_sorted() {
            assert_eq!(types(&world), [""; 0], "nothing made it paid");
        }
    }
}

#[tokio::test]
async fn what_a_refund_that_failed_brought_back_is_paid_from_then_on() {
    let failed = |minute: u64| {
        let refund =
            json!({ "id": "re_1", "amount": 1000, "currency": "usd", "charge": "ch_1", "payment_intent": "pi_1", "status": "failed" });
        ("refund.failed", minute, refund)
    };
    let around = refunds_around_a_second_payment();
    // The one refund failed: all that is due is there. Or one of two did: some of it is still missing.
    for (fourth, fifth, expected, paid_in) in [
        (failed(5), None, json!(["paid", 7000, 0]), Some(5)),
        (failed(2), None, json!(["paid", 7000, 0]), Some(3)),
        (around[3].clone(), Some(failed(6)), json!(["open", 7000, 1000]), None),
    ] {
        let happened: Vec<_> = around[..3].iter().cloned().chain([fourth]).chain(fifth).collect();
        for order in orders(happened.len()) {
            let world = world();
            put(&world, "invoices/in_1", invoice(json!({ "amount": 7000, "stripe_customer_id": null }))).await;
            for number in &order {
                let (kind, minute, object) = &happened[*number];
                world.enqueue(&stripe(&format!("evt_{number}"), kind, start() + minutes(*minute), start(), object)).await;
                world.run_until_quiet().await;
            }
            let paid_at = get(&world, "invoices/in_1").await["paid_at"].clone();
            let expected_at = paid_in.map_or(Value::Null, |minute| json!(start() + minutes(minute)));
            assert_eq!((state(&world, "in_1").await, paid_at), (expected.clone(), expected_at), "{order:?}");
        }
    }
}

#[tokio::test]
async fn what_stripe_keeps_to_itself_waits_for_nothing() {
    let world = world();
    // Without a key nobody says which payment it is: its word waits to be handed on.
    with(&world, "evt_1", "invoice.paid", stripe_invoice(json!({}))).await;
    assert_eq!(unmatched(&world, "invoices").await, ["in_1"]);
    let payment = json!({ "invoice": "in_1", "amount_paid": 4900, "currency": "usd", "payment": { "payment_intent": "pi_1" } });
    with(&world, "evt_2", "invoice_payment.paid", payment).await;
    with(&world, "evt_3", "payment_intent.succeeded", intent(json!({}))).await;
    // A trial that costs nothing, and one that was paid in another way.
    with(&world, "evt_4", "invoice.paid", stripe_invoice(json!({ "id": "in_2", "amount_due": 0, "amount_paid": 0 }))).await;
    world.stripe.put(StripeObject::InvoicePayments("in_3".into()), json!({ "data": [] }));
    with(&world, "evt_5", "invoice.paid", stripe_invoice(json!({ "id": "in_3" }))).await;
    for list in ["invoices", "payments", "transactions"] {
        assert_eq!(unmatched(&world, list).await, Vec::<Value>::new(), "{list}");
    }
    assert_eq!(get(&world, "payments").await["items"][0]["stripe_invoice_id"], "in_1", "it is there, and says what it is for");
    // Whoever puts an invoice like it has it found as before.
    put(&world, "invoices/INV-1", invoice(json!({}))).await;
    assert_eq!((state(&world, "INV-1").await, invoice_of(&world, "pi_1").await), (json!(["paid", 4900, 0]), json!("INV-1")));
}
