//! The ids of a message: Sluice's own, its owner's, and those that providers call it by.

use super::{Message, MessageStatus};
use crate::{effect::Effect, envelope::digest, ids::record_id, pay_url::encoded, time::Timestamp};

impl Message {
    /// The document at a provider's id that leads to the message `id`. It keeps what was told under that id, for when it leads there no more; and the history
    /// of it, which is read there.
    #[must_use]
    pub fn leading_to(id: &str, external_id: &str, before: Option<&Self>, at: Timestamp) -> Self {
        let (came_in_as, history) = before.map(|before| (before.came_in_as.clone(), before.history.clone())).unwrap_or_default();
        Self { same_as: Some(id.to_owned()), came_in_as, history, ..Self::first_heard(&Self::id_of_external(external_id), at) }
    }

    /// The ids of the documents that lead to it from what providers call it.
    pub(super) fn leads(&self) -> impl Iterator<Item = String> {
        self.external_ids.iter().map(|id| Self::id_of_external(id)).filter(|id| *id != self.id)
    }

    /// The id of the text that an effect sends: the same however often it is planned.
    #[must_use]
    pub fn id_of_effect(effect: &str) -> String {
        format!("{}{}", Self::OWN, effect.trim_start_matches(Effect::PREFIX))
    }

    /// The id of the same text to another number than it was planned for.
    #[must_use]
    pub fn id_of_effect_to(effect: &str, to: &str) -> String {
        format!("{}.{}", Self::id_of_effect(effect), digest(&[to]))
    }

    /// The id of the text of an effect, which was planned for `planned`, to a number.
    #[must_use]
    pub fn id_of_text(effect: &str, planned: &str, to: &str) -> String {
        if planned == to { Self::id_of_effect(effect) } else { Self::id_of_effect_to(effect, to) }
    }

    /// Whether a text that came back in a status callback can be the id of a text that Sluice sent.
    #[must_use]
    pub fn is_own_id(text: &str) -> bool {
        text.starts_with(Self::OWN) && record_id(text).is_ok()
    }

    /// What a provider brings back of a text that Sluice sends: its id, and the tenant in whose space it lies. It stands in a query as it is.
    #[must_use]
    pub fn reference(id: &str, tenant: Option<&str>) -> String {
        tenant.map_or_else(|| id.to_owned(), |tenant| format!("{id}~{}", encoded(tenant)))
    }

    /// The id of the text that a reference is of, and the tenant in whose space it lies; `None` if it can be none of Sluice's.
    #[must_use]
    pub fn referred_to(reference: &str) -> Option<(&str, Option<&str>)> {
        let (id, tenant) = reference.split_once('~').map_or((reference, None), |(id, tenant)| (id, Some(tenant)));
        (Self::is_own_id(id) && tenant.is_none_or(|tenant| record_id(tenant).is_ok())).then_some((id, tenant))
    }

    /// The id under which a message is kept whose provider's id is all that is known.
    #[must_use]
    pub fn id_of_external(external_id: &str) -> String {
        record_id(external_id).map_or_else(|_| format!("x_{}", digest(&[external_id])), str::to_owned)
    }

    /// Joins the provider's id of it. Whether it was new.
    pub fn join_external_id(&mut self, external_id: &str) -> bool {
        !self.given_up.contains(external_id) && self.external_ids.insert(external_id.to_owned())
    }

    /// The provider's id is that of another message, for good.
    pub fn give_up_external_id(&mut self, external_id: &str) {
        self.external_ids.remove(external_id);
        self.given_up.insert(external_id.to_owned());
    }

    /// The provider's id of it.
    #[must_use]
    pub fn external_id(&self) -> Option<&str> {
        let put = self.put.as_ref().and_then(|put| put.external_id.as_deref()).filter(|id| !self.given_up.contains(*id));
        put.or_else(|| self.external_ids.first().map(String::as_str))
    }

    /// Whether it has this id of the provider's.
    #[must_use]
    pub fn has_external_id(&self, external_id: &str) -> bool {
        self.external_ids.contains(external_id)
    }

    /// Whether it has this id of the provider's and no other, so that all that a provider said of it was said under that one.
    #[must_use]
    pub fn is_known_as(&self, external_id: &str) -> bool {
        self.external_ids.len() == 1 && self.external_ids.contains(external_id)
    }

    /// Gives back the provider's id, and with it all that was said of it so far, and the history of that: the message of that id, as if it had never been this
    /// one. Both look for their bookings anew. Whoever was told of it stays told.
    #[must_use]
    pub fn release(&mut self, external_id: &str, at: Timestamp) -> Self {
        let first = self.reached.values().min().copied().unwrap_or(at);
        let mut said = Self::first_heard(&Self::id_of_external(external_id), first);
        said.heard.join(at);
        said.parties = self.parties.take();
        said.reached = std::mem::take(&mut self.reached);
        said.error = self.error.take();
        said.unaddressed = std::mem::take(&mut self.unaddressed);
        said.announcements = std::mem::take(&mut self.announcements);
        said.came_in_as.extend(self.came_in_as.take(&said.id));
        said.history = self.history.give_away();
        self.matched = None;
        self.gave_back = Some(said.id.clone());
        self.external_ids.remove(external_id);
        if !said.is_blank() {
            said.external_ids.insert(external_id.to_owned());
        }
        said
    }

    /// Joins all that is known of the same message under another id.
    pub fn absorb(&mut self, other: Self) {
        self.heard.join(other.heard.first);
        self.heard.join(other.heard.last);
        self.external_ids.extend(other.external_ids);
        if let Some(parties) = other.parties {
            self.join_parties(parties);
        }
        for (status, at) in other.reached {
            self.join_status(status, at, None);
        }
        self.error = self.error.take().max(other.error);
        self.unsent = self.unsent.take().max(other.unsent);
        self.taken |= other.taken;
        self.refused |= other.refused;
        self.marked_address |= other.marked_address;
        for (state, by) in other.unaddressed {
            self.join_unaddressed(state, by);
        }
        self.matched = self.matched.take().or(other.matched);
        self.announcements.join(&other.announcements);
        self.came_in_as.extend(other.came_in_as);
    }

    /// Whether nothing is known of it: its id was a mistake, and is free for whoever it may be of.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        let said = self.parties.is_some() || !self.reached.is_empty() || !self.unaddressed.is_empty();
        self.put.is_none() && self.sent.is_none() && self.same_as.is_none() && self.matched.is_none() && !said
    }

    /// Where to look for what was announced of it: the message that it only leads to, or that it was taken for when that failed.
    #[must_use]
    pub fn really(&self) -> Option<&str> {
        self.same_as.as_deref().or_else(|| self.gave_back.as_deref().filter(|_| self.status() != MessageStatus::Failed))
    }
}
