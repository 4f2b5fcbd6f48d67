use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;

use crate::ports::{Mail, Mailer, SendFailure, Sms, TextMessage};

/// What was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// A mail.
    Mail(Mail),
    /// A text.
    Text(TextMessage),
}

impl Sent {
    /// The id of the effect that sent it.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Mail(mail) => &mail.id,
            Self::Text(text) => &text.id,
        }
    }

    /// Its subject, or its text.
    #[must_use]
    pub fn headline(&self) -> &str {
        match self {
            Self::Mail(mail) => &mail.subject,
            Self::Text(text) => &text.text,
        }
    }
}

/// What texts are called by the other side.
#[derive(Clone, Debug)]
enum Sids {
    /// By how many were taken so far.
    Counted(String, u32),
    /// By the effect that sends it.
    OfEffects(String),
}

/// Keeps mails and texts; refuses those to addresses and numbers that it was told to.
#[derive(Debug, Default)]
pub struct Captured {
    sent: Mutex<Vec<Sent>>,
    refused: Mutex<Vec<(String, Option<&'static str>)>>,
    sids: Mutex<Option<Sids>>,
    broken: AtomicBool,
}

impl Captured {
    /// All that was sent, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Refuses nothing any more.
    pub fn accept_all(&self) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Refuses what is sent to this address or number from now on.
    pub fn refuse(&self, to: &str) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).push((to.to_owned(), None));
    }

    /// Refuses what is sent to this number from now on, with a code of Twilio's.
    pub fn refuse_with(&self, to: &str, code: &'static str) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).push((to.to_owned(), Some(code)));
    }

    /// Answers each text that it takes with an id from now on, as Twilio does: `prefix` with 1, 2 and so on.
    pub fn name_texts(&self, prefix: &str) {
        self.set_sids(Sids::Counted(prefix.to_owned(), 0));
    }

    /// The same with the id of the effect behind `prefix`, so that it does not depend on what else is sent.
    pub fn name_texts_by_effect(&self, prefix: &str) {
        self.set_sids(Sids::OfEffects(prefix.to_owned()));
    }

    fn set_sids(&self, sids: Sids) {
        *self.sids.lock().unwrap_or_else(PoisonError::into_inner) = Some(sids);
    }

    /// Takes nothing, or takes everything again.
    pub fn break_down(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    fn keep(&self, to: &str, sent: Sent) -> Result<(), SendFailure> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(SendFailure::NotTaken("connection refused".to_owned()));
        }
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match refused.iter().find(|(refused, _)| refused == to) {
            Some((_, Some(code))) => {
                return Err(SendFailure::TextRefused { code: (*code).to_owned(), reason: format!("error {code}") });
            }
            Some((_, None)) => return Err(SendFailure::Refused(format!("{to} does not exist"))),
            None => {}
        }
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
        Ok(())
    }
}

#[async_trait]
impl Mailer for Captured {
    async fn send(&self, mail: &Mail) -> Result<(), SendFailure> {
        self.keep(&mail.to, Sent::Mail(mail.clone()))
    }
}

#[async_trait]
impl Sms for Captured {
    async fn send(&self, text: &TextMessage) -> Result<Option<String>, SendFailure> {
        self.keep(&text.to, Sent::Text(text.clone()))?;
        let mut sids = self.sids.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(sids.as_mut().map(|sids| match sids {
            Sids::Counted(prefix, number) => {
                *number += 1;
                format!("{prefix}{number}")
            }
            Sids::OfEffects(prefix) => format!("{prefix}{}", text.id),
        }))
    }
}
