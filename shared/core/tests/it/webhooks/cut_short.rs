//! Attempts that were cut short are in the log, and none that never began.

use super::*;

/// How many requests the receiver got, and how many attempts are in the log.
async fn made_and_logged(world: &World) -> (usize, usize) {
    let delivery = &deliveries(world, "").await[0];
    assert_eq!(delivery["status"], "delivered", "{delivery}");
    (world.receivers.got().len(), delivery["attempts"].as_array().expect("attempts").len())
}

#[tokio::test]
async fn what_could_not_be_read_was_no_attempt() {
    let mut before_the_request = 0;
    // Up to the request itself: the delivery is read, its lease stored, and then the data read, which lies in the event's record.
    for call in 0..3 {
        let world = world();
        subscribe(&world, json!({ "event_types": ["stripe.*"] })).await;
        world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
        while world.documents("delivery").is_empty() {
            assert!(world.step().await, "it is published");
        }
        world.faults.plan(world.faults.calls() + call, Fault::Fail);
        world.step().await;
        let made = world.receivers.got().len();
        world.run_until_quiet().await;
        if made == 0 {
            before_the_request += 1;
            assert_eq!(made_and_logged(&world).await, (1, 1), "call {call}");
        }
    }
    assert_eq!(before_the_request, 2, "a lease that could not be stored is stored at once again");
}

#[tokio::test]
async fn a_resend_after_an_attempt_that_was_cut_short_leaves_it_in_the_log() {
    let mut cut_short = 0;
    for call in 0..6 {
        let world = world();
        subscribe(&world, json!({})).await;
        publish(&world, "order.created").await;
        world.faults.plan(world.faults.calls() + call, Fault::CrashAfter);
        world.step().await;
        world.faults.end();
        if world.receivers.got().len() != 1 || deliveries(&world, "").await[0]["status"] != "pending" {
            continue;
        }
        cut_short += 1;
        // The lease has run out, and the message is still in the hands of the process that died.
        world.clock.advance(std::time::Duration::from_secs(61));
        let id = deliveries(&world, "").await[0]["id"].as_str().expect("an id").to_owned();
        assert_eq!(post(&world, &format!("/api/v1/deliveries/{id}/resend"), json!({})).await.status, StatusCode::ACCEPTED);
        world.run_until_quiet().await;
        assert_eq!(made_and_logged(&world).await, (2, 2), "call {call}");
    }
    assert!(cut_short > 0, "no attempt was cut short");
}
