//! What is kept of events, and what an operator can do about them.

use serde_json::json;
use sluice_tests::{Booking, Event, Home, seconds_now, sign};

const PATH: &str = "/webhooks/stripe";

pub(crate) fn a_body_is_kept_to_the_byte(home: &dyn Home) {
    let event = Event::stripe("customer.created");
    let odd = format!(
        "\t {{ \"type\":\"odd\",\n\r\n \"id\" : \"{}\", \"created\":1795176000 , \"big\": 820982911946154508123, \"e\":\"\\u00e9 é \\/ 🛶\", \"n\":1.0e2, \"n\":2}} \n",
        event.key()
    );
    home.client().webhook(PATH, &sign(odd.clone(), home.secret(), seconds_now())).expect(200);
    let record = home.settled(&event);
    assert_eq!(record["body"].as_str(), Some(odd.as_str()));
    assert_eq!((&record["body_encoding"], &record["type"]), (&json!("utf-8"), &json!("odd")));
    assert_eq!(record["headers"]["content-type"], "application/json; charset=utf-8");
    assert!(record["headers"]["stripe-signature"].is_null(), "the signature is not worth keeping: {}", record["headers"]);
}

/// API Gateway hands such bodies over in base64.
pub(crate) fn a_body_that_is_not_called_text_is_kept_to_the_byte(home: &dyn Home) {
    for content_type in [Some("application/x-www-form-urlencoded"), Some("application/octet-stream"), None] {
        let event = Event::stripe("customer.created").with("/data/object/name", "é 🛶 %20+&=");
        let mut request = event.signed(home.secret());
        request.headers.retain(|(name, _)| *name != http::header::CONTENT_TYPE);
        request.headers.extend(content_type.map(|text| (http::header::CONTENT_TYPE, http::HeaderValue::from_static(text))));
        home.client().webhook(PATH, &request).expect(200);
        assert_eq!(home.settled(&event)["body"].as_str(), Some(event.body().as_str()), "{content_type:?}");
    }
}

pub(crate) fn a_large_body_is_kept_to_the_byte(home: &dyn Home) {
    // Digits that follow no pattern: packed they are a little less than half, too large for one piece.
    let digits = |count: u64| -> String {
        (0..count)
            .map(|number| format!("{:016x}", (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (number << 7).wrapping_pow(3)))
            .collect()
    };
    let event = Event::stripe("customer.created").with("/data/object/name", digits(60_000));
    let record = home.process(&event);
    assert_eq!(record["status"], "done");
    assert!(record["body"] == event.body(), "the body has changed");
    // And what would not fit into a message of the queue is not taken.
    let larger = Event::stripe("customer.created").with("/data/object/name", digits(120_000));
    home.deliver(&larger).expect(413);
}

pub(crate) fn an_unknown_type_is_recorded(home: &dyn Home) {
    let event = Event::stripe("customer.created").with("/type", "nobody.knows");
    let record = home.process(&event);
    assert_eq!((&record["status"], &record["type"]), (&json!("done"), &json!("nobody.knows")));
    let unmatched = Event::stripe("payment_intent.payment_failed").with("/data/object/metadata", json!({}));
    assert_eq!(home.process(&unmatched)["unmatched"], true);
    let listed = home.client().list("/api/v1/inbound?unmatched=true");
    assert!(listed.iter().any(|item| item["key"] == unmatched.key()), "{listed:?}");
}

pub(crate) fn what_has_lost_its_shape_is_parked_and_can_be_replayed(home: &dyn Home) {
    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    let event = Event::misshapen(&booking);
    let record = home.process(&event);
    assert_eq!(record["status"], "parked");
    let reason = record["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("the body is not what payment_intent.succeeded promises: invalid type: string \"sixty\""), "{reason}");
    let parked = home.client().list("/api/v1/inbound?status=parked");
    assert!(parked.iter().any(|item| item["key"] == event.key()), "{parked:?}");
    assert_eq!(home.booking(&booking)["version"], 1, "a parked event has changed a record");

    let replay = format!("/api/v1/inbound/{}/replay", event.inbound_id());
    home.client().post(&replay).expect(202);
    sluice_tests::until("the replay to have parked it again", home.limit(), || (home.settled(&event)["attempts"] == 2).then_some(()));
    assert_eq!(home.settled(&event)["status"], "parked");
    home.client().post("/api/v1/inbound/in_nothing/replay").expect(404);

    let done = Event::paid(&booking);
    home.process(&done);
    home.client().post(&format!("/api/v1/inbound/{}/replay", done.inbound_id())).expect(202);
    sluice_tests::until("the replay to be over", home.limit(), || (home.settled(&done)["attempts"] == 2).then_some(()));
    assert_eq!(home.booking(&booking)["version"], 2, "a replay has changed what was applied");
    assert_eq!(home.sent_to(&booking).len(), 1, "a replay has told it again");
}

pub(crate) fn the_api_wants_its_key(home: &dyn Home) {
    let stranger = home.client().with_key(None);
    for path in ["/api/v1/bookings", "/api/v1/inbound", "/api/v1/transactions", "/api/v1/dead-letters", "/api/v1/nothing"] {
        let answer = stranger.get(path).expect(401);
        assert_eq!((answer.header("www-authenticate"), answer.header("content-type")), ("Bearer", "application/problem+json"));
    }
    home.client().with_key(Some("a key that nobody gave")).get("/api/v1/bookings").expect(401);
    stranger.get("/healthz").expect(200);
    home.client().get("/api/v1/bookings?limit=0").expect(400);
    home.put(&Booking::fresh().with("customer_phone", "5550006").with("currency", "gold")).expect(422);
}
