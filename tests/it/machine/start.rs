//! What is refused at start, and what a person is told.

use sluice_tests::{Booking, Event, Home, machine::Setup};

use super::{dev, serve};

/// A key that is long enough.
pub(super) const KEY: &str = "0123456789abcdef01234567";

fn small() -> Setup {
    serve().set("STRIPE_WEBHOOK_SECRET", "whsec_production").set("SLUICE_API_KEY", KEY).set("SLUICE_MAIL", "off")
}

#[test]
fn everything_that_is_wrong_is_named_at_once() {
    let refusal = serve()
        .set("SLUICE_LISTEN", "nowhere")
        .set("SLUICE_API_KEY", "short")
        .set("SLUICE_HOLD", "soon")
        .set("SLUICE_MAIL", "off")
        .set("SLUICE_SMTP_URL", "smtps://user:very-secret@mail.example.com")
        .set("SLUICE_SMS_FROM", "+15005550006")
        .set("SLUICE_SUPORT_EMAIL", "support@example.com")
        .set("STRIPE_WEBHOOK_SECRET", sluice_core::settings::DEV_SECRET)
        .refused();
    assert_eq!(refusal.code, Some(2));
    insta::assert_snapshot!(refusal.stderr);
}

#[test]
fn a_start_without_any_setting_is_refused() {
    let refusal = serve().refused();
    assert_eq!(refusal.code, Some(2));
    insta::assert_snapshot!(refusal.stderr);
}

#[test]
fn senders_and_templates_that_cannot_be_used_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("booking_confirmed.sms.txt"), "Paid, {{ custommer_name }}!").expect("written");
    std::fs::write(folder.path().join("booking_confirmd.txt"), "Paid!").expect("written");
    std::fs::write(folder.path().join("alert.txt"), "{% if %}").expect("written");
    let refusal = small()
        .set("SLUICE_MAIL", "smtp")
        .set("SLUICE_SMTP_URL", "smtps://user:very-secret@")
        .set("SLUICE_MAIL_FROM", "nobody")
        .set("SLUICE_SUPPORT_EMAIL", "support@example.com")
        .set("SLUICE_BUSINESS_NAME", "Harbour Boats")
        .set("SLUICE_SMS_FROM", "0")
        .set("TWILIO_ACCOUNT_SID", "AC1")
        .set("TWILIO_AUTH_TOKEN", "very-secret")
        .set("SLUICE_TEMPLATES", folder.path().to_string_lossy())
        .refused();
    assert_eq!(refusal.code, Some(2));
    assert!(!refusal.stderr.contains("very-secret"));
    insta::assert_snapshot!(refusal.stderr);
}

#[test]
fn what_only_another_setting_brings_into_use_is_looked_at_in_the_same_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "not a folder").expect("written");
    let refusal = small()
        .set("SLUICE_MAIL", "smtp")
        .set("SLUICE_MAIL_FROM", "nobody")
        .set("SLUICE_MAIL_REPLY_TO", "nowhere")
        .set("SLUICE_SUPPORT_EMAIL", "support@example.com")
        .set("SLUICE_BUSINESS_NAME", "Harbour Boats")
        .over(file.join("data"))
        .refused();
    assert_eq!(refusal.code, Some(2));
    for named in [
        "4 settings are wrong",
        "SLUICE_DATA: can't be",
        "SLUICE_MAIL_FROM: \"nobody\"",
        "SLUICE_MAIL_REPLY_TO: \"nowhere\"",
        "SLUICE_SMTP_URL: is missing",
    ] {
        assert!(refusal.stderr.contains(named), "{named} in:\n{}", refusal.stderr);
    }
}

#[test]
fn a_port_that_is_taken_is_refused() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let home = dev().start();
    let output = home.command(&["dev", "--port", &port, "--data", &home.folder().with_file_name("another").to_string_lossy()]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("Choose another with --port") || stderr.contains("choose another with --port"), "{stderr}");
}

#[test]
fn production_starts_with_mail_off_and_serves_no_outbox() {
    let home = small().start();
    home.client().get("/api/v1/dev/outbox").expect(404);
    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    // Test mode is off in production: recorded, and nothing else.
    let test_mode = Event::paid(&booking);
    assert_eq!(home.process(&test_mode)["status"], "ignored");
    assert_eq!(home.booking(&booking)["version"], 1);
    let live = Event::paid(&booking).with("/livemode", true);
    let record = home.process(&live);
    assert_eq!((&record["status"], record["effects"].as_array().map(Vec::len)), (&"done".into(), Some(0)));
    assert_eq!(home.booking(&booking)["status"], "confirmed");
    let log = home.log().join("\n");
    assert!(log.contains("mail: off") && log.contains("text messages: off"), "{log}");
}

#[test]
fn a_provider_without_secret_is_not_served() {
    let home = serve().set("SLUICE_API_KEY", KEY).set("SLUICE_MAIL", "off").start();
    assert!(home.log().join("\n").contains("Stripe: off, because STRIPE_WEBHOOK_SECRET is not set"));
    home.deliver(&Event::stripe("customer.created")).expect(404);
}
