use sluice_aws::{Clients, SesConfig, SesMailer};
use sluice_core::ports::{Mail, Mailer, SendFailure};

use crate::fake::{Answer, Fake, nobody};

async fn send(clients: &Clients) -> Result<(), SendFailure> {
    let from = "bookings@example.com".parse().expect("a mailbox");
    let mailer = SesMailer::new(clients.ses(), SesConfig { from, reply_to: None, configuration_set: Some("sluice".to_owned()) });
    let mail = Mail {
        id: "ef_1".into(),
        event: "in_1".into(),
        to: "anna@example.net".into(),
        subject: "Hello".into(),
        text: "Hello".into(),
        html: "<p>Hello</p>".into(),
    };
    mailer.send(&mail).await
}

fn error(status: u16, code: &str) -> Answer {
    let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>as told</Message></Error>");
    Answer::With(
        status,
        format!("<ErrorResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\">{error}<RequestId>r</RequestId></ErrorResponse>"),
    )
}

/// Each mail is sent once and not again, whatever the answer.
async fn outcome(answer: Answer) -> Result<(), SendFailure> {
    let fake = Fake::answering([answer]).await;
    let outcome = send(&fake.clients()).await;
    assert_eq!(fake.requests().len(), 1);
    outcome
}

#[tokio::test]
async fn a_mail_that_may_have_gone_out_is_unknown() {
    for answer in [Answer::Silence, Answer::Hangup, error(500, "InternalFailure"), error(503, "ServiceUnavailable")] {
        let failure = outcome(answer.clone()).await.expect_err("no good answer");
        assert!(matches!(failure, SendFailure::Unknown(_)), "{answer:?}: {failure}");
    }
}

#[tokio::test]
async fn a_mail_that_was_turned_away_is_not_taken() {
    for code in ["Throttling", "AccessDenied", "ConfigurationSetDoesNotExist", "ExpiredToken"] {
        let failure = outcome(error(400, code)).await.expect_err("turned away");
        assert!(matches!(failure, SendFailure::NotTaken(_)), "{code}: {failure}");
    }
    let failure = send(&nobody().await).await.expect_err("nobody there");
    assert!(matches!(failure, SendFailure::NotTaken(_)), "{failure}");
}

#[tokio::test]
async fn a_mail_that_ses_does_not_want_is_refused() {
    for code in ["MessageRejected", "InvalidParameterValue"] {
        let failure = outcome(error(400, code)).await.expect_err("refused");
        assert!(matches!(failure, SendFailure::Refused(_)), "{code}: {failure}");
    }
}

#[tokio::test]
async fn sender_tags_and_both_bodies_go_along() {
    let answer = "<SendEmailResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><SendEmailResult><MessageId>m</MessageId></SendEmailResult></SendEmailResponse>";
    let fake = Fake::answering([Answer::With(200, answer.to_owned())]).await;
    send(&fake.clients()).await.expect("sent");
    let request = fake.requests().remove(0);
    for part in [
        "Source=bookings%40example.com",
        "Tags.member.1.Name=event&Tags.member.1.Value=in_1",
        "Tags.member.2.Name=effect&Tags.member.2.Value=ef_1",
        "ConfigurationSetName=sluice",
        "Message.Body.Text.Data=Hello",
        "Message.Body.Html.Data=%3Cp%3EHello",
    ] {
        assert!(request.contains(part), "{part} is missing in {request}");
    }
}
