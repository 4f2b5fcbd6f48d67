use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    thread::JoinHandle,
};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;

/// What a server does where it should answer.
#[derive(Clone, Copy)]
enum Reply {
    Say(&'static str),
    Close,
    /// Nothing, until the client goes.
    Silence,
}
use Reply::{Close, Say, Silence};

/// A mail server that answers by the book except where told.
#[derive(Clone, Copy)]
struct Script {
    greeting: Reply,
    hello: Reply,
    login: Reply,
    sender: Reply,
    recipient: Reply,
    data: Reply,
    content: Reply,
    probe: Reply,
}

const BY_THE_BOOK: Script = Script {
    greeting: Say("220 mail.example.com ESMTP"),
    hello: Say("250-mail.example.com\r\n250 AUTH PLAIN LOGIN"),
    login: Say("235 2.7.0 Welcome"),
    sender: Say("250 2.1.0 Ok"),
    recipient: Say("250 2.1.5 Ok"),
    data: Say("354 Go on"),
    content: Say("250 2.0.0 Queued"),
    probe: Say("250 2.0.0 Ok"),
};

impl Script {
    fn reply_to(&self, line: &str) -> Reply {
        match line.split_whitespace().next().unwrap_or_default() {
            "EHLO" => self.hello,
            "AUTH" => self.login,
            "MAIL" => self.sender,
            "RCPT" => self.recipient,
            "DATA" => self.data,
            "." => self.content,
            "NOOP" => self.probe,
            _ => Say("500 5.5.2 What?"),
        }
    }
}

/// Serves one connection for each script; tells when it falls silent, and in the end what was said to it on each connection.
fn serve(scripts: Vec<Script>) -> (u16, UnboundedReceiver<()>, JoinHandle<Vec<Vec<String>>>) {
    let (falls_silent, silent) = unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let said = std::thread::spawn(move || scripts.into_iter().map(|script| converse(&listener, script, &falls_silent)).collect());
    (port, silent, said)
}

fn converse(listener: &TcpListener, script: Script, falls_silent: &UnboundedSender<()>) -> Vec<String> {
    let (mut stream, _) = listener.accept().unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut said = Vec::new();
    let mut in_content = false;
    let mut reply = script.greeting;
    loop {
        match reply {
            Say(text) => stream.write_all(format!("{text}\r\n").as_bytes()).unwrap(),
            Close => return said,
            Silence => {
                falls_silent.send(()).unwrap();
                for _ in lines.by_ref().map_while(Result::ok) {}
                return said;
            }
        }
        reply = loop {
            let Some(Ok(line)) = lines.next() else { return said };
            said.push(line.clone());
            if line == "." || !in_content {
                in_content = line == "DATA" && matches!(script.data, Say(text) if text.starts_with("354"));
                break script.reply_to(&line);
            }
        };
    }
}

fn mail(id: &str) -> Mail {
    Mail {
        id: id.into(),
        event: "in_1".into(),
        to: "anna@example.net".into(),
        subject: "Your booking is confirmed".into(),
        text: "Hello\n.\nBye\n".into(),
        html: "<p>Hello</p>".into(),
    }
}

fn mailer_at(url: &str) -> SmtpMailer {
    let config = SmtpConfig::new(url.parse().unwrap(), parse_mailbox("Acme Spa <bookings@example.com>").unwrap());
    SmtpMailer::new(config).unwrap()
}

/// What comes of one mail to such a server, and what the server was told.
async fn outcome_of(script: Script) -> (Result<(), SendFailure>, Vec<String>) {
    let (port, mut silent, said) = serve(vec![script]);
    let mailer = mailer_at(&format!("smtp://user:very-secret@127.0.0.1:{port}"));
    let mail = mail("ef_1");
    let mut sending = mailer.send(&mail);
    let outcome = tokio::select! {
        outcome = &mut sending => outcome,
        Some(()) = silent.recv() => {
            tokio::time::pause();
            tokio::time::advance(SmtpConfig::TIMEOUT).await;
            let outcome = (&mut sending).await;
            tokio::time::resume();
            outcome
        }
    };
    drop(sending);
    drop(mailer);
    (outcome, said.join().unwrap().remove(0))
}

async fn failure_of(script: Script) -> SendFailure {
    let (outcome, _) = outcome_of(script).await;
    outcome.expect_err("it should have failed")
}

#[tokio::test]
async fn a_mail_is_taken() {
    let (outcome, said) = outcome_of(BY_THE_BOOK).await;
    assert_eq!(outcome, Ok(()));
    assert_eq!(said[0], "EHLO example.com");
    assert!(said[1].starts_with("AUTH PLAIN "), "{said:?}");
    assert_eq!(said[2..5], ["MAIL FROM:<bookings@example.com>", "RCPT TO:<anna@example.net>", "DATA"]);
    for line in ["Message-ID: <ef_1@example.com>", "Subject: Your booking is confirmed", "X-Sluice-Event: in_1", ".."] {
        assert!(said.iter().any(|said| said == line), "{line} is missing in {said:?}");
    }
    assert_eq!(said.last().map(String::as_str), Some("."));
}

#[tokio::test]
async fn the_same_mail_has_the_same_message_id_again() {
    let ids = |said: Vec<String>| said.into_iter().filter(|line| line.starts_with("Message-ID:")).collect::<Vec<_>>();
    let (_, first) = outcome_of(BY_THE_BOOK).await;
    let (_, second) = outcome_of(BY_THE_BOOK).await;
    assert_eq!(ids(first.clone()), ids(second));
    assert_eq!(ids(first).len(), 1);
}

#[tokio::test]
async fn refused_for_good() {
    for script in [
        Script { recipient: Say("550 5.1.1 No such user"), ..BY_THE_BOOK },
        Script { recipient: Say("550 No such user"), ..BY_THE_BOOK },
        Script { data: Say("554 5.1.1 No valid recipients"), ..BY_THE_BOOK },
        Script { content: Say("550-5.1.1 No such user\r\n550 5.1.1 Really"), ..BY_THE_BOOK },
    ] {
        let failure = failure_of(script).await;
        assert!(matches!(&failure, SendFailure::Refused(why) if why.contains("55")), "{failure:?}");
    }
}

#[tokio::test]
async fn surely_not_taken() {
    for script in [
        Script { greeting: Say("554 5.7.1 Go away"), ..BY_THE_BOOK },
        Script { greeting: Close, ..BY_THE_BOOK },
        Script { hello: Say("250 mail.example.com"), ..BY_THE_BOOK },
        Script { login: Say("535 5.7.8 Wrong password"), ..BY_THE_BOOK },
        Script { login: Close, ..BY_THE_BOOK },
        Script { sender: Say("550 5.1.8 Sender unknown"), ..BY_THE_BOOK },
        Script { sender: Say("451 4.3.0 Later"), ..BY_THE_BOOK },
        Script { recipient: Say("451 4.7.1 Greylisted"), ..BY_THE_BOOK },
        Script { recipient: Say("554 5.7.1 Relay access denied"), ..BY_THE_BOOK },
        Script { recipient: Close, ..BY_THE_BOOK },
        Script { data: Say("421 4.3.2 Shutting down"), ..BY_THE_BOOK },
        Script { data: Close, ..BY_THE_BOOK },
        Script { content: Say("451 4.3.0 Disk full"), ..BY_THE_BOOK },
    ] {
        let failure = failure_of(script).await;
        assert!(matches!(failure, SendFailure::NotTaken(_)), "{failure:?}");
        assert!(!failure.to_string().contains("very-secret"), "{failure}");
    }
}

#[tokio::test]
async fn an_answer_lost_after_the_content_leaves_it_open() {
    for content in [Close, Say("Mail? Which mail?")] {
        let failure = failure_of(Script { content, ..BY_THE_BOOK }).await;
        assert!(matches!(failure, SendFailure::Unknown(_)), "{failure:?}");
    }
}

#[tokio::test]
async fn the_deadline_before_the_content_took_nothing() {
    let silent = [
        Script { greeting: Silence, ..BY_THE_BOOK },
        Script { recipient: Silence, ..BY_THE_BOOK },
        Script { data: Silence, ..BY_THE_BOOK },
    ];
    for script in silent {
        let failure = failure_of(script).await;
        assert_eq!(failure, SendFailure::NotTaken("the mail server took longer than 20s".into()));
    }
}

#[tokio::test]
async fn the_deadline_after_the_content_leaves_it_open() {
    let failure = failure_of(Script { content: Silence, ..BY_THE_BOOK }).await;
    assert_eq!(failure, SendFailure::Unknown("the mail server took longer than 20s".into()));
}

#[tokio::test]
async fn connection_refused_took_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let failure = mailer_at(&format!("smtp://127.0.0.1:{port}")).send(&mail("ef_1")).await;
    assert!(matches!(&failure, Err(SendFailure::NotTaken(why)) if why.contains("refused")), "{failure:?}");
}

