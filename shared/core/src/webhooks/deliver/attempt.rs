use std::time::Duration;

use super::{Deliverer, Held, Place, Trouble, UNTIL_MENDED};
use crate::{
    ports::{Measure, PortError, Post},
    process::Outcome,
    time::Timestamp,
    webhooks::{WaitsFor, attempt_headers, verdict::Verdict},
};

/// What must be left of the handling's time after the attempt, to write down what came of it.
const RESERVE: Duration = Duration::from_secs(5);
/// The shortest time that an attempt is begun with.
const SHORTEST: Duration = Duration::from_secs(1);

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
            Err(Unready::Port(error)) => return Err(error.into()),
            Err(Unready::Operator(reason)) => {
                tracing::error!(delivery = held.delivery.id, subscription = held.subscription.id, reason, "a delivery can't be signed");
                held.delivery.wait(began + UNTIL_MENDED, Some(WaitsFor::Operator), began);
                held.delivery.reason = Some(reason);
                return Ok(self.give_back(held).await);
            }
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
        let own = held.served.own_headers.as_ref().map_err(|error| Unready::Operator(error.to_string()))?;
        let event = &held.told.event;
        let body = match &held.told.body {
            Some(body) => body.clone(),
            None => event.body(&*self.store).await.map_err(Unready::Port)?.into(),
        };
        let headers = attempt_headers(&event.id, &event.kind, &held.delivery.id, own, &body, signers, now);
        let headers = headers.map_err(|error| Unready::Operator(error.to_string()))?;
        Ok(Post { url: held.subscription.url.clone(), headers, body, within: held.subscription.timeout().min(left) })
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
    Port(PortError),
    Operator(String),
}
