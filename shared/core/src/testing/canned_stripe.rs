use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::Value;

use crate::ports::{LookupError, StripeAnswer, StripeApi, StripeLookup, StripeObject};

/// How Stripe's API meets those who ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Manner {
    /// There is no key to ask with.
    #[default]
    NoKey,
    Answers,
    RefusesKey,
    Fails,
}

/// Stripe's API with the answers that it was given. Begins without a key.
#[derive(Debug, Default)]
pub struct CannedStripe {
    manner: Mutex<Manner>,
    objects: Mutex<BTreeMap<StripeObject, Value>>,
    asked: Mutex<Vec<StripeLookup>>,
}

impl CannedStripe {
    /// Has a key from now on, and answers this when it is asked for that object. Everything else is not there.
    pub fn put(&self, object: StripeObject, json: Value) {
        self.be(Manner::Answers);
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).insert(object, json);
    }

    /// Has no key from now on.
    pub fn lose_key(&self) {
        self.be(Manner::NoKey);
    }

    /// Refuses the key from now on.
    pub fn refuse_key(&self) {
        self.be(Manner::RefusesKey);
    }

    /// Can't be reached from now on.
    pub fn break_down(&self) {
        self.be(Manner::Fails);
    }

    /// Answers again.
    pub fn recover(&self) {
        self.be(Manner::Answers);
    }

    /// All that it was asked, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<StripeLookup> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn be(&self, manner: Manner) {
        *self.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }
}

#[async_trait]
impl StripeApi for CannedStripe {
    async fn look_up(&self, lookup: &StripeLookup, _: Duration) -> Result<StripeAnswer, LookupError> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(lookup.clone());
        match *self.manner.lock().unwrap_or_else(PoisonError::into_inner) {
            Manner::NoKey => Ok(StripeAnswer::NotKnown),
            Manner::RefusesKey => Err(LookupError::Refused("Stripe answered 401: Invalid API Key provided".to_owned())),
            Manner::Fails => Err(LookupError::Temporary("Stripe answered 503".to_owned())),
            Manner::Answers => {
                let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
                let found = objects.get(&lookup.object).map(|json| StripeAnswer::Found(json.to_string().into_bytes()));
                Ok(found.unwrap_or(StripeAnswer::NotThere))
            }
        }
    }
}
