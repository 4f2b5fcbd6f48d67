//! Any order of many events: drawn at random, shuffled and repeated, with the puts between, and with calls that go wrong. The records end up the same.

use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_core::testing::{Fault, TestSize, World};

use crate::{
    every_order::{LATER, Step, findable, shown},
    support::{minutes, start},
};

/// The amounts of the payments differ, so that likeness leaves no choice.
const AMOUNTS: [i64; 4] = [4900, 5000, 5100, 300];

fn puts() -> Vec<Step> {
    let invoice = |changes: Value| {
        let mut invoice = json!({ "customer_id": "c1", "currency": "usd" });
        changes.as_object().expect("an object").iter().for_each(|(name, value)| invoice[name] = value.clone());
        invoice
    };
    vec![
        Step::Put("invoices/INV-0", invoice(json!({ "amount": AMOUNTS[0], "stripe_payment_intent_id": "pi_0" }))),
        Step::Put("invoices/INV-1", invoice(json!({ "amount": AMOUNTS[1] }))),
        // Of another customer: a match by likeness is made once, and holds also where Stripe names another payment for that invoice later.
        Step::Put("invoices/in_2", invoice(json!({ "amount": AMOUNTS[2], "stripe_customer_id": "cus_9" }))),
        Step::Put("customers/c1", json!({ "name": "Ana", "stripe_customer_id": "cus_1" })),
        Step::Put("tenants/t1", json!({ "name": "Alder Studio", "stripe_customer_id": "cus_1" })),
        // Another amount than before: what was like it is no more, and something else is.
        Step::Put("invoices/INV-1", invoice(json!({ "amount": AMOUNTS[2] }))),
        // More than its payment comes to.
        Step::Put("invoices/INV-3", invoice(json!({ "amount": 5200, "stripe_payment_intent_id": "pi_3" }))),
    ]
}

/// What happens, and how long after its own minute: what is given back may be so before an invoice is put or after.
fn happening() -> impl Strategy<Value = (&'static str, u64, Value)> {
    (what_happens(), any::<bool>()).prop_map(|((kind, object), later)| {
        let later = if later && ["charge.refunded", "refund.failed"].contains(&kind) { LATER } else { 0 };
        (kind, later, object)
    })
}

/// What happens, without its time.
fn what_happens() -> impl Strategy<Value = (&'static str, Value)> {
    let intent = 0..AMOUNTS.len();
    let paid = intent.clone().prop_map(|number| ("payment_intent.succeeded", payment_intent(number)));
    let failed = (intent.clone(), any::<bool>()).prop_map(|(number, expired)| {
        let mut intent = payment_intent(number);
        intent["last_payment_error"] = json!({ "decline_code": if expired { "expired_card" } else { "do_not_honor" } });
        ("payment_intent.payment_failed", intent)
    });
    let refunded = (intent.clone(), 1..=4900i64).prop_map(|(number, amount)| {
        let charge = json!({ "id": format!("ch_{number}"), "amount": AMOUNTS[number], "amount_refunded": amount.min(AMOUNTS[number]), "currency": "usd", "payment_intent": format!("pi_{number}") });
        ("charge.refunded", charge)
    });
    let refund_failed = (intent.clone(), 1..4900i64, 0..2u8).prop_map(|(number, amount, refund)| {
        let refund = json!({ "id": format!("re_{refund}"), "amount": amount, "currency": "usd", "charge": format!("ch_{number}"), "payment_intent": format!("pi_{number}"), "status": "failed" });
        ("refund.failed", refund)
    });
    let invoice = (prop::sample::select(vec!["invoice.paid", "invoice.payment_failed"]), 0..3u8, prop::option::of(intent.clone()));
    let invoice = invoice.prop_map(|(kind, invoice, number)| {
        let amount = number.map_or(4900, |number| AMOUNTS[number]);
        let intent = number.map(|number| format!("pi_{number}"));
        (kind, json!({ "id": format!("in_{invoice}"), "amount_due": amount, "amount_paid": amount, "currency": "usd", "customer": "cus_1", "payment_intent": intent }))
    });
    let invoice_payment = (0..3u8, intent).prop_map(|(invoice, number)| {
        let payment = json!({ "payment_intent": format!("pi_{number}") });
        ("invoice_payment.paid", json!({ "id": "inpay", "invoice": format!("in_{invoice}"), "amount_paid": AMOUNTS[number], "currency": "usd", "payment": payment }))
    });
    let customer = (0..4u8).prop_map(|number| ("customer.updated", json!({ "id": "cus_1", "email": format!("{number}@example.com") })));
    let status = prop::sample::select(vec!["active", "past_due", "trialing"]);
    let kind =
        prop::sample::select(vec!["customer.subscription.updated", "customer.subscription.updated", "customer.subscription.deleted"]);
    let subscription = (kind, 0..2u8, status).prop_map(|(kind, number, status)| {
        (kind, json!({ "id": format!("sub_{number}"), "customer": "cus_1", "status": status, "current_period_end": 1_797_000_000 }))
    });
    let checkout = (0..2u8).prop_map(|number| {
        ("checkout.session.completed", json!({ "id": "cs", "payment_status": "paid", "subscription": format!("sub_{number}"), "customer": "cus_1", "client_reference_id": "t1" }))
    });
    let setup = (0..3u8).prop_map(|number| {
        let method = json!({ "id": format!("pm_{number}"), "card": { "brand": "visa", "last4": format!("000{number}") } });
        ("setup_intent.succeeded", json!({ "id": "seti", "customer": "cus_1", "payment_method": method }))
    });
    prop_oneof![3 => paid, 1 => failed, 2 => refunded, 1 => refund_failed, 3 => invoice, 2 => invoice_payment, 1 => customer, 2 => subscription, 1 => checkout, 1 => setup]
}

