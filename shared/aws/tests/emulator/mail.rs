use sluice_aws::{SesConfig, SesMailer};
use sluice_core::ports::{Mail, Mailer, SendFailure};

use crate::home::Home;

fn mail(to: &str) -> Mail {
    Mail {
        id: "ef_1:mail/2".into(),
        event: "in_1".into(),
        to: to.into(),
        subject: "Your €60.00 deposit has been refunded".into(),
        text: "Hello Änna".into(),
        html: "<p>Hello Änna</p>".into(),
    }
}

fn mailer(home: &Home, from: &str) -> SesMailer {
    let config = SesConfig {
        from: from.parse().expect("a mailbox"),
        reply_to: Some("help@example.com".parse().expect("a mailbox")),
        configuration_set: None,
    };
    SesMailer::new(home.clients.ses(), config)
}

/// On the emulator only: an account has no way to read what it has sent.
#[tokio::test]
async fn a_mail_goes_out_whole() {
    let home = Home::new().await;
    let Some(emulator) = &home.emulator else { return };
    home.clients.ses().verify_email_identity().email_address("bookings@example.com").send().await.expect("the emulator answers");
    mailer(&home, "Café Süd <bookings@example.com>").send(&mail("anna@example.net")).await.expect("sent");
    let sent = emulator.get("/_ministack/ses/messages").await.expect("the emulator answers");
    let sent: serde_json::Value = serde_json::from_str(&sent[sent.find("\r\n\r\n").expect("a body")..]).expect("JSON");
    let sent = sent.to_string();
    for part in ["bookings@example.com", "anna@example.net", "deposit has been refunded", "Hello Änna", "<p>Hello Änna</p>"] {
        assert!(sent.contains(part), "{part} is missing in {sent}");
    }
}

#[tokio::test]
async fn a_sender_that_is_not_verified_does_not_use_up_the_mail() {
    let home = Home::new().await;
    let failure = mailer(&home, "nobody@unverified.example").send(&mail("anna@example.net")).await.expect_err("the sender is not verified");
    assert!(matches!(failure, SendFailure::NotTaken(_)), "{failure}");
}

#[tokio::test]
async fn what_is_no_address_is_refused_before_anything_is_sent() {
    let home = Home::new().await;
    for wrong in ["anna", "anna@example.net, bert@example.net", "änna@example.net"] {
        let failure = mailer(&home, "bookings@example.com").send(&mail(wrong)).await.expect_err("no address");
        assert!(matches!(failure, SendFailure::Refused(_)), "{failure}");
    }
}
