//! Any order, for every kind besides bookings: all orders of up to six events, and at random beyond, with puts between, repeats and calls that go wrong, end in
//! the same records and the same mails.

use std::collections::BTreeSet;

use axum::http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_core::{
    envelope::InboundMessage,
    record::Record,
    records::{Message, Order, Phone, Product, Repository, Shop, ShopCustomer},
    testing::{Fault, TestSize, World, assert_findable},
};

use crate::{
    every_order::interrupted,
    github::{pull_request, pushed, release, repository},
    shopify::{CUSTOMER, ORDER, SHOP, customer, everything, order, product, redact_customer, redact_shop, shop},
    support::{
        booking, call, drawn_faults, github, headlines, mail_event, minutes, paid, put, put_until_done, shopify, start, text_in,
        text_status, with,
    },
};

const NUMBER: &str = "+15005550006";

#[derive(Clone)]
enum Step {
    Event(Box<InboundMessage>),
    Put(&'static str, Value),
}

fn event(message: InboundMessage) -> Step {
    Step::Event(Box::new(message))
}

/// Takes the steps one by one, or hands the queue all events at once where there is no put between them.
async fn take(world: &World, steps: &[Step], order: &[usize], at_once: bool) {
    for number in order {
        match &steps[*number] {
            Step::Event(message) => world.enqueue(message).await,
            Step::Put(path, body) => put_until_done(world, path, body).await,
        }
        if !at_once {
            while world.step().await {}
        }
    }
    if at_once {
        world.batch(order.len()).await;
    }
    world.run_until_quiet().await;
}

/// All of it is found by what its lists can be filtered by.
pub(crate) async fn findable(world: &World) {
    assert_findable::<Message>(world).await;
    assert_findable::<Order>(world).await;
    assert_findable::<Product>(world).await;
    assert_findable::<ShopCustomer>(world).await;
    assert_findable::<Shop>(world).await;
    assert_findable::<Repository>(world).await;
}

/// What must be the same: the records as the API shows them, but for their versions and when they were heard of.
async fn end(world: &World, paths: &[&str]) -> Vec<Value> {
    world.faults.end();
    findable(world).await;
    let mut shown = Vec::new();
    for path in paths {
        let mut json = call(world, Method::GET, &format!("/api/v1/{path}"), None).await.json;
        for field in ["version", "created_at", "updated_at"] {
            json.as_object_mut().map(|fields| fields.remove(field));
        }
        shown.push(json);
    }
    shown
}

fn mails(world: &World) -> Vec<String> {
    let mut mails = headlines(world);
    mails.sort();
    mails
}

/// Every order of so many things (Heap).
pub(crate) fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<_> = (0..count).collect();
    let (mut all, mut stack, mut at) = (vec![order.clone()], vec![0; count], 0);
    while at < count {
        if stack[at] < at {
            order.swap(if at % 2 == 0 { 0 } else { stack[at] }, at);
            all.push(order.clone());
            stack[at] += 1;
            at = 0;
        } else {
            stack[at] = 0;
            at += 1;
        }
    }
    all
}

/// Whether the mails must be the same, too: not where one is sent for what is erased or over by the time that it is heard of.
#[derive(Clone, Copy, PartialEq)]
enum Mails {
    Same,
    May,
}

async fn every_order(steps: &[Step], paths: &[&str], with_mails: Mails, sms: bool, check: impl Fn(&World)) {
    let mut expected = None;
    for (number, order) in orders(steps.len()).into_iter().enumerate() {
        let world = World::new(start(), sms);
        if number % 2 == 1 {
            world.store.lag();
        }
        // Every order of events is a kind of batch, too; puts stay where they are.
        let at_once = number % 3 == 2 && !steps.iter().any(|step| matches!(step, Step::Put(..)));
        take(&world, steps, &order, at_once).await;
        let calls = world.faults.calls();
        // Once more, all of it: nothing changes.
        let events: Vec<_> = order.iter().copied().filter(|number| matches!(steps[*number], Step::Event(_))).collect();
        let sent = world.sent.sent().len();
        take(&world, steps, &events, true).await;
        assert_eq!(world.sent.sent().len(), sent, "a repeat sent something: {order:?}");
        check(&world);
        let now = (end(&world, paths).await, if with_mails == Mails::Same { mails(&world) } else { Vec::new() });
        let expected = expected.get_or_insert_with(|| now.clone());
        assert_eq!(now, *expected, "order {order:?}");

        // The same with calls that go wrong, which may send a mail twice: in some of the orders, or many times in each.
        for time in 0..TestSize::of_this_run().pick(u64::from(number % 4 == 0), 3) {
            let faults = drawn_faults(number as u64 * 100 + time, calls);
            let world = World::new(start(), sms);
            faults.iter().for_each(|(call, fault)| world.faults.plan(*call, *fault));
            take(&world, steps, &order, at_once).await;
            check(&world);
            assert_eq!(end(&world, paths).await, expected.0, "order {order:?}, {faults:?}");
            if with_mails == Mails::Same {
                assert_eq!(told(&mails(&world)), told(&expected.1), "order {order:?}, {faults:?}");
            }
        }
    }
}

