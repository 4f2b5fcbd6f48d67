use std::time::Duration;

use super::{DATA_ERASED, Deliverer, Held, Place, Trouble, UNTIL_MENDED};
use crate::{
    ports::{Measure, PortError, Post},
    process::Outcome,
    time::Timestamp,
    webhooks::{Attempted, WaitsFor, attempt_headers, verdict::Verdict},
};

/// What must be left of the handling's time after the attempt, to write down what came of it.
const RESERVE: Duration = Duration::from_secs(5);
/// The shortest time that an attempt is begun with.
const SHORTEST: Duration = Duration::from_secs(1);
/// How long a delivery waits whose data can't be read at the moment.
const UNTIL_READABLE: Duration = Duration::from_secs(5);

impl Deliverer {
    /// Signs, posts, and writes down what came of it. The lease is held.
    pub(super) async fn attempt(&self, mut held: Box<Held>, deadline: Timestamp, place: &mut Place) -> Result<Outcome, Trouble> {
        let began = self.clock.now();
        let left = deadline.since(began).saturating_sub(RESERVE);
        if left < SHORTEST {
            held.delivery.wait(began, Some(WaitsFor::Capacity), began);
            return Ok(self.give_back(held).await);
        }
        let post = match self.request(&held, began, left).await {
            Ok(post) => post,
            Err(unready) => return Ok(self.not_ready(held, unready, began).await),
        };
        let outcome = self.webhooks.poster.post(&post).await;
        let ended = self.clock.now();
        place.ended(ended);
        let verdict = crate::webhooks::verdict::judge(&outcome, ended);
        let status = outcome.as_ref().map_or_else(|failure| failure.status, |answered| Some(answered.status));
        let error = crate::webhooks::verdict::error_text(&outcome);
        let delivered = verdict == Verdict::Delivered;
        self.metrics.record(Measure::Attempted { delivered });
        tracing::info!(
            delivery = held.delivery.id,
            subscription = held.subscription.id,
            r#type = held.delivery.event_type,
            status,
            took = ?ended.since(began),
            error,
            delivered,
            "attempted"
        );
        self.write_down(
            held,
            super::outcome::Ended { began, ended, status, error, excerpt: outcome.map(|answered| answered.excerpt).ok(), verdict },
        )
        .await
        .map_err(Trouble::Lost)
    }

    async fn request(&self, held: &Held, now: Timestamp, left: Duration) -> Result<Post, Unready> {
        let signers = held.served.signers.as_ref().map_err(|error| Unready::Operator(error.to_string()))?;
        let own = held
            .served
            .own_headers
            .as_ref()
            .map_err(|error| Unready::Operator(format!("the values of its headers: {error}, or set `headers` anew")))?;
        let event = &held.told.event;
        let body = match &held.told.body {
            Some(body) => body.clone(),
            None => event.body(&*self.store).await.map_err(Unready::Store)?.ok_or(Unready::Erased)?.into(),
        };
        let attempted = Attempted { event: &event.id, kind: &event.kind, tenant: event.tenant.as_deref(), delivery: &held.delivery.id };
        let headers = attempt_headers(attempted, own, &body, signers, now);
        let headers = headers.map_err(|error| Unready::Operator(error.to_string()))?;
        Ok(Post { url: held.subscription.url.clone(), headers, body, within: held.subscription.timeout().min(left) })
    }

    /// There was nothing to post. The lease is given back, because whoever found one that has run out would take this for an attempt that was cut short.
    async fn not_ready(&self, mut held: Box<Held>, why: Unready, now: Timestamp) -> Outcome {
        let (delivery, subscription) = (&mut held.delivery, held.subscription.id.as_str());
        match why {
            Unready::Erased => {
                tracing::info!(delivery = delivery.id, reason = DATA_ERASED, "given up");
                delivery.forget_answers();
                delivery.give_up(Some(DATA_ERASED.to_owned()));
            }
            Unready::Store(PortError::Temporary(reason)) => {
                tracing::warn!(delivery = delivery.id, subscription, reason, "what is to be delivered can't be read now");
                delivery.wait(now + UNTIL_READABLE, None, now);
            }
            Unready::Store(PortError::Permanent(reason)) | Unready::Operator(reason) => {
                tracing::error!(delivery = delivery.id, subscription, reason, "a delivery can't be put together, or not be signed");
                delivery.wait(now + UNTIL_MENDED, Some(WaitsFor::Operator), now);
                delivery.reason = Some(reason);
            }
        }
        self.give_back(held).await
    }

    async fn give_back(&self, held: Box<Held>) -> Outcome {
        if let Err(error) = self.put(&held.delivery, held.version, Vec::new()).await {
            tracing::warn!(delivery = held.delivery.id, %error, "a lease could not be given back; it runs out by itself");
        }
        Outcome::Nothing
    }
}

/// Why there is nothing to post.
enum Unready {
    /// Its data can't be read.
    Store(PortError),
    /// Its data was erased.
    Erased,
    /// It can't be signed as things are set up.
    Operator(String),
}
