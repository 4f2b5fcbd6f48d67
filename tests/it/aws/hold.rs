//! The hold of a booking whose payment failed: the schedule calls the sweeper, the sweeper sends the timer, the consumer gives the booking up.

use sluice_tests::{Booking, Event, Home, seconds_now, until};

use super::brisk;

/// Seconds, as the stack's parameter `Hold` says.
const HOLD: i64 = 45;

#[test]
#[ignore = "wants a deployed stack: cargo xtask e2e"]
fn the_sweeper_ends_a_hold() {
    let stack = brisk();
    let booking = Booking::fresh().with("customer_phone", serde_json::Value::Null);
    stack.put(&booking).expect(201);
    let begun = seconds_now();
    stack.process(&Event::failed(&booking));
    assert_eq!(stack.booking(&booking)["status"], "payment_pending");
    until("the hold to end", stack.limit(), || (stack.booking(&booking)["status"] == "cancelled").then_some(()));
    let held = seconds_now() - begun;
    assert!(held >= HOLD, "given up after {held} s");
    let told = until("the customer to be told", stack.limit(), || {
        let told = stack.sent_to(&booking);
        (told.len() == 2).then_some(told)
    });
    assert!(told[0].text.contains("update your card") && !told[1].text.contains("update your card"), "{told:?}");
}