/// What was told at all.
fn told(mails: &[String]) -> BTreeSet<&str> {
    mails.iter().map(String::as_str).collect()
}

#[test]
fn every_order_is_tried() {
    let mut orders = orders(4);
    orders.sort();
    orders.dedup();
    assert_eq!(orders.len(), 24);
}

#[tokio::test]
async fn texts_of_others_in_every_order() {
    for last in ["delivered", "undelivered"] {
        let mut steps = vec![Step::Put("/api/v1/bookings/12345", booking(json!({ "status": "confirmed" })))];
        for (minute, status) in [(1, "queued"), (2, "sending"), (3, "sent"), (4, last)] {
            steps.push(event(text_status("SM9", status, NUMBER, None, start() + minutes(minute))));
        }
        every_order(&steps, &["messages/SM9", "bookings/12345"], Mails::Same, true, |_| ()).await;
    }
}

#[tokio::test]
async fn texts_of_others_and_their_put_in_every_order() {
    let message = json!({ "external_id": "SM9", "channel": "sms", "direction": "outbound", "to": NUMBER, "booking_id": "12345" });
    let steps = [
        Step::Put("/api/v1/messages/reminder-1", message),
        Step::Put("/api/v1/bookings/12345", booking(json!({ "status": "confirmed" }))),
        event(text_status("SM9", "sent", NUMBER, None, start() + minutes(1))),
        event(text_status("SM9", "failed", NUMBER, None, start() + minutes(2))),
        event(text_status("SM9", "undelivered", NUMBER, None, start() + minutes(3))),
    ];
    every_order(&steps, &["messages/reminder-1", "messages?unmatched=true", "bookings/12345"], Mails::Same, true, |_| ()).await;
}

#[tokio::test]
async fn callbacks_of_own_texts_in_every_order() {
    for last in ["delivered", "failed"] {
        let statuses = ["queued", "sending", "sent", last];
        let mut expected = None;
        for order in orders(statuses.len()) {
            let world = World::new(start(), true);
            put(&world, json!({})).await;
            with(&world, paid("evt_1", "pi_1", start(), start())).await;
            let id = world.documents("message")[0].document.key.id.clone();
            assert!(Message::is_own_id(&id));
            for number in &order {
                with(&world, text_status("SM1", statuses[*number], NUMBER, Some(&id), start() + minutes(*number as u64))).await;
            }
            let now = (end(&world, &[&format!("messages/{id}"), "bookings/12345"]).await, mails(&world));
            let expected = expected.get_or_insert_with(|| now.clone());
            assert_eq!(now, *expected, "order {order:?}");
        }
    }
}