#[tokio::test]
async fn without_encryption_nothing_is_said() {
    let (port, _, said) = serve(vec![BY_THE_BOOK]);
    let mailer = mailer_at(&format!("smtp://user:very-secret@127.0.0.1:{port}?tls=required"));
    let failure = mailer.send(&mail("ef_1")).await;
    assert!(matches!(&failure, Err(SendFailure::NotTaken(why)) if why.contains("STARTTLS")), "{failure:?}");
    drop(mailer);
    assert_eq!(said.join().unwrap(), [["EHLO example.com"]]);
}

#[tokio::test]
async fn a_wrong_address_never_connects() {
    let mut mail = mail("ef_1");
    mail.to = "anna".into();
    let failure = mailer_at("smtp://127.0.0.1:1").send(&mail).await;
    assert!(matches!(&failure, Err(SendFailure::Refused(why)) if why.contains("\"anna\"")), "{failure:?}");
}

#[tokio::test]
async fn an_address_outside_of_ascii_needs_a_server_that_takes_it() {
    let mut mail = mail("ef_1");
    mail.to = "änna@example.net".into();
    let (port, _, said) = serve(vec![BY_THE_BOOK, Script { hello: Say("250-mail.example.com\r\n250 SMTPUTF8"), ..BY_THE_BOOK }]);
    let mailer = mailer_at(&format!("smtp://127.0.0.1:{port}"));
    let failure = mailer.send(&mail).await;
    assert!(matches!(&failure, Err(SendFailure::Refused(why)) if why.contains("SMTPUTF8")), "{failure:?}");
    assert_eq!(mailer.send(&mail).await, Ok(()));
    drop(mailer);
    assert!(said.join().unwrap()[1].contains(&"MAIL FROM:<bookings@example.com> SMTPUTF8".to_owned()));
}

