//! Texts that did not arrive, by example: what goes in their place, and who is told.

use axum::http::Method;
use serde_json::json;
use sluice_core::{
    records::Phone,
    testing::{Fault, Sent, World},
};

use crate::support::{NUMBER, call, confirmed, headlines, message, minutes, paid, put, read, start, text_status, with};

fn world() -> World {
    World::new(start(), true)
}

#[tokio::test]
async fn a_text_that_failed_is_mailed_once_and_support_is_told() {
    let world = world();
    let id = confirmed(&world).await;
    with(&world, text_status("SM1", "sent", NUMBER, Some(&id), start())).await;
    with(&world, text_status("SM1", "undelivered", NUMBER, Some(&id), start() + minutes(1))).await;
    with(&world, text_status("SM1", "failed", NUMBER, Some(&id), start() + minutes(2))).await;
    let mut mails: Vec<_> =
        world.sent.sent().into_iter().filter_map(|sent| if let Sent::Mail(mail) = sent { Some(mail) } else { None }).collect();
    mails.sort_by(|one, other| one.to.cmp(&other.to));
    let [customer, support] = &mails[..] else { panic!("{mails:?}") };
    assert_eq!((customer.to.as_str(), support.to.as_str()), ("ana@example.com", "support@example.com"));
    assert!(customer.subject.contains("confirmed"), "{}", customer.subject);
    assert!(support.text.contains("landline") && support.text.contains("30006") && support.text.contains("12345"), "{}", support.text);
    let shown = message(&world, &id).await;
    assert_eq!((&shown["status"], &shown["error_code"]), (&json!("failed"), &json!("30006")));
    assert!(shown["error_text"].as_str().is_some_and(|text| text.contains("landline")), "{shown}");
}

#[tokio::test]
async fn a_text_that_failed_says_nothing_that_no_longer_holds() {
    let world = world();
    let id = confirmed(&world).await;
    put(&world, json!({ "status": "cancelled" })).await;
    with(&world, text_status("SM1", "failed", NUMBER, Some(&id), start() + minutes(1))).await;
    let to_customer = world.sent.sent().iter().filter(|sent| matches!(sent, Sent::Mail(mail) if mail.to == "ana@example.com")).count();
    assert_eq!(to_customer, 0);
    assert_eq!(headlines(&world).last().map(String::as_str), Some("A text message did not arrive"));
}

#[tokio::test]
async fn a_refused_text_is_a_failed_message() {
    let world = world();
    world.sent.refuse(NUMBER);
    let id = confirmed(&world).await;
    assert_eq!(message(&world, &id).await["status"], "failed");
    assert_eq!(read(&world).await["sms_status"], "failed");
    assert_eq!(recipients(&world), ["ana@example.com", "support@example.com"]);
}

/// To whom mails were sent, in the order of the alphabet.
fn recipients(world: &World) -> Vec<String> {
    let mut to: Vec<_> =
        world.sent.sent().into_iter().filter_map(|sent| if let Sent::Mail(mail) = sent { Some(mail.to) } else { None }).collect();
    to.sort();
    to
}

#[tokio::test]
async fn a_text_that_twilio_refuses_is_the_same_as_one_that_fails_on_its_way() {
    for (code, words) in [("21211", "not valid"), ("21610", "asked for no more texts"), ("21635", "landline"), ("21999", "error 21999")] {
        let world = world();
        world.sent.refuse_with(NUMBER, code);
        let id = confirmed(&world).await;
        let shown = message(&world, &id).await;
        assert_eq!((&shown["status"], &shown["error_code"]), (&json!("failed"), &json!(code)));
        assert!(shown["error_text"].as_str().is_some_and(|text| text.contains(words)), "{shown}");
        assert_eq!(recipients(&world), ["ana@example.com", "support@example.com"], "{code}");
        let told = world.sent.sent().into_iter().find_map(|sent| match sent {
            Sent::Mail(mail) if mail.to == "support@example.com" => Some(mail.text),
            _ => None,
        });
        assert!(told.is_some_and(|text| text.contains(words) && text.contains(code) && text.contains(&id)), "{code}");
        let phone = world.record::<Phone>(NUMBER).await.expect("was put with a booking");
        assert_eq!(phone.has_opted_out(), code == "21610", "{code}");
        // Nobody is told again by a callback, nor by a replay that is refused once more.
        with(&world, text_status("SM1", "failed", NUMBER, Some(&id), start() + minutes(1))).await;
        let event = world.events().into_iter().find(|event| event.key == "evt_1").expect("is recorded").id;
        call(&world, Method::POST, &format!("/api/v1/inbound/{event}/replay"), None).await;
        world.run_until_quiet().await;
        assert_eq!(recipients(&world).len(), 2, "{code}");
    }
}

#[tokio::test]
async fn a_refused_text_tells_its_mails_also_where_a_call_goes_wrong() {
    let whole = world();
    whole.sent.refuse_with(NUMBER, "21211");
    confirmed(&whole).await;
    for call in 0..whole.faults.calls() {
        for fault in Fault::ALL {
            let world = world();
            world.sent.refuse_with(NUMBER, "21211");
            world.faults.plan(call, fault);
            crate::support::put_until_done(&world, "/api/v1/bookings/12345", &crate::support::booking(json!({}))).await;
            world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
            world.run_until_quiet().await;
            let mut told = recipients(&world);
            // A mail whose answer was lost is sent again.
            assert!(told.len() <= 3, "{fault:?} at call {call}: {told:?}");
            told.dedup();
            assert_eq!(told, ["ana@example.com", "support@example.com"], "{fault:?} at call {call}");
        }
    }
}
