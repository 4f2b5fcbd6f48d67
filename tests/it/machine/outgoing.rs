//! Real mails and texts, to servers that do as they are told.

use std::time::Duration;

use serde_json::json;
use sluice_tests::{
    Booking, Event, Home, LONG, MailReply, MailServer, TextServer,
    machine::{Leftovers, Machine, Setup},
    until,
};

use super::{serve, start::KEY};

/// The first retry comes after 5 s at most.
const RETRY: Duration = Duration::from_secs(20);

fn with_mail(server: &MailServer) -> Setup {
    serve()
        .set("STRIPE_WEBHOOK_SECRET", "whsec_production")
        .set("SLUICE_STRIPE_TEST_MODE", "on")
        .set("SLUICE_API_KEY", KEY)
        .set("SLUICE_SMTP_URL", server.url())
        .set("SLUICE_MAIL_FROM", "Harbour Boats <bookings@example.com>")
        .set("SLUICE_SUPPORT_EMAIL", "support@example.com")
        .set("SLUICE_BUSINESS_NAME", "Harbour Boats")
}

fn with_texts(setup: Setup, server: &TextServer) -> Setup {
    server.settings().into_iter().fold(setup, |setup, (setting, value)| setup.set(setting, value))
}

/// Waits until the record of an event says why it is not done yet.
fn reason(home: &Machine, event: &Event) -> String {
    until("the reason of an effect that waits", LONG, || {
        let record = home.client().get(&format!("/api/v1/inbound/{}", event.inbound_id())).json();
        assert_ne!(record["status"], "done", "{record}");
        record["reason"].as_str().map(str::to_owned)
    })
}

#[test]
fn mails_and_texts_go_out() {
    let (mails, texts) = (MailServer::start(), TextServer::start());
    let home = with_texts(with_mail(&mails), &texts).start();
    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    let failed = Event::failed(&booking);
    home.process(&failed);
    home.process(&Event::paid(&booking));

    let [mail] = &mails.taken()[..] else { panic!("one mail, not {:?}", mails.taken()) };
    assert_eq!((mail.to.as_str(), mail.event.as_deref()), (booking.email(), Some(failed.inbound_id().as_str())));
    assert!(mail.text.contains("Harbour Boats"), "{}", mail.text);
    let [text] = &texts.taken()[..] else { panic!("one text, not {:?}", texts.taken()) };
    assert_eq!(text.to, booking.phone());
    assert!(text.text.contains("$60.00"), "{}", text.text);
}

#[test]
fn a_text_has_the_id_that_twilio_answers() {
    let (mails, texts) = (MailServer::start(), TextServer::start());
    let home = with_texts(with_mail(&mails), &texts).start();
    let booking = Booking::fresh();
    let sid = "SM0123456789abcdef0123456789abcdef";
    texts.name(booking.phone(), sid);
    home.put(&booking).expect(201);
    home.process(&Event::paid(&booking));
    let listed = home.client().get(&format!("/api/v1/messages?booking_id={}", booking.id)).expect(200).json();
    let [text] = listed["items"].as_array().expect("items").as_slice() else { panic!("{listed}") };
    assert_eq!((&text["external_id"], &text["status"]), (&json!(sid), &json!("pending")));
}

#[test]
fn a_number_that_is_refused_for_good_gets_a_mail() {
    let (mails, texts) = (MailServer::start(), TextServer::start());
    let home = with_texts(with_mail(&mails), &texts).start();
    let booking = Booking::fresh();
    texts.refuse(booking.phone(), 21211);
    home.put(&booking).expect(201);
    let event = Event::paid(&booking);
    let record = home.process(&event);
    let states: Vec<_> = record["effects"].as_array().expect("effects").iter().map(|effect| (&effect["kind"], &effect["state"])).collect();
    let [sms, mail] = [("sms", "failed"), ("mail", "done")].map(|(kind, state)| (json!(kind), json!(state)));
    assert_eq!(states, [(&sms.0, &sms.1), (&mail.0, &mail.1), (&mail.0, &mail.1)]);
    // The customer is told by mail, and support that the text did not arrive.
    let mut told: Vec<_> = mails.taken().into_iter().map(|mail| mail.to).collect();
    told.sort_unstable();
    let mut expected = [booking.email(), "support@example.com"];
    expected.sort_unstable();
    assert_eq!(told, expected);
    assert!(texts.taken().is_empty());
}

