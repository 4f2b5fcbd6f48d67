//! A batch of messages from SQS, of which each succeeds or comes back for itself
//! ([partial batch responses](https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting)).

mod event;

use std::{panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{
    FutureExt,
    future::{Either, select},
    stream::{self, StreamExt},
};
use sluice_aws::SqsReceipts;
use sluice_core::{
    ports::{Clock, Ids, Measure, Metrics},
    process::{Disposition, Processor, Received, backoff},
    time::Timestamp,
    webhooks::Deliverer,
};

use self::event::SqsRecord;
pub use self::event::{BatchAnswer, SqsEvent};

/// How long before the end of an invocation handling ends, so that there is time to say which messages come back.
const MARGIN: Duration = Duration::from_secs(2);
/// With less time than this left no handling is begun: enough to plan and commit, and to try that again.
const ENOUGH: Duration = Duration::from_secs(5);
/// How many messages are handled side by side.
pub(crate) const AT_ONCE: usize = 10;
/// From this receive on a message may be one that kills whoever handles it.
const SUSPECT: u32 = 3;

/// Handles one message.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Handles it. Nothing runs on once the future has ended or is dropped.
    async fn handle(&self, message: Received<'_>) -> Disposition;
}

#[async_trait]
impl Handler for Processor {
    async fn handle(&self, message: Received<'_>) -> Disposition {
        Self::handle(self, message).await
    }
}

#[async_trait]
impl Handler for Deliverer {
    async fn handle(&self, message: Received<'_>) -> Disposition {
        Self::handle(self, message).await
    }
}

/// What can be done with messages while they are in hand. Neither fails: what does not go through only costs time.
#[async_trait]
pub trait Receipts: Send + Sync {
    /// Makes each message visible again after its wait.
    async fn put_off(&self, messages: &[(String, Duration)]);
    /// Removes messages that were handled.
    async fn remove(&self, receipts: &[String]);
}

#[async_trait]
impl Receipts for SqsReceipts {
    async fn put_off(&self, messages: &[(String, Duration)]) {
        Self::put_off(self, messages).await;
    }

    async fn remove(&self, receipts: &[String]) {
        Self::remove(self, receipts).await;
    }
}

/// Handles batches.
pub struct Batch {
    /// Who handles each message.
    pub handler: Arc<dyn Handler>,
    /// The queue they are from.
    pub receipts: Arc<dyn Receipts>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What keeps messages apart that come back.
    pub ids: Arc<dyn Ids>,
    /// What is timed.
    pub metrics: Arc<dyn Metrics>,
    /// After how many receives the queue gives a message up to the dead letters.
    pub max_receives: u32,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Handled,
    /// It comes back at this time.
    Later(Timestamp),
    /// There was no time for it: it comes back at once, or after its backoff if it is a suspect. Only some of these get their turn in an invocation where each
    /// takes long, so that the others would be received twenty times within minutes, and be dead letters of an outage that they were never tried in.
    NotBegun,
    /// Its handling panicked or did not end in time: it comes back after the queue's own visibility timeout, when its lease has run out.
    Broken,
}

impl Batch {
    /// Handles the messages of an invocation that ends at `deadline`, and returns which of them come back.
    ///
    /// Messages are handled side by side. Those that were received several times before may have killed the process each time, and whoever was in its batch
    /// with them: they come last, one after the other, and what was handled before is removed from the queue first. So one that kills its process gets to
    /// the dead letters alone: those that it took along twice come before it the next time or the time after.
    pub async fn handle(&self, event: SqsEvent, deadline: Timestamp) -> BatchAnswer {
        let deadline = deadline - MARGIN;
        let (mut suspects, others): (Vec<_>, Vec<_>) = event.records.into_iter().partition(|record| record.receives() >= SUSPECT);
        into_turns(&mut suspects);
        let all_at_once = stream::iter(&others).map(|record| async move { (record, self.one(record, deadline).await) });
        let mut ended: Vec<(&SqsRecord, Ending)> = all_at_once.buffer_unordered(AT_ONCE).collect().await;
        let mut handled: Vec<String> = ended.iter().filter_map(|(record, ending)| receipt_if_handled(record, *ending)).collect();
        for suspect in &suspects {
            if !handled.is_empty() {
                self.receipts.remove(&std::mem::take(&mut handled)).await;
            }
            let ending = self.one(suspect, deadline).await;
            handled.extend(receipt_if_handled(suspect, ending));
            ended.push((suspect, ending));
        }
        self.give_back(&ended).await
    }

    async fn one(&self, record: &SqsRecord, deadline: Timestamp) -> Ending {
        let began = self.clock.now();
        if began + ENOUGH > deadline {
            tracing::warn!(message = record.message_id, "no time is left for a message; it comes back");
            return Ending::NotBegun;
        }
        let receives = record.receives();
        if receives == 1 {
            self.metrics.record(Measure::QueueAge(began.since(record.sent_at())));
        }
        let message = Received { body: &record.body, receives, max_receives: self.max_receives, deadline };
        let handling = AssertUnwindSafe(self.handler.handle(message)).catch_unwind();
        let ending = match select(pin!(handling), self.clock.sleep(deadline.since(began))).await {
            Either::Left((Ok(Disposition::Done(_)), _)) => Ending::Handled,
            Either::Left((Ok(Disposition::Later { at, .. }), _)) => Ending::Later(at),
            Either::Left((Err(_), _)) => {
                tracing::error!(message = record.message_id, receives, "the handling of a message panicked; it comes back");
                Ending::Broken
            }
            Either::Right(_) => {
                tracing::error!(message = record.message_id, receives, "the handling of a message did not end in time; it comes back");
                Ending::Broken
            }
        };
        self.metrics.record(Measure::Latency(self.clock.now().since(began)));
        ending
    }

    /// Says which messages come back, and when.
    async fn give_back(&self, ended: &[(&SqsRecord, Ending)]) -> BatchAnswer {
        let now = self.clock.now();
        let wait = |(record, ending): &(&SqsRecord, Ending)| match ending {
            Ending::Later(at) => Some((record.receipt_handle.clone(), at.since(now))),
            Ending::NotBegun if record.receives() < SUSPECT => Some((record.receipt_handle.clone(), Duration::ZERO)),
            Ending::NotBegun => Some((record.receipt_handle.clone(), backoff(record.receives(), &*self.ids))),
            Ending::Handled | Ending::Broken => None,
        };
        let waits: Vec<_> = ended.iter().filter_map(wait).collect();
        if !waits.is_empty() {
            self.receipts.put_off(&waits).await;
        }
        let back = ended.iter().filter(|(_, ending)| *ending != Ending::Handled);
        BatchAnswer::failing(back.map(|(record, _)| record.message_id.clone()))
    }
}

/// The least suspect first. Of those that were received equally often the last comes first every other time, so that none is always behind the one that kills.
fn into_turns(suspects: &mut [SqsRecord]) {
    suspects.sort_by_key(SqsRecord::receives);
    for equals in suspects.chunk_by_mut(|a, b| a.receives() == b.receives()) {
        if equals[0].receives().is_multiple_of(2) {
            equals.reverse();
        }
    }
}

fn receipt_if_handled(record: &SqsRecord, ending: Ending) -> Option<String> {
    (ending == Ending::Handled).then(|| record.receipt_handle.clone())
}

#[cfg(test)]
mod tests;
