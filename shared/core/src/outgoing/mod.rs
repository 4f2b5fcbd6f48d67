//! What goes out to people: an effect becomes a mail or a text, made from the record as it is right before sending.

mod alert;
mod booking;
mod gate;
mod message;
mod shop;
mod subscription;
mod support;
mod text;

use std::sync::Arc;

use self::text::{Under, under_which};
pub use gate::Gates;
pub use text::{TakenText, UnsentText};

use crate::{
    alarm::Alarm,
    effect::{Announcement, Effect, EffectKind},
    event::EventRecord,
    pay_url::PayUrl,
    ports::{Mail, Mailer, PortError, SendFailure, Sms, Store, Stored},
    record::Record,
    records::{AddressMark, AddressState, Booking, Message, Order, Shop},
    template::{RenderError, RenderedMail, SupportMailLeftOut, Templates},
    time::Timestamp,
    webhooks::Subscription,
};

/// How many ids are followed to the message that something was announced of.
const MOST_NAMES: usize = 3;

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
    /// Not sent: a mail that confirms what there is nothing to confirm of any more, or tells of refunds what is not so by now.
    Untrue,
    /// A text was sent.
    TextTaken(TakenText),
    /// A text can never be sent.
    TextUnsent(UnsentText),
    /// A text was not sent yet: it goes to this number, and its messages do not say so yet.
    OtherNumber(String),
    /// A mail that is not sent because of its address, for this reason.
    LeftOut(String),
    /// It may be sent later.
    Later(String),
    /// It is to be done, or gone on with, at this time, for this reason.
    Waits(Timestamp, &'static str),
}

/// A message that is ready to go, or why there is none.
enum Draft {
    Mail {
        to: Option<String>,
        words: RenderedMail,
    },
    Text {
        to: Option<String>,
        wording: Wording,
        under: Under,
    },
    /// The other side has it already.
    Taken,
    Superseded,
    Untrue,
}

/// What a text says.
enum Wording {
    /// This.
    Says(String),
    /// It would confirm what there is nothing to confirm of any more.
    Untrue,
}

impl Outgoing {
    /// Does one effect of an event, once.
    pub(crate) async fn perform(&self, store: &dyn Store, event: &EventRecord, effect: &Effect) -> Performed {
        let draft = match self.draft(store, event, effect).await {
            Ok(draft) => draft,
            Err(NoDraft::NothingToSay(reason)) => return Performed::Failed(reason),
            // A template that was replaced can be mended, and the message is then sent.
            Err(NoDraft::Words(error)) => return Performed::Later(error.to_string()),
            Err(NoDraft::Store(PortError::Temporary(reason))) => return Performed::Later(reason),
            Err(NoDraft::Store(PortError::Permanent(reason))) => return Performed::Failed(reason),
        };
        self.send(store, event, effect, draft).await
    }

    /// Whether there is nothing to say of it any more, as far as that can be told now.
    pub(crate) async fn is_overtaken(&self, store: &dyn Store, event: &EventRecord, effect: &Effect) -> bool {
        matches!(self.draft(store, event, effect).await, Ok(Draft::Superseded))
    }

