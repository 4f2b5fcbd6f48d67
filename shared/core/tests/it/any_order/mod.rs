//! Any order, for every kind besides bookings: all orders of up to six events, with puts between, repeats and calls that go wrong, end in the same records and
//! the same mails.

mod at_random;
mod at_the_same_moment;
mod messages;
mod repositories;
mod shops;
mod told;

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};
use sluice_core::{
    envelope::InboundMessage,
    record::Record,
    records::{Message, Order, Phone, Product, Repository, Shop, ShopCustomer},
    testing::{Fault, TestSize, World, assert_findable},
};

use crate::support::{
    booking, call, drawn_faults, headlines, mail_event, minutes, paid, put_until_done, shopify, start, text_in, text_status, with,
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

/// Whether an order keeps the owner's words on one record in theirs: the last one is to stand.
fn keeps_words_in_order(steps: &[Step], order: &[usize]) -> bool {
    let path = |number: usize| if let Step::Put(path, _) = &steps[number] { Some(*path) } else { None };
    let out_of_order = |(place, number): (usize, &usize)| {
        path(*number).is_some_and(|said| order[..place].iter().any(|before| before > number && path(*before) == Some(said)))
    };
    !order.iter().enumerate().any(out_of_order)
}

/// Brings the owner's words on each record into their order.
fn put_words_in_order(steps: &[Step], order: &mut [usize]) {
    for place in 0..order.len() {
        for later in place + 1..order.len() {
            if !keeps_words_in_order(steps, &[order[place], order[later]]) {
                order.swap(place, later);
            }
        }
    }
}

async fn every_order(steps: &[Step], paths: &[&str], with_mails: Mails, sms: bool, check: impl Fn(&World)) {
    let mut expected = None;
    for (number, order) in orders(steps.len()).into_iter().filter(|order| keeps_words_in_order(steps, order)).enumerate() {
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
