use std::time::Duration;

use crate::{
    alarm::{self, Alarm},
    ids::fresh,
    ports::{Commit, Condition, LookupError, StripeAnswer, StripeLookup, Write},
    process::{CALL_TIMEOUT, Processor, Trouble, handle::Handling},
    record::Record,
    rules::STRIPE_KEY_REFUSED,
};

/// The longest that one look-up may take, tries included.
const LONGEST: Duration = Duration::from_secs(10);
/// What must be left of the handling's time after it: for the commit, and one call of an effect.
const RESERVE: Duration = CALL_TIMEOUT.saturating_add(Duration::from_secs(2));
/// With less time than this nobody is asked.
const SHORTEST: Duration = Duration::from_millis(500);

impl Processor {
    /// Asks Stripe's API for what a plan needs. While it does not answer, the event waits in a list of its own; a refused key rings the alarm, too. Once
    /// that is mended, everything goes on by itself.
    pub(super) async fn look_up(&self, lookup: &StripeLookup, handling: &Handling) -> Result<StripeAnswer, Trouble> {
        let Some(stripe) = &self.stripe else { return Ok(StripeAnswer::NotKnown) };
        let within = handling.deadline.since(self.clock.now()).saturating_sub(RESERVE).min(LONGEST);
        if within < SHORTEST {
            return Err(Trouble::Temporary("no time was left to ask Stripe's API".to_owned()));
        }
        let _under_way = self.outgoing.gates.looking_up();
        match stripe.look_up(lookup, within).await {
            Ok(answer) => Ok(answer),
            Err(LookupError::Temporary(reason)) => Err(Trouble::Unanswered(reason)),
            Err(LookupError::Refused(reason)) => {
                self.ring_for_key(&reason).await;
                Err(Trouble::Unanswered(reason))
            }
        }
    }

    /// Tells the operator of a refused key, unless that was done less than an hour ago. The event at hand has no record yet that could tell it, so the
    /// alarm gets one of its own, which the sweeper sends on.
    async fn ring_for_key(&self, reason: &str) {
        tracing::error!(reason, "Stripe's API refuses the key; what must be looked up there waits");
        if !self.policy.mail {
            return;
        }
        let now = self.clock.now();
        let before = self.store.get(&[Alarm::key(STRIPE_KEY_REFUSED)]).await.ok().and_then(|mut found| found.pop()).flatten();
        let Some(alarm) = Alarm::ring(STRIPE_KEY_REFUSED, before.as_ref(), now) else { return };
        let mut event = alarm::event(STRIPE_KEY_REFUSED, STRIPE_KEY_REFUSED, reason.to_owned(), self.tenant(), now);
        event.due_at = Some(now);
        let writes = vec![
            Write::Put { document: event.document(), condition: Condition::Absent },
            Write::Put { document: alarm.document(), condition: Condition::unchanged(before.as_ref()) },
        ];
        // Refused: somebody else has told it. Lost: the next event that finds the key refused tells it.
        if let Err(error) = self.store.commit(Commit { token: fresh("", &*self.ids), writes }).await {
            tracing::warn!(%error, "the alarm could not be stored");
        }
    }
}