#[tokio::test]
async fn mails_in_every_order() {
    let message = json!({ "external_id": "em_1", "channel": "email", "direction": "outbound", "to": "ana@example.com" });
    let mut steps = vec![Step::Put("/api/v1/messages/mail-1", message)];
    for (minute, kind) in ["sent", "delivered", "opened", "bounced", "complained"].into_iter().enumerate() {
        steps.push(event(mail_event("em_1", kind, start() + minutes(minute as u64))));
    }
    every_order(&steps, &["messages/mail-1", "messages?unmatched=true"], Mails::Same, false, |world| {
        assert_eq!(world.documents("address").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn two_texts_of_one_booking_in_every_order() {
    let steps = [
        Step::Put("/api/v1/bookings/12345", booking(json!({ "status": "confirmed" }))),
        event(text_status("SM8", "sent", NUMBER, None, start() + minutes(1))),
        event(text_status("SM8", "delivered", NUMBER, None, start() + minutes(4))),
        event(text_status("SM9", "sent", NUMBER, None, start() + minutes(2))),
        event(text_status("SM9", "undelivered", NUMBER, None, start() + minutes(3))),
    ];
    every_order(&steps, &["messages/SM8", "messages/SM9", "bookings/12345"], Mails::Same, true, |_| ()).await;
}

#[tokio::test]
async fn bounces_without_an_address_in_every_order() {
    let bounced = |to: Value, id: &str| {
        let body = json!({ "type": "email.bounced", "emailId": id, "data": { "to": to } });
        let key = format!("{id}:email.bounced");
        event(crate::support::event("sendro", &key, "email.bounced", None, "", start() + minutes(2), &body.to_string()))
    };
    let mail = |id: &str, to: &str| json!({ "external_id": id, "channel": "email", "direction": "outbound", "to": to });
    let steps = [
        Step::Put("/api/v1/messages/mail-1", mail("em_1", "eve@example.com")),
        Step::Put("/api/v1/messages/mail-2", mail("em_2", "ben@example.com")),
        bounced(json!(""), "em_1"),
        bounced(json!(["ana@example.com", "ben@example.com"]), "em_2"),
        event(mail_event("em_3", "complained", start() + minutes(1))),
    ];
    let marks = |world: &World| {
        let marked: Vec<_> = world.documents("address").into_iter().map(|stored| stored.document.key.id.clone()).collect();
        assert_eq!(marked, ["ana@example.com", "eve@example.com"]);
    };
    every_order(&steps, &["messages/mail-1", "messages/mail-2", "messages?unmatched=true"], Mails::Same, false, marks).await;
}

#[tokio::test]
async fn opt_outs_in_every_order() {
    let steps = [
        event(text_in("SM1", "STOP", None, start() + minutes(1))),
        event(text_in("SM2", "START", None, start() + minutes(2))),
        event(text_in("SM3", "Unsubscribe", None, start() + minutes(3))),
        event(text_in("SM4", "Thanks", None, start() + minutes(4))),
    ];
    let out = |world: &World| {
        let phone = Phone::from_stored(&world.documents("phone")[0]).expect("can be read");
        assert!(phone.has_opted_out(), "{phone:?}");
    };
    every_order(&steps, &["messages/SM1", "messages/SM4"], Mails::Same, true, out).await;
}

#[tokio::test]
async fn orders_in_every_order() {
    let paid = json!({ "financial_status": "paid" });
    let fulfilled = json!({ "financial_status": "paid", "fulfillment_status": "fulfilled" });
    let steps = [
        event(shopify("w1", "orders/create", start(), &order(start(), &json!({})))),
        event(shopify("w2", "orders/updated", start(), &order(start(), &json!({ "total_price": "60.00" })))),
        event(shopify("w3", "orders/paid", start(), &order(start() + minutes(1), &paid))),
        event(shopify("w4", "orders/updated", start(), &order(start() + minutes(2), &paid))),
        event(shopify("w5", "orders/fulfilled", start(), &order(start() + minutes(3), &fulfilled))),
    ];
    every_order(&steps, &[&format!("orders/{ORDER}")], Mails::Same, false, |_| ()).await;
}

fn nobody_is_left(world: &World) {
    let everything = everything(world).to_lowercase();
    for erased in ["dana", "15035550142"] {
        assert!(!everything.contains(erased), "{erased} is still there");
    }
}

#[tokio::test]
async fn redactions_in_every_order() {
    let steps = [
        event(shopify("w1", "orders/create", start(), &order(start(), &json!({})))),
        event(shopify("w2", "orders/updated", start(), &order(start() + minutes(1), &json!({ "financial_status": "paid" })))),
        event(shopify("w3", "customers/create", start(), &customer(start(), "Dana"))),
        event(shopify("w4", "customers/update", start(), &customer(start() + minutes(1), "Dana"))),
        event(shopify("w5", "customers/redact", start() + minutes(9), &redact_customer(&[820_982_911_946_154_613]))),
        event(shopify("w6", "customers/redact", start() + minutes(9), &redact_customer(&[]))),
    ];
    let paths = [&*format!("orders/{ORDER}"), &*format!("shop-customers/{CUSTOMER}")];
    every_order(&steps, &paths, Mails::May, false, nobody_is_left).await;
}

#[tokio::test]
async fn shops_in_every_order() {
    let steps = [
        event(shopify("w1", "shop/update", start(), &shop(start(), "Alder"))),
        event(shopify("w2", "shop/update", start() + minutes(2), &shop(start() + minutes(2), "Dana's"))),
        event(shopify("w3", "app/uninstalled", start() + minutes(3), &shop(start() + minutes(3), "Alder"))),
        event(shopify("w4", "orders/updated", start() + minutes(2), &order(start() + minutes(2), &json!({})))),
        event(shopify("w5", "shop/redact", start() + minutes(60), &redact_shop())),
    ];
    let paths = [&*format!("orders/{ORDER}"), &*format!("shops/{SHOP}")];
    every_order(&steps, &paths, Mails::Same, false, nobody_is_left).await;
}

#[tokio::test]
async fn products_in_every_order() {
    let steps = [
        event(shopify("w1", "products/create", start(), &product(start(), "Mug"))),
        event(shopify("w2", "products/update", start(), &product(start() + minutes(1), "Moss mug"))),
        event(shopify("w3", "products/update", start(), &product(start() + minutes(1), "Stone mug"))),
        event(shopify("w4", "products/delete", start() + minutes(2), &json!({ "id": 788_032_119_674_292_925_u64 }))),
    ];
    every_order(&steps, &["products/788032119674292925"], Mails::Same, false, |_| ()).await;
}

#[tokio::test]
async fn repositories_in_every_order() {
    let at = |minute| start() + minutes(minute);
    let renamed = json!({ "action": "renamed", "repository": repository(at(5), "acme/shop") });
    let steps = [
        event(github("d1", "push", at(1), pushed(at(1), "aaa"))),
        event(github("d2", "push", at(2), pushed(at(2), "bbb"))),
        event(github("d3", "pull_request.opened", at(3), pull_request(1, "opened", at(3)))),
        event(github("d4", "pull_request.closed", at(4), pull_request(1, "closed", at(4)))),
        event(github("d5", "repository.renamed", at(5), renamed)),
        event(github("d6", "release.published", at(6), release(1, "v1", "published", at(6)))),
    ];
    every_order(&steps, &["repositories/186853002"], Mails::Same, false, |_| ()).await;
}

/// Two steps at the same moment, with the other going first at each call of either in turn.
async fn at_the_same_moment(before: &[Step], two: [&Step; 2], paths: &[&str]) {
    let run = async |interrupt: Option<(u64, bool)>| {
        let world = World::new(start(), true);
        take(&world, before, &(0..before.len()).collect::<Vec<_>>(), false).await;
        let began = world.faults.calls();
        let [first, second] = two.map(|step| {
            let world = &world;
            async move {
                match step {
                    Step::Event(message) => with(world, (**message).clone()).await,
                    Step::Put(path, body) => {
                        let answer = call(world, Method::PUT, path, Some(body.clone())).await;
                        assert!(answer.status.is_success(), "{}", answer.json);
                    }
                }
            }
        });
        match interrupt {
            None => {
                first.await;
                second.await;
            }
            Some((call, swapped)) => {
                world.faults.plan(began + call, Fault::Yield);
                if swapped { interrupted(second, first).await } else { interrupted(first, second).await }
            }
        }
        let calls = world.faults.calls() - began;
        world.run_until_quiet().await;
        (end(&world, paths).await, mails(&world), calls)
    };
    let (expected, told, calls) = run(None).await;
    for call in 0..calls {
        for swapped in [false, true] {
            let (now, mails, _) = run(Some((call, swapped))).await;
            assert_eq!((now, mails), (expected.clone(), told.clone()), "interrupted at call {call}, swapped: {swapped}");
        }
    }
}

#[tokio::test]
async fn two_at_the_same_moment_never_miss_each_other() {
    let message = json!({ "external_id": "SM9", "channel": "sms", "direction": "outbound", "to": NUMBER });
    let message = Step::Put("/api/v1/messages/reminder-1", message);
    let confirmed = Step::Put("/api/v1/bookings/12345", booking(json!({ "status": "confirmed" })));
    let open = Step::Put("/api/v1/bookings/12345", booking(json!({})));
    let failed = event(text_status("SM9", "failed", NUMBER, None, start() + minutes(1)));
    let pays = event(paid("evt_1", "pi_1", start(), start()));
    let texts = ["messages/reminder-1", "messages?unmatched=true", "bookings/12345"];
    at_the_same_moment(&[], [&message, &failed], &texts).await;
    at_the_same_moment(std::slice::from_ref(&message), [&confirmed, &failed], &texts).await;
    at_the_same_moment(&[], [&confirmed, &failed], &["messages/SM9", "messages?unmatched=true", "bookings/12345"]).await;
    at_the_same_moment(&[open], [&pays, &failed], &["messages/SM9", "messages?unmatched=true", "bookings/12345"]).await;
    let alike = json!({ "external_id": "SM9", "channel": "sms", "direction": "outbound", "to": NUMBER });
    one_of_two_puts(&alike).await;
    let made = event(shopify("w1", "orders/create", start(), &order(start(), &json!({ "email": "", "customer": null }))));
    let redacted = event(shopify("w2", "customers/redact", start(), &redact_customer(&[820_982_911_946_154_613])));
    at_the_same_moment(&[], [&made, &redacted], &[&format!("orders/{ORDER}")]).await;
}

/// Two messages that are put with one id of the provider's at the same moment: one has it, the other is refused, at whichever call of theirs they meet.
async fn one_of_two_puts(body: &Value) {
    let mut calls = 1;
    let mut call_number = 0;
    while call_number < calls {
        let world = World::new(start(), true);
        let began = world.faults.calls();
        world.faults.plan(began + call_number, Fault::Yield);
        let answers = std::cell::RefCell::new(Vec::new());
        let put = async |id: &str| {
            let answer = call(&world, Method::PUT, &format!("/api/v1/messages/{id}"), Some(body.clone())).await;
            answers.borrow_mut().push((answer.status.as_u16(), id.to_owned()));
        };
        interrupted(put("one"), put("other")).await;
        calls = calls.max(world.faults.calls() - began);
        with(&world, text_status("SM9", "delivered", NUMBER, None, start())).await;
        let mut answers = answers.into_inner();
        answers.sort();
        let [(201, has), (409, refused)] = &answers[..] else { panic!("call {call_number}: {answers:?}") };
        assert_eq!(call(&world, Method::GET, &format!("/api/v1/messages/{has}"), None).await.json["status"], "delivered");
        assert_eq!(call(&world, Method::GET, &format!("/api/v1/messages/{refused}"), None).await.status.as_u16(), 404);
        call_number += 1;
    }
}

/// More events than all orders of could be tried.
fn many() -> Vec<Step> {
    let at = |minute| start() + minutes(minute);
    let mut steps = vec![
        Step::Put("/api/v1/bookings/12345", booking(json!({ "status": "confirmed" }))),
        Step::Put(
            "/api/v1/messages/mail-1",
            json!({ "external_id": "em_1", "channel": "email", "direction": "outbound", "to": "eve@example.com" }),
        ),
        event(shopify("w9", "customers/redact", at(9), &redact_customer(&[820_982_911_946_154_613]))),
    ];
    for (minute, status) in ["queued", "sent", "undelivered"].into_iter().enumerate() {
        steps.push(event(text_status("SM9", status, NUMBER, None, at(minute as u64))));
    }
    for kind in ["sent", "delivered", "opened"] {
        steps.push(event(mail_event("em_1", kind, start())));
    }
    for (number, topic) in ["orders/updated", "orders/paid", "orders/fulfilled"].into_iter().enumerate() {
        let body = order(at(number as u64), &json!({ "financial_status": topic }));
        steps.push(event(shopify(&format!("w{number}"), topic, at(number as u64), &body)));
    }
    for number in 1..4 {
        steps.push(event(github(&format!("o{number}"), "pull_request.opened", at(number), pull_request(number, "opened", at(number)))));
        steps.push(event(github(&format!("c{number}"), "pull_request.closed", at(9), pull_request(number, "closed", at(9)))));
        steps.push(event(github(
            &format!("r{number}"),
            "release.published",
            at(number),
            release(number, &format!("v{number}"), "published", at(number)),
        )));
    }
    steps.push(event(github("x3", "release.deleted", at(8), release(3, "v3", "deleted", at(3)))));
    steps
}

proptest! {
    #![proptest_config(ProptestConfig { cases: TestSize::of_this_run().pick(48, 5_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn many_events_at_random_with_repeats_and_faults(
        order in Just((0..many().len()).collect::<Vec<_>>()).prop_shuffle(),
        repeats in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        faults in prop::collection::vec((0..200u64, prop::sample::select(Fault::ALL.to_vec())), 0..4),
    ) {
        let steps = many();
        let order_path = format!("orders/{ORDER}");
        let paths = ["messages/SM9", "bookings/12345", "messages/mail-1", &order_path, "repositories/186853002"];
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let straight = World::new(start(), true);
            take(&straight, &steps, &(0..steps.len()).collect::<Vec<_>>(), false).await;
            let mut shuffled = order.clone();
            for repeat in &repeats {
                let (what, to) = (repeat.get(&order), repeat.index(shuffled.len()));
                if matches!(steps[*what], Step::Event(_)) {
                    shuffled.insert(to, *what);
                }
            }
            let world = World::new(start(), true);
            faults.iter().for_each(|(call, fault)| world.faults.plan(*call, *fault));
            take(&world, &steps, &shuffled, false).await;
            prop_assert_eq!(end(&world, &paths).await, end(&straight, &paths).await, "order {:?}, {:?}", shuffled, faults);
            let (now, before) = (mails(&world), mails(&straight));
            prop_assert_eq!(told(&now), told(&before));
            // Each call that went wrong excuses one repeat.
            prop_assert!(now.len() <= before.len() + faults.len(), "{:?}, {:?}", now, faults);
            nobody_is_left(&world);
            Ok(())
        })?;
    }
}
