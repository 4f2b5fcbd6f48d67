//! Every order of a few events and puts, for each kind of record: the same records in the end, and the same mails. Of puts, the owner's last word stands,
//! so those of one record keep their order. And the same with calls that go wrong; and a put and an event at the same moment, at every call of either.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_core::{
    body::{self, PackedBody},
    envelope::InboundMessage,
    kind::Served,
    ports::{Index, Stored},
    records::{Booking, Customer, Invoice, Payment, PaymentMethod, Tenant, Transaction},
    testing::{Fault, TestSize, World, assert_findable, stripe},
};

use crate::{
    same_moment::never_miss_each_other,
    support::{drawn_faults, headlines, minutes, put_until_done, start},
};

/// A minute after every put: they are made a day after the first event.
pub(crate) const LATER: u64 = 30 * 24 * 60;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// An event: its type, the minute that the provider gives it, its object, and what it changed.
    Event(&'static str, u64, Value, Option<Value>),
    /// A put: the path and the body.
    Put(&'static str, Value),
}

impl Step {
    fn message(&self, number: usize) -> Option<InboundMessage> {
        let Self::Event(kind, minute, object, previous) = self else { return None };
        let at = start() + minutes(*minute);
        let mut message = stripe(&format!("evt_{number}"), kind, at, at, object);
        if let (Some(previous), InboundMessage::Event(envelope)) = (previous, &mut message) {
            let mut body: Value = serde_json::from_slice(&envelope.body.unpack().expect("readable")).expect("JSON");
            body["data"]["previous_attributes"] = previous.clone();
            envelope.body = PackedBody::pack(&body::STRIPE, body.to_string().as_bytes());
        }
        Some(message)
    }

    pub(crate) async fn happen(&self, number: usize, world: &World) {
        match self {
            Self::Put(path, body) => put_until_done(world, &format!("/api/v1/{path}"), body).await,
            Self::Event(..) => {
                world.enqueue(&self.message(number).expect("an event")).await;
                while world.step().await {}
            }
        }
    }
}

fn event(kind: &'static str, minute: u64, object: Value) -> Step {
    Step::Event(kind, minute, object, None)
}

/// All that the API shows of a kind, those that wait included, without the times at which Sluice heard.
fn shown_of<K: Served>(world: &World) -> Value {
    let show = |stored: &Stored| {
        let record = K::from_stored(stored).expect("can be read");
        let mut shown = serde_json::to_value(record.shown()).expect("JSON");
        ["created_at", "updated_at"].iter().for_each(|field| drop(shown.as_object_mut().expect("an object").remove(*field)));
        let lists = |index: Index| stored.document.places.iter().any(|place| place.index == index);
        shown["served"] = json!([record.is_served(), lists(Index::List), lists(Index::Flag)]);
        shown
    };
    world.documents(K::KIND).iter().map(show).collect()
}

/// All that the API shows.
pub(crate) fn shown(world: &World) -> Value {
    json!({
        "bookings": shown_of::<Booking>(world), "invoices": shown_of::<Invoice>(world), "payments": shown_of::<Payment>(world),
        "customers": shown_of::<Customer>(world), "tenants": shown_of::<Tenant>(world), "payment_methods": shown_of::<PaymentMethod>(world),
    })
}

/// All of it is found by what its lists can be filtered by.
pub(crate) async fn findable(world: &World) {
    assert_findable::<Booking>(world).await;
    assert_findable::<Invoice>(world).await;
    assert_findable::<Payment>(world).await;
    assert_findable::<Transaction>(world).await;
    assert_findable::<Customer>(world).await;
    assert_findable::<Tenant>(world).await;
    assert_findable::<PaymentMethod>(world).await;
}

fn one<'a>(end: &'a Value, list: &str, id: &str) -> &'a Value {
    end[list].as_array().into_iter().flatten().find(|item| item["id"] == id).expect("is there")
}

/// What was sent about the last state of each thing. What was told on the way there depends on the order, and must.
fn last_mails(world: &World) -> BTreeSet<String> {
    headlines(world).into_iter().collect()
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(count - 1);
    shorter.iter().flat_map(|order| (0..count).map(|place| [&order[..place], &[count - 1], &order[place..]].concat())).collect()
}

/// Whether an order keeps the owner's words on one record in theirs: the last one is to stand.
fn keeps_words_in_order(steps: &[Step], order: &[usize]) -> bool {
    let path = |number: &usize| match &steps[*number] {
        Step::Put(path, _) => Some(*path),
        Step::Event(..) => None,
    };
    let puts: Vec<_> = order.iter().filter_map(|number| Some((*number, path(number)?))).collect();
    puts.iter().enumerate().all(|(place, (number, path))| puts[..place].iter().all(|(before, other)| other != path || before < number))
}

