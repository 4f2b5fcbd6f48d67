//! The hold of a booking whose payment failed, in real time.

use std::time::Duration;

use sluice_tests::{Booking, Event, Home, LONG, machine::Machine, until};

use super::dev;

/// The hold, and at most two rounds of the sweeper behind it.
const HOLD_AND_SWEEP: Duration = Duration::from_secs(15);

fn cancelled(home: &Machine, booking: &Booking) {
    until("the hold to end", HOLD_AND_SWEEP, || (home.booking(booking)["status"] == "cancelled").then_some(()));
    let told = until("the customer to be told", LONG, || {
        home.sent().into_iter().find(|sent| sent.to == booking.email() && !sent.text.contains("update your card"))
    });
    assert!(told.text.contains(&booking.id) || told.subject.contains("booking"), "{told:?}");
}

#[test]
fn a_booking_is_given_up_when_its_hold_ends() {
    let home = dev().set("SLUICE_HOLD", "2s").start();
    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    home.process(&Event::failed(&booking));
    assert_eq!(home.booking(&booking)["status"], "payment_pending");
    cancelled(&home, &booking);
}

#[test]
fn a_payment_in_time_ends_the_hold() {
    let home = dev().set("SLUICE_HOLD", "3s").start();
    let (paid, given_up) = (Booking::fresh(), Booking::fresh());
    for booking in [&paid, &given_up] {
        home.put(booking).expect(201);
        home.process(&Event::failed(booking));
    }
    home.process(&Event::paid(&paid));
    cancelled(&home, &given_up);
    assert_eq!(home.booking(&paid)["status"], "confirmed");
}

#[test]
fn a_hold_outlives_the_process() {
    let mut home = dev().set("SLUICE_HOLD", "2s").start();
    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    home.process(&Event::failed(&booking));
    home.kill();
    // The hold in force when the payment failed stands, whatever the setting is now.
    home.set("SLUICE_HOLD", "2h");
    home.start();
    assert_eq!(home.booking(&booking)["status"], "payment_pending");
    cancelled(&home, &booking);
}