fn payment_intent(number: usize) -> Value {
    json!({ "id": format!("pi_{number}"), "amount": AMOUNTS[number], "currency": "usd", "customer": "cus_1" })
}

async fn end(steps: &[Step], order: &[usize], faults: &[(u64, Fault)]) -> Value {
    let world = World::new(start() + minutes(24 * 60), true);
    if order.first().is_some_and(|first| first % 2 == 1) {
        world.store.lag();
    }
    faults.iter().for_each(|(call, fault)| world.faults.plan(*call, *fault));
    for number in order {
        steps[*number].happen(*number, &world).await;
    }
    world.run_until_quiet().await;
    let troubled: Vec<_> = world.events().into_iter().filter(|event| event.reason.is_some()).collect();
    assert!(troubled.is_empty(), "none is parked or ignored: {troubled:?}");
    findable(&world).await;
    shown(&world)
}

/// The owner's words on one record come in the order of the steps: the last one stands.
fn keep_words_in_order(order: &mut [usize], steps: &[Step]) {
    let path = |number: usize| match &steps[number] {
        Step::Put(path, _) => Some(*path),
        Step::Event(..) => None,
    };
    for place in 0..order.len() {
        for later in place + 1..order.len() {
            if order[later] < order[place] && path(order[place]).is_some() && path(order[place]) == path(order[later]) {
                order.swap(place, later);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: TestSize::of_this_run().pick(96, 20_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_order_of_invoices_payments_and_subscriptions_ends_in_the_same_records(
        happenings in prop::collection::vec(happening(), 1..14),
        order in Just((0..20usize).collect::<Vec<_>>()).prop_shuffle(),
        repeats in prop::collection::vec(0..20usize, 0..5),
        faults in prop::collection::vec((0..150u64, prop::sample::select(Fault::ALL.to_vec())), 0..4),
    ) {
        // Each has its own minute, so that no two tie.
        let events = happenings.into_iter().zip(0..).map(|((kind, later, object), minute)| Step::Event(kind, minute + later, object, None));
        let steps: Vec<_> = puts().into_iter().chain(events).collect();
        let is_there = |number: &usize| *number < steps.len();
        let is_event = |number: &usize| is_there(number) && *number >= puts().len();
        let mut order: Vec<_> = order.into_iter().filter(is_there).chain(repeats.into_iter().filter(is_event)).collect();
        keep_words_in_order(&mut order, &steps);
        let ordered: Vec<_> = (0..steps.len()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (expected, found) = runtime.block_on(async { (end(&steps, &ordered, &[]).await, end(&steps, &order, &faults).await) });
        for (list, items) in expected.as_object().expect("an object") {
            prop_assert_eq!(&found[list], items, "{} in the order {:?}, {:?}", list, order, faults);
        }
    }
}