/// The steps in an order, with calls that go wrong: all that is shown, what was mailed, and how many calls there were.
async fn end(steps: &[Step], order: &[usize], faults: &[(u64, Fault)]) -> (Value, BTreeSet<String>, u64) {
    let world = World::new(start() + minutes(24 * 60), true);
    if order.first().is_some_and(|first| first % 2 == 1) {
        world.store.lag();
    }
    faults.iter().for_each(|(call, fault)| world.faults.plan(*call, *fault));
    for number in order {
        steps[*number].happen(*number, &world).await;
    }
    // The first event once more, under an id of its own where the provider says the same thing twice.
    for number in order.iter().copied().filter(|number| matches!(steps[*number], Step::Event(..))).take(1) {
        steps[number].happen(number, &world).await;
    }
    world.run_until_quiet().await;
    let parked = world.events().into_iter().find_map(|event| event.reason);
    assert_eq!(parked, None, "{order:?}, {faults:?}");
    findable(&world).await;
    (shown(&world), last_mails(&world), world.faults.calls())
}

/// Every order ends as the first one does, also when events come twice, and when calls go wrong: in some of the orders, or many times in each.
async fn check(steps: &[Step]) -> Value {
    let mut expected: Option<(Value, BTreeSet<String>)> = None;
    for (number, order) in permutations(steps.len()).into_iter().filter(|order| keeps_words_in_order(steps, order)).enumerate() {
        let times = TestSize::of_this_run().pick(u64::from(number % 4 == 0), 3);
        let (mut faults, mut calls) = (Vec::new(), 0);
        for time in 0..=times {
            let (found, told, made) = end(steps, &order, &faults).await;
            let (records, mails) = expected.get_or_insert_with(|| (found.clone(), told.clone()));
            for (list, items) in records.as_object().expect("an object") {
                assert_eq!(&found[list], items, "{list} in the order {order:?}, {faults:?}, of {steps:#?}");
            }
            assert_eq!(&told, mails, "{order:?}, {faults:?}");
            calls = calls.max(made);
            faults = drawn_faults(number as u64 * 100 + time, calls);
        }
    }
    expected.expect("an order").0
}

fn intent(id: &str, customer: Option<&str>) -> Value {
    json!({ "id": id, "amount": 4900, "amount_received": 4900, "currency": "usd", "customer": customer, "payment_method_types": ["card_present"] })
}

fn failed_intent(id: &str) -> Value {
    let mut intent = intent(id, None);
    intent["last_payment_error"] = json!({ "code": "card_declined", "decline_code": "expired_card" });
    intent
}

fn stripe_invoice(intent: Option<&str>) -> Value {
    json!({ "id": "in_1", "amount_due": 4900, "amount_paid": 4900, "currency": "usd", "customer": "cus_1", "payment_intent": intent })
}

fn invoice_payment() -> Value {
    let payment = json!({ "type": "payment_intent", "payment_intent": "pi_1" });
    json!({ "id": "inpay_1", "invoice": "in_1", "amount_paid": 4900, "currency": "usd", "payment": payment })
}

fn charge(refunded: i64) -> Value {
    json!({ "id": "ch_1", "amount": 4900, "amount_refunded": refunded, "currency": "usd", "payment_intent": "pi_1" })
}

fn failed_refund(amount: i64) -> Value {
    json!({ "id": "re_1", "amount": amount, "currency": "usd", "charge": "ch_1", "payment_intent": "pi_1", "status": "failed" })
}

fn invoice(changes: Value) -> Value {
    let mut invoice = json!({ "customer_id": "c1", "amount": 4900, "currency": "usd" });
    changes.as_object().expect("an object").iter().for_each(|(name, value)| invoice[name] = value.clone());
    invoice
}

fn subscription(status: &str) -> Value {
    json!({ "id": "sub_1", "customer": "cus_1", "status": status, "current_period_end": 1_797_000_000 })
}

fn session(payment_status: &str) -> Value {
    json!({ "id": "cs_1", "payment_status": payment_status, "subscription": "sub_1", "customer": "cus_1", "client_reference_id": "t1" })
}

fn setup(method: &str) -> Value {
    json!({ "id": "seti_1", "customer": "cus_1", "payment_method": { "id": method, "card": { "brand": "visa", "last4": "4242", "exp_month": 4, "exp_year": 2031 } } })
}

