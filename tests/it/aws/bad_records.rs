//! Records that fail, or that end the process that handles them, among good ones.

use serde_json::Value;
use sluice_tests::{Booking, Channel, Event, Home, aws::Stack, until};

use super::brisk;

/// After how many receives the stack's queue gives a message up.
const MAX_RECEIVES: usize = 4;

/// A booking that is there, and a payment of it.
fn paid(stack: &Stack) -> (Booking, Event) {
    let booking = Booking::fresh();
    stack.put(&booking).expect(201);
    let event = Event::paid(&booking);
    (booking, event)
}

/// The booking's change is applied, and applied once; the customer was told, and again only where a killed process had told and not marked it.
fn check_done(stack: &Stack, booking: &Booking, event: &Event) {
    let record = stack.settled(event);
    assert_eq!(record["status"], "done", "{record}");
    let changed = stack.booking(booking);
    assert_eq!((&changed["status"], &changed["version"]), (&"confirmed".into(), &2.into()), "{changed}");
    let told = stack.sent_to(booking);
    assert!(told.iter().all(|sent| sent.channel == Channel::Text), "{told:?}");
    assert!((1..=1 + stack.texts().kills()).contains(&told.len()), "{told:?}");
}

#[test]
#[ignore = "wants a deployed stack: cargo xtask e2e"]
fn a_killed_consumer_leaves_nothing_undone() {
    let stack = brisk();
    let (booking, event) = paid(&stack);
    stack.texts().kill_callers(booking.phone(), 1);
    stack.deliver(&event).expect(200);
    check_done(&stack, &booking, &event);
    // The text was taken, and the process that was to mark it is dead.
    assert!(stack.sent_to(&booking).len() >= 2, "{:?}", stack.sent_to(&booking));
}

#[test]
#[ignore = "wants a deployed stack: cargo xtask e2e"]
fn among_good_records_a_wrong_one_is_parked_and_a_deadly_one_dies_alone() {
    let stack = brisk();
    let good: Vec<_> = (0..12).map(|_| paid(&stack)).collect();
    let (wrong_booking, _) = paid(&stack);
    let wrong = Event::misshapen(&wrong_booking);
    let (victim, deadly) = paid(&stack);
    stack.texts().kill_callers(victim.phone(), u32::MAX);
    let events: Vec<_> = good.iter().map(|(_, event)| event).chain([&wrong, &deadly]).collect();
    std::thread::scope(|scope| {
        let stack = &*stack;
        events
            .chunks(4)
            .for_each(|events| drop(scope.spawn(move || events.iter().for_each(|event| drop(stack.deliver(event).expect(200))))));
    });

    let parked = stack.settled(&wrong);
    assert_eq!(parked["status"], "parked");
    let reason = parked["reason"].as_str().expect("a reason");
    assert!(reason.contains("invalid type: string \"sixty\""), "{reason}");
    assert_eq!(stack.booking(&wrong_booking)["version"], 1);

    until("the deadly record to be given up", stack.limit(), || (stack.dead_letters().waiting().total() > 0).then_some(()));
    good.iter().for_each(|(booking, event)| check_done(&stack, booking, event));
    let letters = stack.client().list("/api/v1/dead-letters");
    let keys: Vec<_> = letters.iter().map(|letter| key(&letter["body"])).collect();
    assert_eq!(keys, [deadly.key()], "nothing but the deadly record");
    let record = stack.client().get(&format!("/api/v1/inbound/{}", deadly.inbound_id())).expect(200).json();
    assert_eq!(record["effects"][0]["state"], "pending", "{record}");
    assert_eq!(stack.sent_to(&victim).len(), MAX_RECEIVES, "one try for each receive");

    // What killed it is mended, and the operator sends it back.
    stack.texts().kill_callers(victim.phone(), 0);
    assert_eq!(stack.client().post("/api/v1/dead-letters/redrive").expect(200).json()["redriven"], 1);
    assert_eq!(stack.settled(&deadly)["status"], "done");
    assert_eq!(stack.booking(&victim)["version"], 2);
}

/// The provider's id of the event in a message.
fn key(body: &Value) -> String {
    let message: Value = serde_json::from_str(body.as_str().expect("a text")).expect("a message is JSON");
    message["event"]["key"].as_str().unwrap_or_default().to_owned()
}
