//! A disk that is full.

use sluice_tests::{Booking, Event, Home};

use super::dev;

#[test]
fn a_full_disk_costs_nothing_that_was_acknowledged() {
    let home = dev().start();
    let bookings: Vec<_> = (0..20).map(|_| Booking::fresh()).collect();
    let events: Vec<_> = bookings.iter().map(Event::paid).collect();
    for event in &events {
        home.deliver(event).expect(200);
    }
    home.limit_files(Some(0));
    let while_full = Event::paid(&bookings[0]);
    let answer = home.deliver(&while_full).expect(500);
    assert_eq!(answer.text(), "Temporarily unavailable; send it again.\n");
    let problem = home.put(&bookings[0]).expect(503);
    assert_eq!(problem.header("content-type"), "application/problem+json");
    home.client().get("/api/v1/bookings").expect(200);
    home.limit_files(None);

    home.deliver(&while_full).expect(200);
    for (booking, event) in bookings.iter().zip(&events) {
        home.put(booking).expect(201);
        assert_eq!(home.settled(event)["status"], "done");
        assert_eq!(home.booking(booking)["status"], "confirmed");
    }
    home.settled(&while_full);
}
