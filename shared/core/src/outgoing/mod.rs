//! What goes out to people: an effect becomes a mail or a text, made from the record as it is right before sending.

mod alert;
mod booking;
mod gate;

use std::sync::Arc;

pub use gate::Gates;

use crate::{
    alarm::Alarm,
    effect::Effect,
    event::EventRecord,
    pay_url::PayUrl,
    ports::{Mail, Mailer, SendFailure, Sms, Store, TextMessage},
    record::Record,
    records::Booking,
    template::{RenderError, RenderedMail, Templates},
};

/// Who the messages are from and for.
#[derive(Clone, Debug)]
pub struct People {
    /// The business, as customers know it.
    pub business_name: String,
    /// Where support reads its mail.
    pub support_email: String,
    /// Where the operator is alerted.
    pub alert_email: String,
    /// Where customers pay.
    pub pay_url: Option<PayUrl>,
}

/// Sends mails and texts.
pub struct Outgoing {
    /// Mail; `None` where it is switched off.
    pub mailer: Option<Arc<dyn Mailer>>,
    /// Texts; `None` where they are switched off.
    pub sms: Option<Arc<dyn Sms>>,
    /// The words.
    pub templates: Arc<Templates>,
    /// Who the messages are from and for.
    pub people: People,
    /// How many calls run at the same time.
    pub gates: Gates,
}

/// What became of an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Performed {
    /// It was sent.
    Sent,
    /// Not sent: a later announcement has overtaken it.
    Superseded,
    /// It can never be sent.
    Failed(String),
    /// It may be sent later.
    Later(String),
}

/// A message that is ready to go, or why there is none.
enum Draft {
    Mail { to: Option<String>, words: RenderedMail },
    Text { to: Option<String>, words: String },
    Superseded,
}

impl Outgoing {
    /// Does one effect of an event, once.
    pub(crate) async fn perform(&self, store: &dyn Store, event: &EventRecord, effect: &Effect) -> Performed {
        let record = &effect.about.record;
        let draft = match record.kind.as_ref() {
            EventRecord::KIND => {
                let code = effect.about.subject.strip_prefix(Alarm::SUBJECT).unwrap_or_default();
                match store.get(&[Alarm::key(code)]).await {
                    Ok(mut found) => {
                        let alarm = found.pop().flatten().and_then(|stored| Alarm::from_stored(&stored).ok());
                        self.draft_alert(event, effect, alarm.as_ref())
                    }
                    Err(error) => return Performed::Later(error.to_string()),
                }
            }
            Booking::KIND => {
                let found = match store.get(std::slice::from_ref(record)).await {
                    Ok(mut found) => found.pop().flatten(),
                    Err(error) => return Performed::Later(error.to_string()),
                };
                let Some(found) = found else { return Performed::Failed(format!("{record} is gone")) };
                match Booking::from_stored(&found) {
                    Ok(booking) => self.draft_for_booking(event, effect, &booking),
                    Err(error) => return Performed::Failed(error.to_string()),
                }
            }
            kind => return Performed::Failed(format!("this version of Sluice sends nothing about a {kind}")),
        };
        match draft {
            Ok(draft) => self.send(event, effect, draft).await,
            Err(NoDraft::NothingToSay(reason)) => Performed::Failed(reason),
            // A template that was replaced can be mended, and the message is then sent.
            Err(NoDraft::Words(error)) => Performed::Later(error.to_string()),
        }
    }

    async fn send(&self, event: &EventRecord, effect: &Effect, draft: Draft) -> Performed {
        let (id, event) = (effect.id.clone(), event.id.clone());
        let sent = match draft {
            Draft::Superseded => return Performed::Superseded,
            Draft::Mail { to: None, .. } => return Performed::Failed("no mail address is known".to_owned()),
            Draft::Text { to: None, .. } => return Performed::Failed("no phone number is known".to_owned()),
            Draft::Mail { to: Some(to), words: RenderedMail { subject, text, html } } => {
                let Some(mailer) = &self.mailer else { return Performed::Failed("mail is switched off".to_owned()) };
                mailer.send(&Mail { id, event, to, subject, text, html }).await
            }
            Draft::Text { to: Some(to), words: text } => {
                let Some(sms) = &self.sms else { return Performed::Failed("text messages are switched off".to_owned()) };
                sms.send(&TextMessage { id, event, to, text }).await
            }
        };
        match sent {
            Ok(()) => Performed::Sent,
            Err(SendFailure::Refused(reason)) => Performed::Failed(reason),
            Err(failure @ (SendFailure::NotTaken(_) | SendFailure::Unknown(_))) => Performed::Later(failure.to_string()),
        }
    }
}

/// Why there is no draft.
enum NoDraft {
    NothingToSay(String),
    Words(RenderError),
}

impl From<RenderError> for NoDraft {
    fn from(error: RenderError) -> Self {
        Self::Words(error)
    }
}

fn unknown(effect: &Effect) -> NoDraft {
    let Effect { template, kind, .. } = effect;
    NoDraft::NothingToSay(format!("this version of Sluice has no {} {template} for this record", kind.name()))
}
