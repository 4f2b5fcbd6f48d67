use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    pattern::Pattern,
    schedule::RetrySchedule,
    sealed::{CannotOpen, Keyring, Sealed, fresh_seed},
};
use crate::{
    event::RETENTION,
    ports::{Ids, Index, Place},
    record::{Record, place},
    schema::described_words,
    time::Timestamp,
};

/// How long an attempt may take unless the subscription says otherwise, and at most.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// How long the secret before stays valid after a rotation, unless told otherwise.
pub const OVERLAP: Duration = Duration::from_hours(24);
/// The longest that it can stay valid.
pub const LONGEST_OVERLAP: Duration = Duration::from_hours(7 * 24);
/// The most secrets that sign at the same time.
const MOST_SECRETS: usize = 5;

/// How deliveries are signed (Standard Webhooks, "Signature scheme").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signing {
    /// HMAC-SHA256, by a secret that both sides have.
    V1,
    /// Besides, ed25519: the receiver has the public key alone.
    V1a,
}

described_words!(Signing: V1, V1a);

/// A key pair of `v1a`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningPair {
    /// The private key, sealed for the subscription.
    pub sealed: Sealed,
    /// The public key, `whpk_…`.
    pub public: String,
}

/// A signing secret of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningSecret {
    /// The secret, sealed for the subscription.
    pub sealed: Sealed,
    /// The key pair that signs beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<SigningPair>,
    /// Since when it signs.
    pub since: Timestamp,
    /// Until when it signs, once it has been replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// The value of a header of the owner's own, which may well be a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OwnHeader {
    /// Sealed for this header of the subscription.
    Sealed(Sealed),
    /// As it was given: what is about to be sealed, and what was stored before values were.
    Plain(String),
}

/// Why a subscription is not served any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    /// Since when.
    pub at: Timestamp,
    /// Why, for people.
    pub reason: String,
    /// Whether it counts in the [`Interest`](super::Interest) all the same. An older version took out what it switched off.
    #[serde(default)]
    pub(super) counts: bool,
}

impl Disabled {
    /// Not served from `at` on, for this reason.
    #[must_use]
    pub fn new(at: Timestamp, reason: &str) -> Self {
        Self { at, reason: reason.to_owned(), counts: true }
    }
}