    /// Words the effect, from the records as they are now.
    async fn draft(&self, store: &dyn Store, event: &EventRecord, effect: &Effect) -> Result<Draft, NoDraft> {
        let about = &effect.about;
        if about.subject.starts_with(SupportMailLeftOut::SUBJECT) {
            return self.draft_left_out(event, effect);
        }
        match about.record.kind.as_ref() {
            EventRecord::KIND => {
                let code = about.subject.strip_prefix(Alarm::SUBJECT).unwrap_or_default();
                let alarm = store.get(&[Alarm::key(code)]).await?.pop().flatten();
                self.draft_alert(event, effect, alarm.and_then(|stored| Alarm::from_stored(&stored).ok()).as_ref())
            }
            Booking::KIND => {
                let text = (effect.kind == EffectKind::Sms).then(|| Message::key(&Message::id_of_effect(&effect.id)));
                let keys: Vec<_> = std::iter::once(about.record.clone()).chain(text).collect();
                let mut found = store.get(&keys).await?.into_iter();
                let booking: Booking = read(about, found.next().flatten())?;
                let planned = found.next().flatten();
                if effect.kind != EffectKind::Sms {
                    return self.draft_for_booking(event, effect, &booking);
                }
                let under = under_which(store, effect, &booking, planned).await?;
                if let Under::Taken = under {
                    return Ok(Draft::Taken);
                }
                Ok(match self.draft_for_booking(event, effect, &booking)? {
                    Draft::Text { to, wording, .. } => Draft::Text { to, wording, under },
                    draft => draft,
                })
            }
            Message::KIND => {
                let mut message: Message = read(about, store.get(std::slice::from_ref(&about.record)).await?.pop().flatten())?;
                // It was put under another id meanwhile with all that was heard of it, or that turned out to be another's, which may have been put since.
                for _ in 0..MOST_NAMES {
                    let Some(other) = message.really().map(Message::key) else { break };
                    message = read(about, store.get(std::slice::from_ref(&other)).await?.pop().flatten())?;
                }
                self.draft_for_message(event, effect, &message)
            }
            Order::KIND => {
                let order: Order = read(about, store.get(std::slice::from_ref(&about.record)).await?.pop().flatten())?;
                self.draft_for_order(effect, &order)
            }
            Shop::KIND => self.draft_for_shop(store, event, effect).await,
            Subscription::KIND => self.draft_for_subscription(store, event, effect).await,
            kind => Err(NoDraft::NothingToSay(format!("this version of Sluice sends nothing about a {kind}"))),
        }
    }

    async fn send(&self, store: &dyn Store, event: &EventRecord, effect: &Effect, draft: Draft) -> Performed {
        let sent = match draft {
            Draft::Superseded => return Performed::Superseded,
            Draft::Untrue => return Performed::Untrue,
            Draft::Taken => return Performed::Sent,
            Draft::Mail { to: None, .. } => return Performed::Failed("no mail address is known".to_owned()),
            Draft::Mail { to: Some(to), words: RenderedMail { subject, text, html } } => {
                let Some(mailer) = &self.mailer else { return Performed::Failed("mail is switched off".to_owned()) };
                match self.mark_of(store, &to).await {
                    Ok(None) => mailer.send(&Mail { id: effect.id.clone(), event: event.id.clone(), to, subject, text, html }).await,
                    Ok(Some(state)) => return Performed::LeftOut(state.words().to_owned()),
                    Err(error) => return Performed::Later(error.to_string()),
                }
            }
            Draft::Text { to, wording, under } => return self.send_text(store, (event, effect), to, wording, under).await,
        };
        match sent {
            Ok(()) => Performed::Sent,
            Err(SendFailure::Refused(reason) | SendFailure::TextRefused { reason, .. }) => Performed::Failed(reason),
            Err(failure @ (SendFailure::NotTaken(_) | SendFailure::Unknown(_))) => Performed::Later(failure.to_string()),
        }
    }

    /// Why no mail goes to an address; `None` if it does. Staff is always told: that an address is left out, among other things. Mails of a space have the same
    /// sender as all others, and what became of those is told outside.
    async fn mark_of(&self, store: &dyn Store, address: &str) -> Result<Option<AddressState>, PortError> {
        if address == self.people.support_email || address == self.people.alert_email {
            return Ok(None);
        }
        let key = AddressMark::key(&AddressMark::id_of(address));
        let mut state = None;
        for store in std::iter::once(store).chain(store.space().map(|space| &**space.outside())) {
            let found = store.get(std::slice::from_ref(&key)).await?.pop().flatten();
            state = state.max(found.as_ref().map(AddressMark::from_stored).transpose()?.and_then(|mark| mark.state()));
        }
        Ok(state)
    }
}

/// What staff reads of an event and the records of its space: whose they are, because the operator may have others of the same ids.
fn for_staff(event: &EventRecord, what: &str) -> String {
    event.tenant.as_ref().map_or_else(|| what.to_owned(), |tenant| format!("{what} of the tenant {tenant}"))
}

/// The record that an announcement is about, as it is now.
fn read<R: Record>(about: &Announcement, found: Option<Stored>) -> Result<R, NoDraft> {
    let found = found.ok_or_else(|| NoDraft::NothingToSay(format!("{} is gone", about.record)))?;
    Ok(R::from_stored(&found)?)
}

/// Why there is no draft.
enum NoDraft {
    NothingToSay(String),
    Words(RenderError),
    Store(PortError),
}

impl From<PortError> for NoDraft {
    fn from(error: PortError) -> Self {
        Self::Store(error)
    }
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
