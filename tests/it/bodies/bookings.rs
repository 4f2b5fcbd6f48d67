//! What events do to bookings.

use serde_json::json;
use sluice_core::envelope::event_id;
use sluice_tests::{Booking, Channel, Event, Home};

use super::{ACME, TENANT};

pub(crate) fn a_payment_confirms_its_booking(home: &dyn Home) {
    let booking = Booking::fresh();
    let created = home.put(&booking).expect(201).json();
    assert_eq!((&created["status"], &created["deposit_paid"]), (&json!("pending"), &json!(false)));
    let event = Event::paid(&booking);
    let record = home.process(&event);

    assert_eq!((&record["status"], &record["attempts"]), (&json!("done"), &json!(1)));
    let changes = record["changes"].as_array().expect("a list");
    assert_eq!(changes.len(), 3, "the booking, the payment, and the text that is to be sent: {changes:?}");
    assert!(changes.contains(&json!({ "kind": "booking", "id": booking.id })), "{changes:?}");
    assert!(changes.contains(&json!({ "kind": "transaction", "id": event.object() })), "{changes:?}");
    assert!(changes.iter().any(|change| change["kind"] == "message"), "{changes:?}");
    let paid = home.booking(&booking);
    assert_eq!((&paid["status"], &paid["deposit_paid"], &paid["version"]), (&json!("confirmed"), &json!(true), &json!(2)));
    let transaction = home.client().get(&format!("/api/v1/transactions/{}", event.object())).expect(200).json();
    assert_eq!((&transaction["booking_id"], &transaction["amount"]), (&json!(booking.id), &json!(6000)));

    let [text] = &home.sent_to(&booking)[..] else { panic!("one text, not {:?}", home.sent_to(&booking)) };
    assert_eq!((text.channel, text.to.as_str()), (Channel::Text, booking.phone()));
    assert!(text.text.contains("$60.00") && text.text.contains("confirmed"), "{}", text.text);
}

pub(crate) fn an_event_is_applied_once_however_often_it_comes(home: &dyn Home) {
    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    let event = Event::paid(&booking);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..25).for_each(|_| drop(home.deliver(&event).expect(200))));
        }
    });
    home.settled(&event);
    home.process(&event);
    assert_eq!(home.booking(&booking)["version"], 2);
    assert_eq!(home.sent_to(&booking).len(), 1);
}

pub(crate) fn a_refund_is_told(home: &dyn Home) {
    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    home.process(&Event::paid(&booking));
    let part = Event::refunded(&booking).with("/data/object/amount_refunded", 2000);
    home.process(&part);
    assert_eq!(home.booking(&booking)["refunded_amount"], 2000);
    let whole = part.clone().with("/id", sluice_tests::fresh("evt_")).with("/data/object/amount_refunded", 6000);
    home.process(&whole);
    // One that is overtaken changes nothing and tells nobody.
    let late = part.clone().with("/id", sluice_tests::fresh("evt_")).with("/data/object/amount_refunded", 4000);
    assert_eq!(home.process(&late)["effects"], json!([]));

    let refunded = home.booking(&booking);
    assert_eq!((&refunded["deposit_refunded"], &refunded["refunded_amount"]), (&json!(true), &json!(6000)));
    assert_eq!(refunded["status"], "confirmed");
    let mails: Vec<_> = home.sent_to(&booking).into_iter().filter(|sent| sent.channel == Channel::Mail).map(|mail| mail.subject).collect();
    assert_eq!(mails, ["$20.00 of your $60.00 deposit has been refunded", "Your $60.00 deposit has been refunded"]);
}

pub(crate) fn a_failed_payment_holds_the_booking(home: &dyn Home) {
    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    let failed = Event::failed(&booking);
    home.process(&failed);
    let held = home.booking(&booking);
    assert_eq!(held["status"], "payment_pending");
    assert!(held["hold_until"].is_string(), "{held}");
    let [mail] = &home.sent_to(&booking)[..] else { panic!("one mail, not {:?}", home.sent_to(&booking)) };
    assert_eq!((mail.channel, mail.to.as_str()), (Channel::Mail, booking.email()));
    assert!(mail.text.contains("Please update your card"), "{}", mail.text);
    home.process(&Event::paid(&booking));
    assert_eq!(home.booking(&booking)["status"], "confirmed");
}

pub(crate) fn events_come_before_their_booking(home: &dyn Home) {
    let booking = Booking::fresh().with("customer_phone", serde_json::Value::Null);
    let event = Event::paid(&booking);
    assert_eq!(home.process(&event)["status"], "done");
    home.client().get(&booking.path()).expect(404);
    assert!(home.sent_to(&booking).is_empty());
    let put = home.put(&booking).expect(201).json();
    assert_eq!((&put["status"], &put["version"]), (&json!("confirmed"), &json!(2)));
    sluice_tests::until("the mail that follows the put", home.limit(), || home.sent_to(&booking).pop());
}

pub(crate) fn each_of_the_three_events_is_told_by_mail(home: &dyn Home) {
    let fresh = || {
        let booking = Booking::fresh().with("customer_phone", serde_json::Value::Null);
        home.put(&booking).expect(201);
        booking
    };
    let told = |booking: &Booking| {
        let mails = home.sent_to(booking);
        assert!(mails.iter().all(|mail| mail.channel == Channel::Mail && mail.text.contains("Ana")), "{mails:?}");
        mails.into_iter().map(|mail| mail.subject).collect::<Vec<_>>()
    };
    let (paid, failed) = (fresh(), fresh());
    home.process(&Event::paid(&paid));
    assert_eq!(told(&paid), ["Your booking is confirmed"]);
    let refund = home.process(&Event::refunded(&paid));
    assert_eq!(told(&paid)[1..], ["Your $60.00 deposit has been refunded"], "{refund}");
    home.process(&Event::failed(&failed));
    assert_eq!(told(&failed), ["Your payment failed. Please update your card."]);
}

pub(crate) fn a_payment_at_a_tenants_own_source_is_its_own(home: &dyn Home) {
    let operators = Booking::fresh();
    home.put(&operators).expect(201);
    // The tenant has a booking of the same id, in a space of its own.
    let own = Booking { id: operators.id.clone(), ..Booking::fresh() };
    let path = format!("{}?tenant={TENANT}", own.path());
    let put = home.client().put(&path, &own.body).expect(201).json();
    assert_eq!((&put["tenant"], &put["status"]), (&json!(TENANT), &json!("pending")));
    let event = Event::paid(&own);
    home.client().webhook("/webhooks/stripe/acme", &event.signed(ACME)).expect(200);
    let record = home.settled_as(&event_id("stripe", "acme", event.key()));
    assert_eq!((&record["status"], &record["tenant"]), (&json!("done"), &json!(TENANT)), "{record}");
    let paid = home.client().get(&path).expect(200).json();
    assert_eq!((&paid["status"], &paid["tenant"]), (&json!("confirmed"), &json!(TENANT)));
    let [text] = &home.sent_to(&own)[..] else { panic!("one text, not {:?}", home.sent_to(&own)) };
    assert_eq!((text.channel, text.to.as_str()), (Channel::Text, own.phone()));
    // The operator's is as it was, and nobody is told of it.
    assert_eq!((&home.booking(&operators)["status"], home.sent_to(&operators).len()), (&json!("pending"), 0));
    let payment = |tenant: &str| home.client().get(&format!("/api/v1/transactions/{}{tenant}", event.object()));
    payment("").expect(404);
    assert_eq!(payment(&format!("?tenant={TENANT}")).expect(200).json()["booking_id"], json!(own.id));
}