#[tokio::test]
async fn an_invoice_that_was_put_with_its_payment_intent() {
    let end = check(&[
        Step::Put("invoices/INV-1", invoice(json!({ "stripe_payment_intent_id": "pi_1" }))),
        event("invoice.payment_failed", 0, stripe_invoice(Some("pi_1"))),
        event("invoice.paid", 1, stripe_invoice(Some("pi_1"))),
        event("payment_intent.succeeded", 1, intent("pi_1", Some("cus_1"))),
        event("charge.refunded", 2, charge(4900)),
        event("refund.failed", 3, failed_refund(4000)),
    ])
    .await;
    assert_eq!(
        (&one(&end, "invoices", "INV-1")["status"], &one(&end, "invoices", "INV-1")["refunded_amount"]),
        (&json!("paid"), &json!(900))
    );
    assert_eq!(end["payments"][0]["method"], "tap_to_pay");
}

#[tokio::test]
async fn an_invoice_of_stripes_in_the_new_shape() {
    let end = check(&[
        Step::Put("invoices/in_1", invoice(json!({}))),
        event("invoice.paid", 1, stripe_invoice(None)),
        event("invoice_payment.paid", 2, invoice_payment()),
        event("payment_intent.payment_failed", 0, failed_intent("pi_1")),
        event("payment_intent.succeeded", 1, intent("pi_1", Some("cus_1"))),
        event("charge.refunded", 3, charge(4900)),
    ])
    .await;
    assert_eq!(one(&end, "invoices", "in_1")["status"], "refunded");
    assert_eq!(end["payments"][0]["served"], json!([true, true, false]));
}

#[tokio::test]
async fn an_invoice_that_is_found_by_likeness() {
    let end = check(&[
        Step::Put("invoices/INV-1", invoice(json!({}))),
        Step::Put("customers/c1", json!({ "name": "Ana", "stripe_customer_id": "cus_1" })),
        Step::Put("invoices/INV-2", invoice(json!({ "amount": 5000 }))),
        event("payment_intent.succeeded", 1, intent("pi_1", Some("cus_1"))),
        event("charge.refunded", LATER, charge(900)),
        event("customer.created", 0, json!({ "id": "cus_1", "email": "ana@example.com" })),
    ])
    .await;
    assert_eq!(one(&end, "invoices", "INV-1")["status"], "paid");
    assert_eq!(one(&end, "invoices", "INV-2")["status"], "open");
}

#[tokio::test]
async fn a_payment_that_was_given_back_before_its_likeness_was_put_and_another_one() {
    let end = check(&[
        Step::Put("invoices/INV-1", invoice(json!({ "stripe_customer_id": "cus_1" }))),
        event("payment_intent.succeeded", 1, intent("pi_1", Some("cus_1"))),
        event("charge.refunded", 2, charge(900)),
        event("charge.refunded", LATER, charge(4900)),
        event("payment_intent.succeeded", 3, intent("pi_2", Some("cus_1"))),
    ])
    .await;
    assert_eq!(
        (&one(&end, "invoices", "INV-1")["payments"], &one(&end, "invoices", "INV-1")["status"]),
        (&json!(["pi_2"]), &json!("paid"))
    );
    assert_eq!(one(&end, "payments", "pi_1")["invoice_id"], Value::Null);
}

#[tokio::test]
async fn a_likeness_that_is_given_back_later() {
    let end = check(&[
        Step::Put("invoices/INV-1", invoice(json!({ "stripe_customer_id": "cus_1" }))),
        Step::Put("invoices/INV-1", invoice(json!({ "stripe_customer_id": "cus_1", "due_at": "2026-12-24T12:00:00Z" }))),
        event("payment_intent.succeeded", 1, intent("pi_1", Some("cus_1"))),
        event("charge.refunded", 2, charge(900)),
        event("refund.failed", 3, failed_refund(900)),
        event("charge.refunded", LATER, charge(4900)),
    ])
    .await;
    assert_eq!(one(&end, "invoices", "INV-1")["status"], "refunded");
}

#[tokio::test]
async fn an_invoice_over_nothing() {
    let end = check(&[
        Step::Put("customers/c1", json!({ "name": "Ana", "stripe_customer_id": "cus_1" })),
        Step::Put("invoices/in_1", invoice(json!({ "amount": 0 }))),
        event("invoice.paid", 1, json!({ "id": "in_1", "amount_due": 0, "amount_paid": 0, "currency": "usd", "customer": "cus_1" })),
        event("payment_intent.succeeded", 1, intent("pi_1", Some("cus_1"))),
    ])
    .await;
    assert_eq!(one(&end, "invoices", "in_1")["status"], "paid");
    assert_eq!(one(&end, "payments", "pi_1")["invoice_id"], Value::Null);
}