#[tokio::test]
async fn a_connection_serves_the_next_mail_as_long_as_it_works() {
    let gone = Script { probe: Say("421 4.4.2 Idle for too long"), ..BY_THE_BOOK };
    let (port, _, said) = serve(vec![gone, BY_THE_BOOK]);
    let mailer = mailer_at(&format!("smtp://127.0.0.1:{port}"));
    for id in ["ef_1", "ef_2", "ef_3"] {
        assert_eq!(mailer.send(&mail(id)).await, Ok(()), "{id}");
    }
    drop(mailer);
    let ids: Vec<Vec<String>> =
        said.join().unwrap().into_iter().map(|said| said.into_iter().filter(|line| line.starts_with("Message-ID")).collect()).collect();
    assert_eq!(ids, [vec!["Message-ID: <ef_1@example.com>"], vec!["Message-ID: <ef_2@example.com>", "Message-ID: <ef_3@example.com>"]]);
}

#[tokio::test]
async fn a_failed_mail_leaves_no_connection_behind() {
    let refusing = Script { recipient: Say("550 5.1.1 No such user"), ..BY_THE_BOOK };
    let (port, _, said) = serve(vec![refusing, BY_THE_BOOK]);
    let mailer = mailer_at(&format!("smtp://127.0.0.1:{port}"));
    assert!(matches!(mailer.send(&mail("ef_1")).await, Err(SendFailure::Refused(_))));
    assert_eq!(mailer.send(&mail("ef_2")).await, Ok(()));
    drop(mailer);
    assert_eq!(said.join().unwrap().len(), 2);
}

#[test]
fn mailboxes() {
    assert_eq!(parse_mailbox(" Acme Spa <bookings@example.com> ").unwrap().name.as_deref(), Some("Acme Spa"));
    assert!(parse_mailbox("bookings@example.com").is_ok());
    for name in ["Harbour Boats, Inc.", "Boats (Harbour): all", "Café, Bar & Söhne; Ltd."] {
        let mailbox = parse_mailbox(&format!("{name} <bookings@example.com>")).unwrap();
        assert_eq!((mailbox.name.as_deref(), mailbox.email.to_string().as_str()), (Some(name), "bookings@example.com"));
        let message = message::build(&mail("ef_1"), &mailbox, Some(&mailbox)).unwrap();
        let header = message.headers().get_raw("From").unwrap().to_owned();
        assert_eq!(header.parse::<Mailbox>().unwrap(), mailbox, "{header}");
    }
    for wrong in [
        "",
        "bookings",
        "Acme Spa",
        "a@example.com, b@example.com",
        "Acme\r\nBcc: x@example.com <a@example.com>",
        "a@example.com, B <b@example.com>",
        "A, I <a@example.com>, B <b@example.com>",
    ] {
        assert!(parse_mailbox(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn no_secret_is_shown() {
    let shown = format!("{:?}", mailer_at("smtps://user:very-secret@mail.example.com"));
    assert!(!shown.contains("very-secret"), "{shown}");
}
