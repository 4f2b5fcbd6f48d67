//! The operator's commands.

use std::process::Output;

use serde_json::json;
use sluice_tests::{
    Booking, Event, Home, LONG,
    machine::{Leftovers, Machine, bury},
    until,
};

use super::dev;

fn run(home: &Machine, arguments: &[&str]) -> Output {
    let url = home.url();
    home.command(&[arguments, &["--to", &url]].concat())
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn attempts(home: &Machine, event: &Event) -> u64 {
    home.settled(event)["attempts"].as_u64().expect("a number")
}

#[test]
fn parked_events_are_told_and_replayed() {
    let mut home = dev().start();
    home.may_leave(Leftovers { parked: 1, ..Leftovers::default() });
    let events = [(); 2].map(|()| Event::misshapen(&Booking::fresh()));
    for event in &events {
        assert_eq!(home.process(event)["status"], "parked");
    }
    let alerts: Vec<_> = home.sent().into_iter().filter(|sent| sent.to == "support@example.com").collect();
    let [alert] = &alerts[..] else { panic!("one alert an hour for one reason, not {alerts:?}") };
    assert!(alert.text.contains("invalid type: string \"sixty\""), "{}", alert.text);
    assert!(alert.text.contains(&events[0].inbound_id()), "{}", alert.text);

    let one = run(&home, &["replay", &events[0].inbound_id()]);
    assert!(one.status.success() && text(&one).contains("is queued to be replayed"), "{one:?}");
    until("the replay", LONG, || (attempts(&home, &events[0]) == 2).then_some(()));
    let all = run(&home, &["replay", "--parked"]);
    assert!(all.status.success() && text(&all).lines().count() == 2, "{all:?}");
    until("both replays", LONG, || (attempts(&home, &events[0]) == 3 && attempts(&home, &events[1]) == 2).then_some(()));
    let dismissed = run(&home, &["dismiss", &events[0].inbound_id(), "--reason", "a forgery"]);
    assert!(dismissed.status.success() && text(&dismissed).contains("is dismissed"), "{dismissed:?}");
    assert_eq!(home.settled(&events[0])["dismissed_because"], "a forgery");
    let none = run(&home, &["replay", "--waiting"]);
    assert_eq!((none.status.code(), text(&none).as_str()), (Some(0), "nothing waits\n"));
    let done = run(&home, &["dismiss", "in_nothing"]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    let unknown = run(&home, &["replay", "in_nothing"]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    let stranger = run(&home, &["replay", "--parked", "--key", "a key that nobody gave"]);
    assert_eq!(stranger.status.code(), Some(2), "{stranger:?}");
}

#[test]
fn dead_letters_are_told_listed_and_redriven() {
    let mut home = dev().start();
    let event = Event::stripe("customer.created");
    home.process(&event);
    let none = run(&home, &["dlq", "list"]);
    assert_eq!(text(&none), "0 of 0 dead letters\n");
    home.quiet();
    home.stop();
    bury(home.folder(), &json!({ "replay": { "id": event.inbound_id() } }).to_string());
    home.start();
    let alert = until("the operator to be told", LONG, || home.sent().into_iter().find(|sent| sent.to == "support@example.com"));
    assert!(alert.subject.to_lowercase().contains("dead"), "{}", alert.subject);

    let listed = run(&home, &["dlq", "list"]);
    assert!(text(&listed).contains(&event.inbound_id()) && text(&listed).ends_with("1 of 1 dead letters\n"), "{listed:?}");
    let redriven = run(&home, &["dlq", "redrive"]);
    assert_eq!(text(&redriven), "1 dead letters are queued again\n");
    until("the message to be handled", LONG, || (attempts(&home, &event) == 2).then_some(()));
    assert_eq!(text(&run(&home, &["dlq", "list"])), "0 of 0 dead letters\n");
}