#[tokio::test]
async fn an_invoice_of_stripes_that_only_likeness_leads_on() {
    let end = check(&[
        Step::Put("invoices/INV-1", invoice(json!({ "stripe_customer_id": "cus_1" }))),
        event("invoice.paid", 2, stripe_invoice(None)),
        event("invoice_payment.paid", 2, invoice_payment()),
        event("payment_intent.succeeded", 1, intent("pi_1", Some("cus_1"))),
        event("invoice.payment_failed", 0, stripe_invoice(None)),
    ])
    .await;
    assert_eq!(one(&end, "invoices", "INV-1")["status"], "paid");
}

#[tokio::test]
async fn a_link_that_takes_a_payment_from_its_likeness() {
    let end = check(&[
        Step::Put("invoices/like", invoice(json!({ "stripe_customer_id": "cus_1" }))),
        Step::Put("invoices/named", invoice(json!({ "stripe_customer_id": "cus_1", "stripe_payment_intent_id": "pi_1" }))),
        event("payment_intent.succeeded", 1, intent("pi_1", Some("cus_1"))),
        event("invoice.paid", 1, stripe_invoice(Some("pi_1"))),
        event("charge.refunded", 2, charge(900)),
    ])
    .await;
    let status =
        |id: &str| end["invoices"].as_array().into_iter().flatten().find(|item| item["id"] == id).map(|item| item["status"].clone());
    assert_eq!((status("like"), status("named")), (Some(json!("open")), Some(json!("paid"))));
}

#[tokio::test]
async fn a_likeness_that_a_put_takes_back() {
    let of = |amount: i64| invoice(json!({ "stripe_customer_id": "cus_1", "amount": amount }));
    let mut other = intent("pi_2", Some("cus_1"));
    (other["amount"], other["amount_received"]) = (json!(5000), json!(5000));
    let end = check(&[
        Step::Put("invoices/INV-1", of(4900)),
        Step::Put("invoices/INV-1", of(5000)),
        Step::Put("invoices/INV-2", of(4900)),
        event("payment_intent.succeeded", 1, intent("pi_1", Some("cus_1"))),
        event("payment_intent.succeeded", 2, other),
        event("charge.refunded", LATER, charge(900)),
    ])
    .await;
    assert_eq!(
        (&one(&end, "payments", "pi_1")["invoice_id"], &one(&end, "payments", "pi_2")["invoice_id"]),
        (&json!("INV-2"), &json!("INV-1"))
    );
    assert_eq!(
        (&one(&end, "invoices", "INV-2")["refunded_amount"], &one(&end, "invoices", "INV-1")["status"]),
        (&json!(900), &json!("paid"))
    );
}

#[tokio::test]
async fn an_invoice_that_is_paid_in_parts_of_which_one_is_given_back() {
    let part = |intent: &str, amount: i64| {
        let mut payment = invoice_payment();
        (payment["payment"]["payment_intent"], payment["amount_paid"]) = (json!(intent), json!(amount));
        payment
    };
    let end = check(&[
        Step::Put("invoices/in_1", invoice(json!({ "amount": 7000 }))),
        event("invoice_payment.paid", 1, part("pi_1", 4900)),
        event("charge.refunded", 2, charge(4900)),
        event("invoice_payment.paid", 3, part("pi_2", 4000)),
        event("invoice_payment.paid", 4, part("pi_3", 2999)),
    ])
    .await;
    let invoice = one(&end, "invoices", "in_1");
    assert_eq!((&invoice["status"], &invoice["amount_paid"], &invoice["amount_remaining"]), (&json!("open"), &json!(11_899), &json!(1)));
}

#[tokio::test]
async fn a_payment_that_two_invoices_could_have() {
    let end = check(&[
        Step::Put("invoices/INV-1", invoice(json!({ "stripe_payment_intent_id": "pi_1" }))),
        Step::Put("invoices/in_1", invoice(json!({}))),
        event("invoice_payment.paid", 1, invoice_payment()),
        event("payment_intent.succeeded", 1, intent("pi_1", Some("cus_1"))),
        event("charge.refunded", 2, charge(900)),
    ])
    .await;
    let state = |id: &str| json!([one(&end, "invoices", id)["status"], one(&end, "invoices", id)["payments"]]);
    assert_eq!((state("INV-1"), state("in_1")), (json!(["paid", ["pi_1"]]), json!(["open", []])));
}

