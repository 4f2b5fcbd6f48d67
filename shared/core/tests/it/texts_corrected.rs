//! Texts whose number is corrected before they have arrived, by example: which message goes where, and who is told of the others.

use axum::http::Method;
use serde_json::json;
use sluice_core::{
    effect::EffectState,
    ports::Clock,
    testing::{Fault, Sent, World},
};

use crate::{
    support::{
        NUMBER, as_an_older_version_wrote_it, call, confirmed, message, minutes, own_text, paid, put, read, start, text_status, with,
    },
    texts_failed::{recipients, replay},
};

fn world() -> World {
    World::new(start(), true)
}

const CORRECTED: &str = "+15005550007";

/// The id of the message that goes to a number.
async fn message_to(world: &World, number: &str) -> String {
    let path = format!("/api/v1/messages?to={}", number.replace('+', "%2B"));
    let listed = call(world, Method::GET, &path, None).await.json;
    let ids: Vec<_> = listed["items"].as_array().into_iter().flatten().filter_map(|item| item["id"].as_str()).collect();
    let [id] = ids[..] else { panic!("{listed}") };
    id.to_owned()
}

#[tokio::test]
async fn a_text_that_is_sent_again_to_a_corrected_number_is_a_message_of_its_own() {
    let world = world();
    world.sent.refuse_with(NUMBER, "21211");
    world.sent.name_texts("SM");
    let first = confirmed(&world).await;
    put(&world, json!({ "customer_phone": CORRECTED })).await;
    replay(&world).await;
    let second = message_to(&world, CORRECTED).await;
    let texts: Vec<_> =
        world.sent.sent().into_iter().filter_map(|sent| if let Sent::Text(text) = sent { Some(text) } else { None }).collect();
    assert!(matches!(&texts[..], [text] if text.to == CORRECTED && text.message == second), "{texts:?}");
    let state = async |id: &str| {
        let shown = message(&world, id).await;
        [shown["to"].clone(), shown["status"].clone(), shown["error_code"].clone(), shown["external_id"].clone()]
    };
    assert_eq!(state(&first).await, [json!(NUMBER), json!("failed"), json!("21211"), json!(null)]);
    assert_eq!(state(&second).await, [json!(CORRECTED), json!("pending"), json!(null), json!("SM1")]);
    assert_eq!(read(&world).await["sms_status"], "pending");
    with(&world, text_status("SM1", "delivered", CORRECTED, Some(&second), start() + minutes(9))).await;
    assert_eq!(read(&world).await["sms_delivered"], true);
    assert_eq!(state(&first).await[1], "failed");
    // Sent once, and nobody is told anything again.
    replay(&world).await;
    assert_eq!(recipients(&world), ["ana@example.com", "support@example.com"]);
    assert_eq!(world.sent.sent().len(), 3);
}

#[tokio::test]
async fn a_text_to_a_corrected_number_that_fails_tells_support_of_that_number() {
    for refused in [false, true] {
        let world = world();
        world.sent.refuse_with(NUMBER, "21211");
        confirmed(&world).await;
        put(&world, json!({ "customer_phone": CORRECTED })).await;
        if refused {
            world.sent.refuse_with(CORRECTED, "21635");
        }
        replay(&world).await;
        let second = message_to(&world, CORRECTED).await;
        if !refused {
            with(&world, text_status("SM1", "undelivered", CORRECTED, Some(&second), start() + minutes(9))).await;
        }
        assert_eq!(message(&world, &second).await["status"], "failed");
        assert_eq!(recipients(&world), ["ana@example.com", "support@example.com", "support@example.com"], "{refused}");
        let last = world.sent.sent().into_iter().rev().find_map(|sent| if let Sent::Mail(mail) = sent { Some(mail.text) } else { None });
        assert!(last.is_some_and(|text| text.contains(CORRECTED) && text.contains(&second)), "{refused}");
    }
}

#[tokio::test]
async fn a_text_that_waits_goes_to_the_number_that_its_booking_has_by_then() {
    let world = world();
    world.sent.name_texts("SM");
    world.sent.break_down(true);
    let first = confirmed(&world).await;
    put(&world, json!({ "customer_phone": CORRECTED })).await;
    world.sent.break_down(false);
    world.run_until_quiet().await;
    let second = message_to(&world, CORRECTED).await;
    assert_eq!((recipients(&world).len(), world.sent.sent().len()), (0, 1));
    let shown = message(&world, &first).await;
    assert_eq!((&shown["status"], &shown["to"]), (&json!("failed"), &json!(NUMBER)));
    assert!(shown["error_text"].as_str().is_some_and(|text| text.contains("another number")), "{shown}");
    // It had gone out all the same, and its answer was lost.
    with(&world, text_status("SM7", "sent", NUMBER, Some(&first), start() + minutes(9))).await;
    assert_eq!(message(&world, &first).await["status"], "sent");
    assert_eq!((message(&world, &second).await["status"].clone(), recipients(&world).len()), (json!("pending"), 0));
}

/// The numbers that texts went to, in order.
fn texted(world: &World) -> Vec<String> {
    world.sent.sent().into_iter().filter_map(|sent| if let Sent::Text(text) = sent { Some(text.to) } else { None }).collect()
}