#[test]
fn mail_waits_for_a_server_that_is_down() {
    let mails = MailServer::start();
    let home = with_mail(&mails).start();
    mails.reply(MailReply::HangUp);
    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    let event = Event::failed(&booking);
    home.deliver(&event).expect(200);
    let reason = reason(&home, &event);
    assert!(reason.contains("mail server, connecting"), "{reason}");
    assert_eq!(home.booking(&booking)["status"], "payment_pending", "the change does not wait for its mail");
    mails.reply(MailReply::Take);
    until("the mail", RETRY, || mails.taken().pop());
    home.settled(&event);
    assert_eq!(mails.taken().len(), 1);
}

#[test]
fn mail_that_is_put_off_is_tried_again() {
    let mails = MailServer::start();
    let home = with_mail(&mails).start();
    mails.reply(MailReply::Recipient("451 4.7.1 come back later"));
    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    let event = Event::failed(&booking);
    home.deliver(&event).expect(200);
    let reason = reason(&home, &event);
    assert!(reason.contains("come back later"), "{reason}");
    mails.reply(MailReply::Take);
    until("the mail", RETRY, || mails.taken().pop());
    home.settled(&event);
}

#[test]
fn a_lost_answer_may_send_a_mail_twice_and_no_more() {
    let mails = MailServer::start();
    let home = with_mail(&mails).start();
    mails.reply(MailReply::TakeInSilence);
    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    let event = Event::failed(&booking);
    home.deliver(&event).expect(200);
    reason(&home, &event);
    mails.reply(MailReply::Take);
    home.settled(&event);
    assert_eq!(mails.taken().len(), 2);
}

#[test]
fn an_address_that_is_refused_for_good_rings_the_alarm() {
    let mails = MailServer::start();
    let home = with_mail(&mails).start();
    mails.reply(MailReply::Recipient("550 5.1.1 no such user"));
    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    let event = Event::failed(&booking);
    home.deliver(&event).expect(200);
    // Both are refused: the customer's, and the alert about it. Neither comes again.
    let record = home.settled(&event);
    let effects = record["effects"].as_array().expect("effects");
    assert_eq!(effects.iter().map(|effect| &effect["state"]).collect::<Vec<_>>(), ["failed", "failed"], "{record}");
    assert!(effects[0]["reason"].as_str().is_some_and(|reason| reason.contains("no such user")), "{record}");
    assert_eq!(effects[1]["template"], "alert");
}

#[test]
fn templates_are_replaced_by_files() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("booking_confirmed.sms.txt"), "Ahoy {{ booking_id }}, {{ deposit }} is ours.").expect("written");
    let (mails, texts) = (MailServer::start(), TextServer::start());
    let home = with_texts(with_mail(&mails), &texts).set("SLUICE_TEMPLATES", folder.path().to_string_lossy()).start();
    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    home.process(&Event::paid(&booking));
    assert_eq!(texts.taken()[0].text, format!("Ahoy {}, $60.00 is ours.", booking.id));
}

#[test]
fn a_mail_server_that_hangs_keeps_no_event_from_being_applied() {
    let mails = MailServer::start();
    let mut home = with_mail(&mails).start();
    mails.reply(MailReply::Hang);
    // More than handlers there are, each with a mail that takes its whole time.
    for _ in 0..200 {
        let booking = Booking::fresh();
        home.put(&booking).expect(201);
        home.deliver(&Event::failed(&booking)).expect(200);
    }
    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    home.deliver(&Event::paid(&booking)).expect(200);
    let confirmed = || (home.booking(&booking)["status"] == "confirmed").then_some(());
    until("the booking is confirmed", Duration::from_secs(8), confirmed);
    // Their mails are still to go; that they will is shown elsewhere, and takes the time of the hanging calls.
    home.may_leave(Leftovers { messages: 201, unfinished: 201, ..Leftovers::default() });
    home.kill();
}