#[tokio::test]
async fn a_tenant_and_the_subscription_that_it_checked_out() {
    let created = Step::Event("customer.subscription.created", 0, subscription("incomplete"), None);
    let end = check(&[
        Step::Put("tenants/t1", json!({ "name": "Alder Studio" })),
        Step::Put("customers/c1", json!({ "stripe_customer_id": "cus_1" })),
        created,
        Step::Event("customer.subscription.updated", 0, subscription("active"), Some(json!({ "status": "incomplete" }))),
        event("checkout.session.completed", 0, session("unpaid")),
        event("checkout.session.async_payment_succeeded", 1, session("paid")),
    ])
    .await;
    assert_eq!(end["tenants"][0]["subscription_status"], "active");
    assert_eq!(one(&end, "customers", "c1")["billing_status"], "active");
}

#[tokio::test]
async fn tenants_by_their_customer_and_by_their_subscription() {
    let end = check(&[
        Step::Put("tenants/t1", json!({ "name": "Alder Studio", "stripe_customer_id": "cus_1" })),
        Step::Put("tenants/t2", json!({ "name": "Birch Studio", "stripe_subscription_id": "sub_1" })),
        event("customer.subscription.created", 0, subscription("active")),
        event("customer.subscription.deleted", 2, subscription("canceled")),
        event("customer.subscription.updated", 3, subscription("active")),
    ])
    .await;
    assert_eq!(end["tenants"][0]["subscription_status"], "canceled");
    assert_eq!(end["tenants"][1]["subscription_status"], "canceled");
}

#[tokio::test]
async fn a_customer_and_its_payment_methods() {
    let updated = |minute, email: &str, was: &str| {
        Step::Event("customer.updated", minute, json!({ "id": "cus_1", "email": email }), Some(json!({ "email": was })))
    };
    let end = check(&[
        Step::Put("customers/c1", json!({ "name": "Ana", "stripe_customer_id": "cus_1" })),
        event("customer.created", 0, json!({ "id": "cus_1", "email": "a@example.com" })),
        updated(0, "b@example.com", "a@example.com"),
        updated(0, "c@example.com", "b@example.com"),
        event("setup_intent.succeeded", 1, setup("pm_1")),
        event("setup_intent.succeeded", 2, setup("pm_2")),
    ])
    .await;
    assert_eq!(one(&end, "customers", "c1")["email"], "c@example.com");
    assert_eq!(one(&end, "customers", "c1")["default_payment_method"]["id"], "pm_1");
    assert_eq!(end["payment_methods"][1]["customer_id"], "c1");
}

/// The two steps at the same moment, after those `before`.
async fn check_at_the_same_moment(before: &[Step], first: &Step, second: &Step) {
    let begin = async || {
        let world = World::new(start() + minutes(24 * 60), true);
        for (number, step) in before.iter().enumerate() {
            step.happen(number, &world).await;
        }
        world
    };
    let (first, second) = (async |world: &World| first.happen(100, world).await, async |world: &World| second.happen(101, world).await);
    never_miss_each_other(begin, first, second, async |world: &World| shown(world)).await;
}

#[tokio::test]
async fn a_put_and_an_event_at_the_same_moment_never_miss_each_other() {
    let named = Step::Put("invoices/INV-1", invoice(json!({ "stripe_payment_intent_id": "pi_1" })));
    let like = Step::Put("invoices/INV-1", invoice(json!({ "stripe_customer_id": "cus_1" })));
    let of_customer = Step::Put("invoices/INV-1", invoice(json!({})));
    let under_stripes_id = Step::Put("invoices/in_1", invoice(json!({})));
    let customer = Step::Put("customers/c1", json!({ "stripe_customer_id": "cus_1" }));
    let tenant =
        Step::Put("tenants/t1", json!({ "name": "Alder Studio", "stripe_customer_id": "cus_1", "stripe_subscription_id": "sub_1" }));
    let paid = event("payment_intent.succeeded", 1, intent("pi_1", Some("cus_1")));
    for (before, first, second) in [
        (vec![], &named, &paid),
        (vec![], &like, &paid),
        (vec![], &under_stripes_id, &event("invoice_payment.paid", 1, invoice_payment())),
        (vec![of_customer.clone()], &customer, &paid),
        (vec![paid.clone()], &customer, &of_customer),
        (vec![], &customer, &event("customer.created", 1, json!({ "id": "cus_1", "email": "ana@example.com" }))),
        (vec![], &customer, &event("setup_intent.succeeded", 1, setup("pm_1"))),
        (vec![], &tenant, &event("customer.subscription.created", 1, subscription("active"))),
        (vec![], &tenant, &event("checkout.session.completed", 1, session("paid"))),
    ] {
        check_at_the_same_moment(&before, first, second).await;
    }
}
