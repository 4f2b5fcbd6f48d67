//! Stories that are told once whole, which counts their calls of the ports, and then once for each call and each way in which that can go wrong.

use std::fmt::Debug;

use sluice_core::{
    envelope::{InboundMessage, event_id},
    ports::Stored,
    testing::{Fault, World},
    time::Timestamp,
};

use crate::support::{minutes, start};

/// Each of so many calls, in each way.
fn each(calls: u64) -> impl Iterator<Item = (u64, Fault)> {
    (0..calls).flat_map(|call| Fault::ALL.into_iter().map(move |fault| (call, fault)))
}

/// Plans what goes wrong from now on: a call, counted from here. Returns how many calls there were before.
pub(crate) fn from_now_on(world: &World, faulty: Option<(u64, Fault)>) -> u64 {
    let before = world.faults.calls();
    if let Some((call, fault)) = faulty {
        world.faults.plan(before + call, fault);
    }
    before
}

/// Tells a story that says itself what is to be found, and how many calls it made.
pub(crate) async fn at_every_call(story: impl AsyncFn(Option<(u64, Fault)>) -> u64) {
    let calls = story(None).await;
    assert!(calls > 5, "{calls} calls");
    for faulty in each(calls) {
        story(Some(faulty)).await;
    }
}

/// Tells a story that ends the same whatever goes wrong in it. Its end.
pub(crate) async fn ends_the_same<T: Debug + PartialEq>(story: impl AsyncFn(&World) -> T) -> T {
    let whole = World::new(start(), true);
    let expected = story(&whole).await;
    let calls = whole.faults.calls();
    assert!(calls > 5, "{calls} calls");
    for (call, fault) in each(calls) {
        let world = World::new(start(), true);
        world.faults.plan(call, fault);
        assert_eq!(story(&world).await, expected, "call {call}, {fault:?}");
    }
    expected
}

/// When what is stored of one of Stripe's events expires: its record, and the pieces of its body.
pub(crate) fn ends_of(world: &World, key: &str) -> Vec<Option<Timestamp>> {
    let id = event_id("stripe", "default", key);
    let of_it = |stored: &Stored| stored.document.key.id.starts_with(&id);
    let both = ["event", "piece"].map(|kind| world.documents(kind)).concat();
    both.into_iter().filter(of_it).map(|stored| stored.document.expires_at).collect()
}

/// One of Stripe's events that lies in two pieces expires with them.
pub(crate) fn expires_whole(world: &World, key: &str, how: impl Debug) {
    let ends = ends_of(world, key);
    assert!(ends.len() == 3 && ends[0].is_some() && ends.iter().all(|end| *end == ends[0]), "{ends:?}, {how:?}");
}

/// One of Stripe's events that lies in two pieces comes again a minute later: it is planned before it is known for a duplicate, and what that wrote of the body
/// must not outlive the event. `begin`: what goes before, and the event; `meanwhile`: what happens before it comes again.
pub(crate) async fn comes_twice_and_expires_whole(key: &str, begin: impl AsyncFn(&World) -> InboundMessage, meanwhile: impl Fn(&World)) {
    at_every_call(async |faulty: Option<(u64, Fault)>| {
        let world = World::new(start(), true);
        let large = begin(&world).await;
        world.enqueue(&large).await;
        world.run_until_quiet().await;
        meanwhile(&world);
        let before = from_now_on(&world, faulty);
        world.clock.advance(minutes(1));
        world.enqueue(&large).await;
        world.run_until_quiet().await;
        expires_whole(&world, key, faulty);
        world.faults.calls() - before
    })
    .await;
}
