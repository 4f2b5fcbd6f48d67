//! A mail as it goes over the wire.

use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use sluice_core::ports::Mail;

/// Builds the message, or says why the mail can never be sent.
pub(super) fn build(mail: &Mail, from: &Mailbox, reply_to: Option<&Mailbox>) -> Result<Message, String> {
    // An address and not a mailbox: whatever else stands in the text is no name that somebody chose.
    let to: Address = mail.to.trim().parse().map_err(|error| format!("{:?} is no mail address: {error}", mail.to))?;
    let mut builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(one_line(&mail.subject))
        .message_id(Some(message_id(&mail.id, from.email.domain())))
        // RFC 3834: keeps vacation notices and other robots from answering.
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("X-Sluice-Event", &one_line(&mail.event)));
    if let Some(reply_to) = reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    builder
        .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
        .map_err(|error| format!("the mail can't be put together: {error}"))
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn one_line(text: &str) -> String {
    text.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The same for every try of one mail, so that a mailbox can tell a repetition. Different ids stay different.
fn message_id(id: &str, domain: &str) -> String {
    let local = id.bytes().fold(String::with_capacity(id.len()), |mut local, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => local.push(char::from(byte)),
            _ => local.push_str(&format!("={byte:02X}")),
        }
        local
    });
    format!("<{local}@{domain}>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> Mail {
        Mail {
            id: "ef_1:mail/2".into(),
            event: "in_1".into(),
            to: "anna@example.net".into(),
            subject: "Your €60.00 deposit has been refunded".into(),
            text: "Hello Änna\n.\nBye\n".into(),
            html: "<p>Hello Änna</p>".into(),
        }
    }

    fn built(mail: &Mail) -> Result<String, String> {
        let from = "Acme Spa <bookings@example.com>".parse().unwrap();
        let reply_to: Mailbox = "help@example.com".parse().unwrap();
        build(mail, &from, Some(&reply_to)).map(|message| String::from_utf8(message.formatted()).expect("only ASCII goes out"))
    }

    #[test]
    fn headers() {
        let text = built(&mail()).unwrap();
        for line in [
            "From: \"Acme Spa\" <bookings@example.com>\r\n",
            "To: anna@example.net\r\n",
            "Reply-To: help@example.com\r\n",
            "Message-ID: <ef_1=3Amail=2F2@example.com>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "X-Sluice-Event: in_1\r\n",
            "Content-Type: multipart/alternative;",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Type: text/html; charset=utf-8\r\n",
        ] {
            assert!(text.contains(line), "{line} is missing in {text}");
        }
        assert!(text.contains("\r\nDate: ") || text.starts_with("Date: "), "{text}");
        assert!(text.is_ascii());
    }

    #[test]
    fn nothing_starts_a_header() {
        for breaks in ["\r\n", "\n", "\r"] {
            let mut sly = mail();
            sly.subject = format!("Hello{breaks}Bcc: all@example.com{breaks}{breaks}Body");
            sly.event = format!("in_1{breaks}Bcc: all@example.com");
            sly.id = format!("ef_1{breaks}Bcc: all@example.com");
            let text = built(&sly).unwrap();
            assert!(!text.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc")), "{text}");
            assert!(text.contains("Subject: Hello Bcc: all@example.com Body\r\n"), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_never_sent() {
        for wrong in [
            "",
            "anna",
            "anna@",
            "@example.net",
            "Anna <anna@example.net>",
            "a@b.example, c@d.example",
            "anna@example.net\r\nRCPT TO:<x@y.example>",
        ] {
            let mut mail = mail();
            mail.to = wrong.into();
            assert!(built(&mail).is_err(), "{wrong:?}");
        }
    }
}
