//! Texts that did not arrive, by example: what goes in their place, and who is told.

use axum::http::Method;
use serde_json::json;
use sluice_core::{
    effect::EffectState,
    records::Phone,
    testing::{Fault, Sent, World, stripe},
};

use crate::support::{
    NUMBER, call, confirmed, headlines, message, minutes, own_text, paid, put, read, refunded, start, text_in, text_status, with,
};

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
    let shown = message(&world, &id).await;
    assert_eq!((&shown["status"], &shown["sent_at"]), (&json!("failed"), &json!(null)), "it never left");
    assert_eq!(read(&world).await["sms_status"], "failed");
    assert_eq!(recipients(&world), ["ana@example.com", "support@example.com"]);
}

/// To whom mails were sent, in the order of the alphabet.
pub(crate) fn recipients(world: &World) -> Vec<String> {
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

/// The mails to the booking's customer, by subject.
pub(crate) fn to_customer(world: &World) -> Vec<String> {
    let mails = world.sent.sent().into_iter().filter_map(|sent| if let Sent::Mail(mail) = sent { Some(mail) } else { None });
    mails.filter(|mail| mail.to == "ana@example.com").map(|mail| mail.subject).collect()
}

pub(crate) const CONFIRMED: &str = "Your booking is confirmed";

#[tokio::test]
async fn no_mail_confirms_a_booking_whose_deposit_was_given_back() {
    let world = world();
    let id = confirmed(&world).await;
    with(&world, refunded("evt_2", "pi_1", 6000, true, start() + minutes(1))).await;
    with(&world, text_status("SM1", "undelivered", NUMBER, Some(&id), start() + minutes(2))).await;
    assert_eq!(to_customer(&world), ["Your $60.00 deposit has been refunded"]);
    assert!(headlines(&world).contains(&"A text message did not arrive".to_owned()));
    // Its bank sent the refund back: the deposit is paid after all, and nobody has told the customer.
    let failed =
        json!({ "id": "re_1", "amount": 6000, "currency": "usd", "charge": "ch_pi_1", "payment_intent": "pi_1", "status": "failed" });
    with(&world, stripe("evt_3", "refund.failed", start() + minutes(3), start() + minutes(3), &failed)).await;
    assert_eq!(to_customer(&world)[1..], [CONFIRMED]);
}

#[tokio::test]
async fn a_mail_confirms_a_booking_of_whose_deposit_a_part_was_given_back() {
    let world = world();
    let id = confirmed(&world).await;
    with(&world, refunded("evt_2", "pi_1", 2000, true, start() + minutes(1))).await;
    with(&world, text_status("SM1", "undelivered", NUMBER, Some(&id), start() + minutes(2))).await;
    assert_eq!(to_customer(&world), ["$20.00 of your $60.00 deposit has been refunded", CONFIRMED]);
}

#[tokio::test]
async fn a_mail_for_a_booking_that_was_never_paid_tells_of_no_deposit() {
    let world = world();
    put(&world, json!({ "status": "confirmed" })).await;
    with(&world, text_status("SM9", "undelivered", NUMBER, None, start())).await;
    assert_eq!(to_customer(&world), [CONFIRMED]);
    for sent in world.sent.sent() {
        let Sent::Mail(mail) = sent else { continue };
        assert!(!mail.text.contains("deposit") && !mail.html.contains("deposit"), "{}", mail.text);
    }
    // Once it is paid, that is told by a text of its own, and by mail if that fails, too.
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    let own = own_text(&world);
    with(&world, text_status("SM1", "undelivered", NUMBER, Some(&own), start() + minutes(1))).await;
    assert_eq!(to_customer(&world), [CONFIRMED, CONFIRMED]);
}

#[tokio::test]
async fn a_text_of_others_that_failed_is_not_made_good_for_where_sluice_tells_of_the_deposit() {
    for (own, expected) in [("delivered", 0), ("sent", 0), ("undelivered", 1)] {
        let world = world();
        let id = confirmed(&world).await;
        with(&world, text_status("SM1", own, NUMBER, Some(&id), start() + minutes(1))).await;
        with(&world, text_status("SM9", "undelivered", NUMBER, None, start() + minutes(2))).await;
        assert_eq!(to_customer(&world).len(), expected, "{own}");
        let told = headlines(&world).iter().filter(|headline| *headline == "A text message did not arrive").count();
        assert_eq!(told, 1 + expected, "support is told of each: {own}");
    }
}

#[tokio::test]
async fn a_mail_in_place_of_a_text_is_left_out_while_it_is_untrue_and_sent_once_it_is_true_again() {
    let world = world();
    let id = confirmed(&world).await;
    world.sent.break_down(true);
    with(&world, text_status("SM1", "undelivered", NUMBER, Some(&id), start() + minutes(1))).await;
    put(&world, json!({ "status": "cancelled" })).await;
    world.sent.break_down(false);
    world.run_until_quiet().await;
    assert_eq!(to_customer(&world), [""; 0]);
    assert!(headlines(&world).contains(&"A text message did not arrive".to_owned()));
    for _ in 0..2 {
        put(&world, json!({})).await;
        world.run_until_quiet().await;
        assert_eq!(to_customer(&world), [CONFIRMED]);
    }
}

#[tokio::test]
async fn a_mail_in_place_of_a_text_that_arrived_after_all_is_not_sent() {
    let world = world();
    let id = confirmed(&world).await;
    world.sent.break_down(true);
    with(&world, text_status("SM1", "undelivered", NUMBER, Some(&id), start() + minutes(1))).await;
    with(&world, text_status("SM1", "delivered", NUMBER, Some(&id), start() + minutes(2))).await;
    world.sent.break_down(false);
    world.run_until_quiet().await;
    assert_eq!(world.sent.sent().len(), 1, "the text alone: {:?}", headlines(&world));
}

#[tokio::test]
async fn a_mail_that_is_left_out_is_sent_later_also_where_a_call_goes_wrong() {
    let story = async |world: &World| {
        crate::support::put_until_done(world, "/api/v1/bookings/12345", &crate::support::booking(json!({}))).await;
        world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
        world.run_until_quiet().await;
        let id = own_text(world);
        world.sent.break_down(true);
        with(world, text_status("SM1", "undelivered", NUMBER, Some(&id), start() + minutes(1))).await;
        let cancelled = crate::support::booking(json!({ "status": "cancelled" }));
        crate::support::put_until_done(world, "/api/v1/bookings/12345", &cancelled).await;
        world.sent.break_down(false);
        world.run_until_quiet().await;
        assert_eq!(to_customer(world), [""; 0]);
        crate::support::put_until_done(world, "/api/v1/bookings/12345", &crate::support::booking(json!({}))).await;
        world.run_until_quiet().await;
    };
    let whole = world();
    story(&whole).await;
    assert_eq!(to_customer(&whole), [CONFIRMED]);
    for call in 0..whole.faults.calls() {
        for fault in Fault::ALL {
            let world = world();
            world.faults.plan(call, fault);
            story(&world).await;
            let mut told = to_customer(&world);
            // A mail whose answer was lost is sent again.
            assert!((1..3).contains(&told.len()), "{fault:?} at call {call}: {told:?}");
            told.dedup();
            assert_eq!(told, [CONFIRMED], "{fault:?} at call {call}");
        }
    }
}

/// Plans the payment again.
pub(crate) async fn replay(world: &World) {
    let event = world.events().into_iter().find(|event| event.key == "evt_1").expect("is recorded").id;
    call(world, Method::POST, &format!("/api/v1/inbound/{event}/replay"), None).await;
    world.run_until_quiet().await;
}

#[tokio::test]
async fn a_text_that_was_refused_begins_anew_when_it_is_taken() {
    for named in [true, false] {
        let world = world();
        world.sent.refuse_with(NUMBER, "21610");
        let id = confirmed(&world).await;
        // Its owner wants texts again.
        with(&world, text_in("SM9", "START", None, start() + minutes(60))).await;
        world.sent.accept_all();
        if named {
            world.sent.name_texts("SM");
        }
        replay(&world).await;
        let shown = message(&world, &id).await;
        assert_eq!((&shown["status"], &shown["error_code"], &shown["to"]), (&json!("pending"), &json!(null), &json!(NUMBER)), "{named}");
        assert_eq!(read(&world).await["sms_status"], "pending");
        let reference = (!named).then_some(&*id);
        for status in ["sent", "delivered"] {
            with(&world, text_status("SM1", status, NUMBER, reference, start() + minutes(61))).await;
            assert_eq!(message(&world, &id).await["status"], status, "{named}");
        }
        assert_eq!(recipients(&world), ["ana@example.com", "support@example.com"]);
    }
}

#[tokio::test]
async fn who_does_not_know_whether_a_text_is_marked_does_nothing_more() {
    let story = async |world: &World| {
        with(world, refunded("evt_1", "pi_1", 2000, true, start())).await;
        with(world, paid("evt_2", "pi_1", start(), start())).await;
        world.sent.refuse_with(NUMBER, "21211");
        // The text is refused, and a mail on the refund follows it in the same event.
        crate::support::put_until_done(world, "/api/v1/bookings/12345", &crate::support::booking(json!({}))).await;
        world.run_until_quiet().await;
        let mails: Vec<_> = world.sent.sent().iter().map(|sent| sent.id().to_owned()).collect();
        let different: std::collections::BTreeSet<_> = mails.iter().collect();
        assert_eq!(different.len(), 3, "{:?}", headlines(world));
        mails.len()
    };
    let whole = world();
    let mails = story(&whole).await;
    let mut repeated = 0;
    for call in 0..whole.faults.calls() {
        let world = world();
        // No try of a commit tells what became of it.
        for (after, fault) in [Fault::LoseAnswer, Fault::Fail, Fault::Fail].into_iter().enumerate() {
            world.faults.plan(call + after as u64, fault);
        }
        repeated += story(&world).await - mails;
    }
    assert_eq!((mails, repeated), (3, 3), "each mail is repeated where its own answer is lost, and nowhere else");
}

#[tokio::test]
async fn a_text_whose_records_can_t_be_read_for_a_moment_holds_up_no_other_effect() {
    // Handles a text that is refused and a mail on a refund, with one call failing. How many calls there were.
    let handled = async |faulty: Option<u64>| {
        let world = world();
        with(&world, refunded("evt_1", "pi_1", 2000, true, start())).await;
        with(&world, paid("evt_2", "pi_1", start(), start())).await;
        world.sent.refuse_with(NUMBER, "21211");
        put(&world, json!({})).await;
        let begun = world.faults.calls();
        if let Some(call) = faulty {
            world.faults.plan(begun + call, Fault::Fail);
        }
        world.step().await;
        let event = world.events().into_iter().find(|event| event.kind == "booking.put").expect("is recorded");
        (world.faults.calls() - begun, event)
    };
    let mut left = 0;
    for call in 0..handled(None).await.0 {
        let (_, event) = handled(Some(call)).await;
        let [text, mail, ..] = &event.effects[..] else { panic!("{:?}", event.effects) };
        if event.attempts > 0 && text.state == EffectState::Pending {
            left += 1;
            assert_eq!((&*mail.template, mail.state), ("booking_refunded", EffectState::Done), "call {call}");
        }
    }
    assert!(left > 1, "in {left} calls");
}
