//! Erasing personal data: out of records, and out of the stored bodies of other events. Every step may be done twice.

use crate::effect::{EffectKind, EffectState};
use crate::{
    event::{EventRecord, EventStatus},
    ids::fresh,
    listing,
    outgoing::Performed,
    ports::{Commit, Committed, Condition, Index, PortError, Stored, Write},
    process::{CALL_TIMEOUT, Processor, Trouble, handle::Handling},
    record::group,
    records::{Order, Personal, ShopCustomer},
    rules::{Redaction, redact_named, redact_older},
};

/// How many documents are looked at before the time is looked at again.
const PAGE: usize = 100;
/// How often a body is tried to be erased whose event record keeps changing.
const TRIES: u32 = 8;

/// How far it came.
enum Progress {
    Done,
    /// There is more, and no time for it. The cursor is where to go on.
    More(String),
}

impl Processor {
    /// Does the erasing that an event asks for, as far as the time reaches. Where it stopped is kept with the effect.
    pub(super) async fn erase(&self, record: &mut EventRecord, position: usize, handling: &Handling) -> Performed {
        match self.try_erase(record, position, handling).await {
            Ok(Progress::Done) => Performed::Sent,
            Ok(Progress::More(cursor)) => {
                record.effects[position].cursor = Some(cursor);
                Performed::Later("there is more to erase than there was time".to_owned())
            }
            Err(Trouble::Temporary(reason) | Trouble::Damaged(reason) | Trouble::Unanswered(reason) | Trouble::Later { reason, .. }) => {
                Performed::Later(reason)
            }
            Err(Trouble::Busy { .. }) => Performed::Later("an event that is to be erased is still being worked on".to_owned()),
        }
    }

    async fn try_erase(&self, record: &mut EventRecord, position: usize, handling: &Handling) -> Result<Progress, Trouble> {
        self.fetch_pieces(record).await?;
        let body = record.body().unpack().map_err(|error| Trouble::Damaged(error.to_string()))?;
        let Some(redaction) = Redaction::read(record, &body) else {
            return Err(Trouble::Damaged("the event no longer says what is to be erased".to_owned()));
        };
        match &redaction.person {
            Some(person) => {
                for order in &person.orders {
                    self.change_aside(record, |view| redact_named(order, &redaction, Order::first_heard, view)).await?;
                }
            }
            None => {
                for progress in [
                    self.redact_all::<Order>(record, &redaction, handling).await?,
                    self.redact_all::<ShopCustomer>(record, &redaction, handling).await?,
                ] {
                    if let Progress::More(_) = progress {
                        return Ok(Progress::More(String::new()));
                    }
                }
            }
        }
        let cursor = record.effects[position].cursor.clone().filter(|cursor| !cursor.is_empty());
        self.erase_bodies(record, &redaction, cursor, handling).await
    }

    /// Erases the people of all records of a kind of a shop.
    async fn redact_all<R: Personal>(&self, event: &EventRecord, redaction: &Redaction, handling: &Handling) -> Result<Progress, Trouble> {
        let name = group(R::KIND, "shop", &redaction.shop);
        let open = |stored: &Stored| R::from_stored(stored).is_ok_and(|mut record| !record.said().is_redacted());
        let mut cursor = None;
        loop {
            if self.is_late(handling) {
                return Ok(Progress::More(String::new()));
            }
            let listed = listing::list(&*self.store, Index::Group, &name, cursor, PAGE, open).await?;
            for stored in &listed.items {
                let id = &stored.document.key.id;
                self.change_aside(event, |view| redact_older::<R>(id, redaction.at, view)).await?;
            }
            cursor = listed.next;
            if cursor.is_none() {
                return Ok(Progress::Done);
            }
        }
    }

    /// Erases the bodies of all events of the shop that tell of whom is to be erased, newest first.
    async fn erase_bodies(
        &self,
        own: &EventRecord,
        redaction: &Redaction,
        mut cursor: Option<String>,
        handling: &Handling,
    ) -> Result<Progress, Trouble> {
        let list = EventRecord::of_shop(own.tenant.as_deref(), &redaction.shop);
        loop {
            let listed = listing::list(&*self.store, Index::Group, &list, cursor.clone(), PAGE, |_| true).await?;
            for stored in &listed.items {
                if self.is_late(handling) {
                    return Ok(Progress::More(cursor.unwrap_or_default()));
                }
                let event = EventRecord::from_stored(stored)?;
                // It erases its own body at its own end, and so does every other one that erases.
                let erases = event.effects.iter().any(|effect| effect.kind == EffectKind::Erase && effect.state == EffectState::Pending);
                if event.id != own.id && event.tenant == own.tenant && event.erased_at.is_none() && !erases {
                    self.erase_body(event, stored.version, redaction).await?;
                }
            }
            cursor = listed.next;
            if cursor.is_none() {
                return Ok(Progress::Done);
            }
        }
    }

    /// Erases one stored body if it tells of whom is to be erased.
    async fn erase_body(&self, mut event: EventRecord, mut version: u64, redaction: &Redaction) -> Result<(), Trouble> {
        for _ in 0..TRIES {
            let whole = crate::event::fetch_pieces(&*self.store, &mut event).await;
            let tells = match (&redaction.person, whole) {
                // All of the shop's, also what can't be read any more.
                (None, _) => true,
                (Some(_), Ok(())) => event.body().unpack().is_ok_and(|body| redaction.is_in(&body)),
                // Its pieces are gone: an earlier try came that far.
                (Some(_), Err(PortError::Permanent(_))) => true,
                (Some(_), Err(error)) => return Err(error.into()),
            };
            // What changed newer than a shop's erasure belongs to a shop that has taken the app again.
            let newer = redaction.person.is_none() && event.occurred_at.unwrap_or(event.received_at) > redaction.at;
            if !tells || newer {
                return Ok(());
            }
            if let Some(lease) = event.lease.as_ref().filter(|lease| event.unfinished() && self.alive(lease)) {
                return Err(Trouble::Busy { until: lease.until });
            }
            self.erase_published(&event).await?;
            self.remove_pieces(&event).await?;
            event.erase_body(self.clock.now());
            if matches!(event.status, EventStatus::Parked | EventStatus::Waiting) {
                // There is nothing left that could be mended.
                event.status = EventStatus::Ignored;
                let reason = "its body was erased before it could be processed";
                event.summarize("changes nothing", reason);
                event.reason = Some(reason.to_owned());
            }
            event.settle(self.clock.now());
            let write = Write::Put { document: event.document(), condition: Condition::Version(version) };
            match self.store.commit(Commit { token: fresh("", &*self.ids), writes: vec![write] }).await? {
                Committed::Applied => return Ok(()),
                Committed::Refused(_) => match self.event(&event.id).await? {
                    Some((found, now)) if found.erased_at.is_none() => (event, version) = (found, now),
                    _ => return Ok(()),
                },
            }
        }
        Err(Trouble::Temporary("an event that is to be erased kept changing".to_owned()))
    }

    fn is_late(&self, handling: &Handling) -> bool {
        self.clock.now() + CALL_TIMEOUT / 2 > handling.deadline
    }
}