/// The booking gets another number, and its text is tried again while the other side takes nothing.
async fn corrected_in_vain(world: &World, number: &str) {
    put(world, json!({ "customer_phone": number })).await;
    world.sent.break_down(true);
    world.clock.advance(minutes(60));
    while world.step().await {}
    world.sent.break_down(false);
}

/// A world in which the text of a payment has left, and the answer was lost.
async fn left_unanswered() -> World {
    let whole = world();
    confirmed(&whole).await;
    for call in 0..whole.faults.calls() {
        let world = world();
        world.sent.name_texts("SM");
        world.faults.plan(call, Fault::LoseAnswer);
        put(&world, json!({})).await;
        world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
        world.step().await;
        let event = world.events().into_iter().find(|event| event.key == "evt_1");
        let waits = event.is_some_and(|event| event.effects.iter().any(|effect| effect.state == EffectState::Pending));
        if texted(&world).len() == 1 && waits && !message(&world, &own_text(&world)).await["external_id"].is_string() {
            return world;
        }
    }
    panic!("the answer of the sending itself was lost at no call")
}

#[tokio::test]
async fn a_text_to_a_corrected_number_is_sent_though_the_one_before_it_had_left() {
    let world = left_unanswered().await;
    let first = own_text(&world);
    corrected_in_vain(&world, CORRECTED).await;
    let second = message_to(&world, CORRECTED).await;
    with(&world, text_status("SM1", "sent", NUMBER, Some(&first), start() + minutes(61))).await;
    assert_eq!(message(&world, &first).await["status"], "sent");
    world.run_until_quiet().await;
    assert_eq!(texted(&world), [NUMBER, CORRECTED]);
    with(&world, text_status("SM2", "delivered", CORRECTED, Some(&second), start() + minutes(62))).await;
    assert_eq!((&read(&world).await["sms_status"], recipients(&world).len()), (&json!("delivered"), 0));
}

#[tokio::test]
async fn a_text_that_left_unanswered_is_not_sent_again_once_its_number_is_put_again() {
    let world = left_unanswered().await;
    let first = own_text(&world);
    corrected_in_vain(&world, CORRECTED).await;
    let second = message_to(&world, CORRECTED).await;
    put(&world, json!({})).await;
    with(&world, text_status("SM1", "sent", NUMBER, Some(&first), start() + minutes(61))).await;
    world.run_until_quiet().await;
    assert_eq!(texted(&world), [NUMBER]);
    assert_eq!((&message(&world, &second).await["status"], &read(&world).await["sms_status"]), (&json!("failed"), &json!("sent")));
}

#[tokio::test]
async fn a_text_goes_to_a_number_that_its_booking_has_again_and_no_other_one_waits() {
    const THIRD: &str = "+15005550008";
    for numbers in [&[NUMBER, CORRECTED, NUMBER][..], &[NUMBER, CORRECTED, THIRD, CORRECTED]] {
        for end in ["delivered", "undelivered", "refused"] {
            let world = world();
            world.sent.name_texts("SM");
            world.sent.break_down(true);
            confirmed(&world).await;
            for number in &numbers[1..] {
                corrected_in_vain(&world, number).await;
            }
            let last = numbers[numbers.len() - 1];
            if end == "refused" {
                world.sent.refuse_with(last, "21211");
            }
            world.run_until_quiet().await;
            let id = message_to(&world, last).await;
            if end != "refused" {
                assert_eq!((texted(&world), &read(&world).await["sms_status"]), (vec![last.to_owned()], &json!("pending")), "{numbers:?}");
                with(&world, text_status("SM1", end, last, Some(&id), world.clock.now())).await;
            }
            let (status, told): (_, &[&str]) =
                if end == "delivered" { ("delivered", &[]) } else { ("failed", &["ana@example.com", "support@example.com"]) };
            assert_eq!(
                (&message(&world, &id).await["status"], recipients(&world)),
                (&json!(status), told.iter().map(ToString::to_string).collect())
            );
            assert_eq!(read(&world).await["sms_status"], status, "{numbers:?}, {end}");
            for other in numbers.iter().filter(|number| **number != last) {
                let shown = message(&world, &message_to(&world, other).await).await;
                assert_eq!(shown["status"], "failed", "{numbers:?}, {end}");
                assert!(shown["error_text"].as_str().is_some_and(|text| text.contains("another number")), "{shown}");
            }
        }
    }
}

#[tokio::test]
async fn a_text_that_an_older_version_planned_does_not_wait_once_its_number_is_corrected() {
    let world = world();
    world.sent.break_down(true);
    let first = confirmed(&world).await;
    as_an_older_version_wrote_it(&world, "booking", "12345", |booking| {
        assert!(booking["texts"][&first].as_object_mut().is_some_and(|text| text.remove("number").is_some()));
    })
    .await;
    corrected_in_vain(&world, CORRECTED).await;
    world.run_until_quiet().await;
    assert_eq!((texted(&world), recipients(&world).len()), (vec![CORRECTED.to_owned()], 0));
    assert_eq!(message(&world, &first).await["status"], "failed");
    // It had left all the same, and is none that is told of.
    with(&world, text_status("SM7", "undelivered", NUMBER, Some(&first), world.clock.now())).await;
    assert_eq!(recipients(&world).len(), 0);
}
