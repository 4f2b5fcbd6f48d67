//! Processes that end, and folders that are copied, damaged or shared.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use serde_json::Value;
use sluice_tests::{
    Booking, Event, Home, LONG, MailReply, MailServer,
    machine::{DATABASE, Machine},
    until,
};

use super::{dev, serve, start::KEY};

#[test]
fn a_second_process_on_the_same_folder_is_refused() {
    let home = dev().start();
    let refusal = dev().over(home.folder()).refused();
    assert_eq!(refusal.code, Some(2));
    let expected = format!(
        "error: the data folder {} is in use by another process: stop that one first, or choose another folder\n",
        home.folder().display()
    );
    assert_eq!(refusal.stderr, expected);
}

#[test]
fn a_damaged_database_is_refused_and_left_as_it_is() {
    let mut home = dev().start();
    for _ in 0..20 {
        home.process(&Event::paid(&Booking::fresh()));
    }
    home.quiet();
    home.stop();
    let copy = tempfile::tempdir().expect("a folder");
    let file = copy.path().join(DATABASE);
    let whole = fs::read(home.folder().join(DATABASE)).expect("the database");
    for (what, damaged) in [("its head", [&[0xaa; 4096], &whole[4096..]].concat()), ("all", b"not a database at all".repeat(500))] {
        fs::write(&file, &damaged).expect("written");
        let refusal = dev().over(copy.path()).refused();
        assert_eq!(refusal.code, Some(2), "{what}: {}", refusal.stderr);
        assert!(refusal.stderr.contains("the database is damaged: stop Sluice, keep a copy"), "{what}: {}", refusal.stderr);
        assert!(fs::read(&file).expect("still there") == damaged, "{what}: the damaged file was changed");
    }
    home.start();
}

#[test]
fn a_backup_made_while_events_flow_holds_all_that_was_done_before() {
    let home = dev().start();
    let before: Vec<_> = (0..20).map(|_| Booking::fresh()).collect();
    for booking in &before {
        home.put(booking).expect(201);
        home.process(&Event::paid(booking));
    }
    let restored = tempfile::tempdir().expect("a folder");
    let file = restored.path().join(DATABASE);
    let (over, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    home.deliver(&Event::paid(&Booking::fresh())).expect(200);
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        until("events to flow", LONG, || (sent.load(Ordering::Relaxed) > 20).then_some(()));
        let data = home.folder().to_string_lossy();
        let made = home.command(&["backup", &file.to_string_lossy(), "--data", &data]);
        assert!(made.status.success(), "{made:?}");
        let twice = home.command(&["backup", &file.to_string_lossy(), "--data", &data]);
        assert_eq!(twice.status.code(), Some(2), "{twice:?}");
        over.store(true, Ordering::Relaxed);
    });
    let copy = dev().over(restored.path()).start();
    copy.quiet();
    for booking in &before {
        assert_eq!(copy.booking(booking), home.booking(booking));
    }
    let transactions = copy.client().list("/api/v1/transactions").len();
    assert!((40..=20 + sent.load(Ordering::Relaxed)).contains(&transactions), "{transactions} transactions");
}

/// Delivers events until the process is gone. Those that were acknowledged.
fn deliver_until(home: &Machine, stop: impl FnOnce() + Send) -> Vec<Event> {
    let acknowledged = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut events = Vec::new();
                    loop {
                        let event = Event::paid(&Booking::fresh());
                        match home.client().try_webhook("/webhooks/stripe", &event.signed(home.secret())) {
                            Ok(answer) => drop(answer.expect(200)),
                            Err(_) => return events,
                        }
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                        events.push(event);
                    }
                })
            })
            .collect();
        until("events to flow", LONG, || (acknowledged.load(Ordering::Relaxed) > 50).then_some(()));
        stop();
        senders.into_iter().flat_map(|sender| sender.join().expect("no sender panics")).collect()
    })
}

#[test]
fn a_stop_under_load_loses_nothing() {
    let mut home = dev().start();
    let acknowledged = deliver_until(&home, || home.ask_to_stop());
    home.stop();
    assert!(home.log_at_end().contains("\"message\":\"stopped\""), "{}", home.log_at_end());
    home.start();
    for event in &acknowledged {
        assert_eq!(home.settled(event)["status"], "done");
    }
}

#[test]
fn what_is_being_handled_at_a_stop_is_handled_after_it() {
    let mails = MailServer::start();
    let mut home = serve()
        .set("STRIPE_WEBHOOK_SECRET", "whsec_production")
        .set("SLUICE_STRIPE_TEST_MODE", "on")
        .set("SLUICE_API_KEY", KEY)
        .set("SLUICE_SMTP_URL", mails.url())
        .set("SLUICE_MAIL_FROM", "bookings@example.com")
        .set("SLUICE_SUPPORT_EMAIL", "support@example.com")
        .set("SLUICE_BUSINESS_NAME", "Harbour Boats")
        .start();
    mails.reply(MailReply::HangUp);
    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    let event = Event::failed(&booking);
    home.deliver(&event).expect(200);
    let path = format!("/api/v1/inbound/{}", event.inbound_id());
    until("the first try to have failed", LONG, || {
        let record: Value = home.client().get(&path).json();
        record["reason"].as_str().map(drop)
    });
    home.stop();
    mails.reply(MailReply::Take);
    home.start();
    home.settled(&event);
    assert_eq!(mails.taken().len(), 1);
}
