//! Mail over SMTP.

mod message;
mod server;
mod session;

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lettre::{
    Message,
    message::Mailbox,
    transport::smtp::{
        client::{AsyncSmtpConnection, TlsParameters},
        extension::ClientId,
    },
};
use sluice_core::ports::{Mail, Mailer, SendFailure};
use tokio::{sync::Semaphore, time::timeout};

pub use server::{BadSmtpUrl, SmtpServer, SmtpTls};

/// Connections open at the same time; further mails wait for one.
const MOST_CONNECTIONS: usize = 4;
/// Connections kept for the next mail.
const MOST_IDLE: usize = 2;
/// How long a kept connection may take to show that it still works.
const PROBE: Duration = Duration::from_secs(2);

/// The settings of the mailer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpConfig {
    /// The mail server.
    pub server: SmtpServer,
    /// Who mails are from.
    pub from: Mailbox,
    /// Where answers go, if not to `from`.
    pub reply_to: Option<Mailbox>,
    /// How long one mail may take in all.
    pub timeout: Duration,
}

impl SmtpConfig {
    /// How long one mail may take unless set otherwise.
    pub const TIMEOUT: Duration = Duration::from_secs(20);

    /// Settings with the usual timeout and no reply-to.
    #[must_use]
    pub fn new(server: SmtpServer, from: Mailbox) -> Self {
        Self { server, from, reply_to: None, timeout: Self::TIMEOUT }
    }
}

/// A text that is no mailbox.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no mail address: write name@example.com or Name <name@example.com>")]
pub struct NotAMailbox(String);

/// Reads a sender or reply-to: `name@example.com` or `Name <name@example.com>`. A name with commas and the like needs no quotation marks around it: mails
/// have them where [RFC 5322](https://www.rfc-editor.org/rfc/rfc5322#section-3.4) wants them.
///
/// # Errors
/// [`NotAMailbox`] for anything else.
pub fn parse_mailbox(text: &str) -> Result<Mailbox, NotAMailbox> {
    text.trim().parse().ok().or_else(|| unquoted(text.trim())).ok_or_else(|| NotAMailbox(text.to_owned()))
}

/// A name that would have to be quoted, and an address. What looks like two of them is none.
fn unquoted(text: &str) -> Option<Mailbox> {
    let (name, address) = text.strip_suffix('>')?.split_once('<')?;
    let name = name.trim();
    let odd = |character: char| character.is_control() || matches!(character, '"' | '@' | '>');
    if name.contains(odd) {
        return None;
    }
    Some(Mailbox::new(Some(name.to_owned()), address.trim().parse().ok()?))
}

/// The host of the mail server can't be checked against a certificate.
#[derive(Debug, thiserror::Error)]
#[error("the mail server's name {host:?} can't be used with encryption: {cause}")]
pub struct SmtpSetupError {
    host: String,
    cause: lettre::transport::smtp::Error,
}

/// Sends mail through one server. Never tries a mail again by itself.
pub struct SmtpMailer {
    config: SmtpConfig,
    tls: Option<TlsParameters>,
    hello: ClientId,
    connections: Semaphore,
    idle: Mutex<Vec<AsyncSmtpConnection>>,
}

impl SmtpMailer {
    /// A mailer with these settings. Nothing is connected yet.
    ///
    /// # Errors
    /// [`SmtpSetupError`] if the server's name fits no certificate.
    pub fn new(config: SmtpConfig) -> Result<Self, SmtpSetupError> {
        let host = &config.server.host;
        let tls = match config.server.tls {
            SmtpTls::Implicit | SmtpTls::Required => {
                Some(TlsParameters::new(host.clone()).map_err(|cause| SmtpSetupError { host: host.clone(), cause })?)
            }
            SmtpTls::None => None,
        };
        Ok(Self {
            tls,
            hello: ClientId::Domain(config.from.email.domain().to_owned()),
            connections: Semaphore::new(MOST_CONNECTIONS),
            idle: Mutex::default(),
            config,
        })
    }

    async fn deliver(&self, message: &Message, content_begun: &AtomicBool) -> Result<(), SendFailure> {
        let _place = self.connections.acquire().await.expect("never closed");
        let mut connection = match self.kept().await {
            Some(connection) => connection,
            None => session::open(&self.config.server, self.tls.as_ref(), &self.hello).await?,
        };
        session::send(&mut connection, message, content_begun).await?;
        self.keep(connection);
        Ok(())
    }

    /// A connection of an earlier mail that still works.
    async fn kept(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let mut connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if timeout(PROBE, connection.test_connected()).await.is_ok_and(|works| works) {
                return Some(connection);
            }
        }
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push(connection);
        }
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Result<(), SendFailure> {
        let message = message::build(mail, &self.config.from, self.config.reply_to.as_ref()).map_err(SendFailure::Refused)?;
        let content_begun = AtomicBool::new(false);
        match timeout(self.config.timeout, self.deliver(&message, &content_begun)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let why = format!("the mail server took longer than {:?}", self.config.timeout);
                // Until the content leaves there is nothing to take.
                Err(if content_begun.load(Ordering::SeqCst) { SendFailure::Unknown(why) } else { SendFailure::NotTaken(why) })
            }
        }
    }
}

impl fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpMailer").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
