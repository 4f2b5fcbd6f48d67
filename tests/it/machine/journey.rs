//! The first thing that anyone tries.

use sluice_tests::{Booking, Channel, Home, LONG, machine::Machine, until};

use super::dev;

fn text(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn try_send(home: &Machine, booking: &Booking, more: &[&str]) -> std::process::Output {
    let (url, set) = (home.url(), format!("data.object.metadata.booking_id={}", booking.id));
    let arguments = ["send", "stripe", "payment_intent.succeeded", "--to", &url, "--set", &set];
    home.command(&[&arguments, more].concat())
}

#[test]
fn a_booking_is_put_paid_and_confirmed() {
    let home = dev().start();
    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    let sent = try_send(&home, &booking, &[]);
    assert!(sent.status.success() && text(&sent).starts_with("200 OK"), "{sent:?}");
    until("the booking to be confirmed", LONG, || (home.booking(&booking)["status"] == "confirmed").then_some(()));
    let told = until("the text to be captured", LONG, || home.sent().pop());
    assert_eq!((told.channel, told.to.as_str()), (Channel::Text, booking.phone()));
    until("the text to be shown at the terminal", LONG, || {
        home.log().iter().any(|line| line.contains(&format!("text message to {}", booking.phone()))).then_some(())
    });
}

#[test]
fn what_send_is_refused_shows_in_its_exit_code() {
    let home = dev().start();
    let booking = Booking::fresh();
    let refused = try_send(&home, &booking, &["--secret", "whsec_of_somebody_else"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(text(&refused).contains("400"), "{refused:?}");
    let many = try_send(&home, &booking, &["--count", "40", "--concurrency", "8"]);
    assert!(many.status.success() && text(&many).starts_with("40 ok, 0 failed"), "{many:?}");
}
