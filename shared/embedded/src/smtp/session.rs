//! One conversation with the mail server, step by step, because what a failure means depends on the step.

use std::{
    error::Error as _,
    sync::atomic::{AtomicBool, Ordering},
};

use lettre::{
    Message,
    transport::smtp::{
        Error,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::{ClientId, Extension, MailParameter},
    },
};
use sluice_core::ports::SendFailure;

use super::server::{SmtpServer, SmtpTls};

/// Opens a connection that is ready for a mail: greeted, encrypted, logged in.
pub(super) async fn open(server: &SmtpServer, tls: Option<&TlsParameters>, hello: &ClientId) -> Result<AsyncSmtpConnection, SendFailure> {
    let from_the_start = tls.filter(|_| server.tls == SmtpTls::Implicit).cloned();
    let address = (server.host.as_str(), server.port);
    let mut connection = AsyncSmtpConnection::connect_tokio1(address, None, hello, from_the_start, None)
        .await
        .map_err(|error| not_taken("connecting", &error))?;
    if let Some(tls) = tls.filter(|_| server.tls == SmtpTls::Required) {
        connection.starttls(tls.clone(), hello).await.map_err(|error| not_taken("STARTTLS", &error))?;
    }
    if let Some((user, password)) = &server.credentials {
        let credentials = Credentials::new(user.clone(), password.clone());
        connection.auth(DEFAULT_MECHANISMS, &credentials).await.map_err(|error| not_taken("logging in", &error))?;
    }
    Ok(connection)
}

/// Sends one message over an open connection. `content_begun` is set before the first byte of it leaves: from then on it may have arrived.
///
/// # Errors
/// [`SendFailure`]; the connection is of no use any more.
pub(super) async fn send(connection: &mut AsyncSmtpConnection, message: &Message, content_begun: &AtomicBool) -> Result<(), SendFailure> {
    let envelope = message.envelope();
    let international = envelope.from().into_iter().chain(envelope.to()).any(|address| !address.to_string().is_ascii());
    let mut parameters = Vec::new();
    if international {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(SendFailure::Refused("the mail server takes no addresses outside of ASCII (SMTPUTF8)".to_owned()));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    let sender = Mail::new(envelope.from().cloned(), parameters);
    connection.command(sender).await.map_err(|error| not_taken("the sender", &error))?;
    for recipient in envelope.to() {
        let recipient = Rcpt::new(recipient.clone(), Vec::new());
        connection.command(recipient).await.map_err(|error| answered("the recipient", &error))?;
    }
    connection.command(Data).await.map_err(|error| answered("DATA", &error))?;
    content_begun.store(true, Ordering::SeqCst);
    match connection.message(&message.formatted()).await {
        Ok(_) => Ok(()),
        Err(error) if error.status().is_some() => Err(answered("the mail", &error)),
        Err(error) => Err(SendFailure::Unknown(format!("the mail server's answer to the mail was lost: {error}"))),
    }
}

fn not_taken(step: &str, error: &Error) -> SendFailure {
    SendFailure::NotTaken(format!("mail server, {step}: {error}"))
}

/// What a failure means where the server may refuse the recipient or the mail itself.
fn answered(step: &str, error: &Error) -> SendFailure {
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    match error.status().map(u16::from) {
        Some(code) if refuses_for_good(code, enhanced(&text)) => SendFailure::Refused(format!("mail server, {step}: {error}")),
        _ => not_taken(step, error),
    }
}

/// Whether a reply says that this recipient or this mail will never be taken. A permanent reply about the session, the sender, a quota
/// or a policy can change once an operator mends it.
fn refuses_for_good(code: u16, enhanced: Option<(u16, u16)>) -> bool {
    match (code, enhanced) {
        // Syntax and order of commands, login missing or refused.
        (500 | 502 | 503 | 504 | 530 | 534 | 535 | 538, _) => false,
        // RFC 3463: the sender's address, congestion or quota, security and policy.
        (_, Some((1, 7 | 8) | (4, 5) | (7, _))) => false,
        (code, _) => (500..600).contains(&code),
    }
}

/// Subject and detail of an [enhanced status code](https://www.rfc-editor.org/rfc/rfc3463): `(1, 1)` for `5.1.1 No such user`.
fn enhanced(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.split_whitespace().next()?.splitn(3, '.').map(str::parse);
    let (Some(Ok(4 | 5)), Some(Ok(subject)), Some(Ok(detail))) = (numbers.next(), numbers.next(), numbers.next()) else {
        return None;
    };
    Some((subject, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_for_good() {
        for (code, text) in [
            (550, "5.1.1 No such user"),
            (550, "No such user"),
            (552, "5.3.4 Too big"),
            (554, "5.4.4 No such domain"),
            (501, "5.1.3 Bad syntax"),
            (552, "5.2.2 Mailbox full"),
        ] {
            assert!(refuses_for_good(code, enhanced(text)), "{code} {text}");
        }
        for (code, text) in [
            (451, "4.7.1 Greylisted"),
            (530, "5.7.0 Log in first"),
            (554, "5.7.1 Relay access denied"),
            (550, "5.4.5 Daily limit exceeded"),
            (553, "5.1.8 Sender's domain unknown"),
            (503, "Bad sequence of commands"),
        ] {
            assert!(!refuses_for_good(code, enhanced(text)), "{code} {text}");
        }
    }

    #[test]
    fn enhanced_codes() {
        assert_eq!(enhanced("5.1.1 No such user"), Some((1, 1)));
        assert_eq!(enhanced("5.7.60"), Some((7, 60)));
        for none in ["", "No such user", "5.1 x", "2.1.1 fine", "5.1.1.1 x", "127.0.0.1 blocked"] {
            assert_eq!(enhanced(none), None, "{none}");
        }
    }
}