/// What somebody wants to be told, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// `sub_…`
    pub id: String,
    /// Where to.
    pub url: String,
    /// What.
    pub event_types: Vec<Pattern>,
    /// The owner's own words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whose it is; the operator's own without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Who is told when it fails; support without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_email: Option<String>,
    /// Headers that are sent along.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, OwnHeader>,
    /// The most deliveries a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<u32>,
    /// How long an attempt may take, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// When a delivery that failed is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_schedule: Option<RetrySchedule>,
    /// How deliveries are signed; `v1` alone if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<Signing>,
    /// Why it is off; nothing is delivered then, and nothing is noted down to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Disabled>,
    /// Its secrets, newest first.
    pub secrets: Vec<SigningSecret>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Subscription {
    /// Whether it is served.
    #[must_use]
    pub fn active(&self) -> bool {
        self.disabled.is_none()
    }

    /// Whether it is among those that the interest counts.
    pub(super) fn counts(&self) -> bool {
        self.disabled.as_ref().is_none_or(|disabled| disabled.counts)
    }

    /// How long an attempt may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout.map_or(TIMEOUT, Duration::from_secs).min(TIMEOUT)
    }

    /// Forgets secrets that can't be opened any more, because the key that they are sealed with is lost: with one of them nothing could be signed.
    pub(crate) fn forget_lost_secrets(&mut self, keyring: &Keyring) {
        let opens = |sealed: &Sealed| keyring.open(sealed, &self.id).is_ok();
        self.secrets.retain(|secret| opens(&secret.sealed) && secret.pair.as_ref().is_none_or(|pair| opens(&pair.sealed)));
    }

    /// The secrets that sign now, newest first.
    ///
    /// # Errors
    /// [`CannotOpen`] if one of them can't be opened: a receiver that checks by that one would refuse everything.
    pub fn signing(&self, keyring: &Keyring, now: Timestamp) -> Result<Vec<sluice_signature::Secret>, CannotOpen> {
        let sealed = self.in_force(now).flat_map(|secret| {
            let pair = secret.pair.as_ref().filter(|_| self.has_pairs());
            [Some(&secret.sealed), pair.map(|pair| &pair.sealed)].into_iter().flatten()
        });
        sealed.map(|sealed| keyring.open(sealed, &self.id)).collect()
    }

    /// When the first of the secrets that sign now ends.
    pub(super) fn signing_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.in_force(now).filter_map(|secret| secret.until).min()
    }

    fn in_force(&self, now: Timestamp) -> impl Iterator<Item = &SigningSecret> {
        self.secrets.iter().filter(move |secret| secret.until.is_none_or(|until| now < until))
    }

    /// The headers that are sent along, opened.
    ///
    /// # Errors
    /// [`CannotOpen`] if one of them can't be opened: a receiver that looks at that one would refuse everything.
    pub fn own_headers(&self, keyring: &Keyring) -> Result<BTreeMap<String, String>, CannotOpen> {
        let opened = self.headers.iter().map(|(name, value)| -> Result<_, CannotOpen> {
            let value = match value {
                OwnHeader::Plain(value) => value.clone(),
                OwnHeader::Sealed(sealed) => keyring.open(sealed, &self.seals_header(name))?.reveal().to_owned(),
            };
            Ok((name.clone(), value))
        });
        opened.collect()
    }

    /// Seals the values of its headers with the key that seals now, those that an older one has sealed, too. `None` if there is no key.
    #[must_use]
    pub fn seal_headers(&mut self, keyring: &Keyring, ids: &dyn Ids) -> Option<()> {
        let mut headers = std::mem::take(&mut self.headers);
        for (name, value) in &mut headers {
            let owner = self.seals_header(name);
            let plain = match value {
                OwnHeader::Plain(value) => value.clone(),
                OwnHeader::Sealed(sealed) if keyring.is_newest(sealed) => continue,
                OwnHeader::Sealed(sealed) => match keyring.open(sealed, &owner) {
                    Ok(opened) => opened.reveal().to_owned(),
                    // It opens again once its key is back.
                    Err(_) => continue,
                },
            };
            *value = OwnHeader::Sealed(keyring.seal(&plain, &owner, ids)?);
        }
        self.headers = headers;
        Some(())
    }

    /// For whom the value of a header is sealed.
    fn seals_header(&self, name: &str) -> String {
        format!("{}/header/{name}", self.id)
    }

    /// Whether key pairs sign, too.
    #[must_use]
    pub fn has_pairs(&self) -> bool {
        self.signatures.contains(&Signing::V1a)
    }

    /// The public keys of the pairs that sign now, newest first.
    pub fn public_keys(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        self.in_force(now).filter(|_| self.has_pairs()).filter_map(|secret| Some(secret.pair.as_ref()?.public.as_str()))
    }

    /// Draws the key pair of the newest secret, if one is to sign and there is none yet. `None` if there is no key to seal it with.
    #[must_use]
    pub fn complete_pair(&mut self, keyring: &Keyring, ids: &dyn Ids) -> Option<()> {
        if let (true, Some(newest)) = (self.has_pairs(), self.secrets.first_mut())
            && newest.pair.is_none()
        {
            let (private, public) = sluice_signature::key_pair(&fresh_seed(ids));
            newest.pair = Some(SigningPair { sealed: keyring.seal(private.reveal(), &self.id, ids)?, public });
        }
        Some(())
    }

    /// Puts a new secret in front. The one before signs for as long as `overlap` says; what has run out is forgotten.
    pub fn rotate(&mut self, sealed: Sealed, overlap: Duration, now: Timestamp) {
        let end = now + overlap;
        for secret in &mut self.secrets {
            secret.until = Some(secret.until.map_or(end, |until| until.min(end)));
        }
        self.secrets.retain(|secret| secret.until.is_none_or(|until| now < until));
        self.secrets.insert(0, SigningSecret { sealed, pair: None, since: now, until: None });
        self.secrets.truncate(MOST_SECRETS);
    }
}

/// That there was a subscription: kept as long as its deliveries, which are found by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedSubscription {
    /// The subscription's id.
    pub id: String,
    /// When it was deleted.
    pub deleted_at: Timestamp,
}

impl Record for DeletedSubscription {
    const KIND: &'static str = "webhook_deleted";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        vec![place(Index::List, Self::KIND, self.deleted_at, &self.id)]
    }

    /// What is still to be delivered ends within the minutes after, and is kept from its last attempt on.
    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.deleted_at + RETENTION)
    }
}

impl Record for Subscription {
    const KIND: &'static str = "webhook";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        vec![place(Index::List, Self::KIND, self.created_at, &self.id)]
    }
}

/// One pattern of an active subscription: by it the subscription is found when something is published. Written and removed with it, never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Subscription and pattern.
    pub id: String,
    /// The subscription.
    pub subscription: String,
    /// The pattern.
    pub pattern: Pattern,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

impl Entry {
    /// The entries that a subscription has now: none while it is disabled.
    #[must_use]
    pub fn of(subscription: &Subscription) -> Vec<Self> {
        let patterns = subscription.event_types.iter().filter(|_| subscription.active());
        let entry = |pattern: &Pattern| Self {
            id: format!("{}/{}", subscription.id, pattern.as_str()),
            subscription: subscription.id.clone(),
            pattern: pattern.clone(),
            tenant: subscription.tenant.clone(),
        };
        patterns.map(entry).collect()
    }

    /// The list of the subscriptions of a tenant that have this pattern.
    #[must_use]
    pub fn list(tenant: Option<&str>, pattern: &Pattern) -> String {
        // No tenant's id is empty.
        format!("match/{}/{}", tenant.unwrap_or_default(), pattern.as_str())
    }
}

impl Record for Entry {
    const KIND: &'static str = "webhook_entry";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        vec![Place { index: Index::Group, partition: Self::list(self.tenant.as_deref(), &self.pattern), sort: self.id.clone() }]
    }
}
