use std::time::Duration;

use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchRequestEntry};
use futures_util::stream::{self, StreamExt};
use sluice_core::{
    ports::{Message, PortError, QueueName, SendError},
    time::Timestamp,
};

use super::{LONGEST_DELAY, SqsQueue, batch::batches, body::sendable};
use crate::{
    failure::{Failed, Failure, Fate},
    patience::Repeat,
};

/// Batches of one send under way at the same time.
const AT_ONCE: usize = 4;

impl SqsQueue {
    pub(super) async fn send_all(&self, queue: QueueName, messages: Vec<Message>, not_before: Option<Timestamp>) -> Result<(), SendError> {
        let nothing = |cause| SendError { failed: (0..messages.len()).collect(), cause };
        let url = &self.urls(queue).map_err(nothing)?.queue;
        let delay = delay(not_before, self.clock.now()).map_err(nothing)?;
        let entries: Vec<_> = messages.into_iter().enumerate().map(|(position, message)| entry(position, message, delay)).collect();
        let (batches, too_large) = batches(entries.iter().map(|entry| entry.message_body.len()));
        let batches: Vec<Vec<_>> = batches.iter().map(|batch| batch.iter().map(|position| entries[*position].clone()).collect()).collect();
        let sent = stream::iter(batches).map(|batch| self.send_batch(url, batch)).buffer_unordered(AT_ONCE);
        let mut failures: Vec<Unsent> = sent.flat_map(stream::iter).collect().await;
        failures.extend(too_large.into_iter().map(|position| {
            let text = format!("SQS takes messages of up to 1 MiB, and one has {} bytes", entries[position].message_body.len());
            Unsent { position, failure: Failure::reported(Fate::Refused, "InvalidMessageContents", text) }
        }));
        summary(failures)
    }

    /// Sends up to ten messages, and returns those that were not confirmed. To send one again is harmless: whoever receives it knows it by its content.
    async fn send_batch(&self, url: &str, entries: Vec<SendMessageBatchRequestEntry>) -> Vec<Unsent> {
        let left = std::sync::Mutex::new(entries.clone());
        let sent = self.patience.call(Repeat::Harmless, || async {
            let batch = left.lock().expect("nothing panics while it is held").clone();
            let call = self.client.send_message_batch().queue_url(url).set_entries(Some(batch.clone()));
            let answer = call.send().await.map_err(|error| NotAll::nothing(&batch, &Failure::of("SQS", &error)))?;
            let unsent: Vec<Unsent> = answer.failed.iter().filter_map(Unsent::read).collect();
            if unsent.is_empty() {
                return Ok(());
            }
            *left.lock().expect("nothing panics while it is held") =
                batch.into_iter().filter(|entry| unsent.iter().any(|unsent| unsent.is(entry))).collect();
            Err(NotAll(unsent))
        });
        match Box::pin(sent).await {
            Ok(()) => Vec::new(),
            Err(NotAll(unsent)) if !unsent.is_empty() => unsent,
            // Out of time: what was left then may be there or not.
            Err(_) => NotAll::nothing(&left.into_inner().expect("nothing panics while it is held"), &Failure::out_of_time()).0,
        }
    }
}

/// How long the message is held back: whole seconds, rounded up, so that it is never early.
///
/// # Errors
/// [`PortError::Permanent`] for more than [`LONGEST_DELAY`].
fn delay(not_before: Option<Timestamp>, now: Timestamp) -> Result<Duration, PortError> {
    let exact = not_before.map_or(Duration::ZERO, |time| time.since(now));
    let delay = Duration::from_secs(exact.as_secs() + u64::from(exact.subsec_nanos() > 0));
    if delay > LONGEST_DELAY {
        let text = format!("SQS holds a message back for at most {LONGEST_DELAY:?}, not {delay:?}: put what is due later into the due index");
        return Err(PortError::Permanent(text));
    }
    Ok(delay)
}

fn entry(position: usize, message: Message, delay: Duration) -> SendMessageBatchRequestEntry {
    let entry = SendMessageBatchRequestEntry::builder().id(position.to_string()).message_body(sendable(&message.body));
    let entry = entry.set_message_group_id(message.group);
    let seconds = i32::try_from(delay.as_secs()).expect("at most 900");
    let entry = if seconds == 0 { entry } else { entry.delay_seconds(seconds) };
    entry.build().expect("id and body are set")
}

/// A message that was not confirmed.
#[derive(Clone, Debug)]
struct Unsent {
    position: usize,
    failure: Failure,
}

impl Unsent {
    fn read(failed: &BatchResultErrorEntry) -> Option<Self> {
        let fate = match (failed.sender_fault, failed.code.contains("Throttl")) {
            (_, true) => Fate::NotTaken,
            (true, false) => Fate::Refused,
            (false, false) => Fate::Unknown,
        };
        let text = format!("SQS: {}: {}", failed.code, failed.message.as_deref().unwrap_or("no message"));
        Some(Self { position: failed.id.parse().ok()?, failure: Failure::reported(fate, &failed.code, text) })
    }

    fn is(&self, entry: &SendMessageBatchRequestEntry) -> bool {
        entry.id.parse() == Ok(self.position)
    }
}

/// A batch of which these were not confirmed; none at all if time ran out.
#[derive(Debug)]
struct NotAll(Vec<Unsent>);

impl NotAll {
    fn nothing(batch: &[SendMessageBatchRequestEntry], failure: &Failure) -> Self {
        let unsent = |entry: &SendMessageBatchRequestEntry| Some(Unsent { position: entry.id.parse().ok()?, failure: failure.clone() });
        Self(batch.iter().filter_map(unsent).collect())
    }
}

impl Failed for NotAll {
    /// A batch is tried again for as long as any of its messages may still go through.
    fn fate(&self) -> Fate {
        let refused = self.0.iter().all(|unsent| unsent.failure.fate == Fate::Refused);
        if refused { Fate::Refused } else { Fate::Unknown }
    }

    fn out_of_time() -> Self {
        Self(Vec::new())
    }
}

/// One error for all: permanent only if that is true of every message that failed.
fn summary(mut failures: Vec<Unsent>) -> Result<(), SendError> {
    failures.sort_by_key(|unsent| unsent.position);
    let failed = failures.iter().map(|unsent| unsent.position).collect();
    let mut causes: Vec<PortError> = failures.into_iter().map(|unsent| unsent.failure.into_port_error()).collect();
    let temporary = causes.iter().position(|cause| matches!(cause, PortError::Temporary(_)));
    if causes.is_empty() {
        return Ok(());
    }
    Err(SendError { failed, cause: causes.swap_remove(temporary.unwrap_or(0)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::MIN;

    #[test]
    fn a_delay_is_never_early_and_never_too_long() {
        let seconds = |length: Duration| delay(Some(NOW + length), NOW).map(|delay| delay.as_secs()).ok();
        assert_eq!(delay(None, NOW).ok(), Some(Duration::ZERO));
        assert_eq!(delay(Some(NOW), NOW + Duration::from_secs(5)).ok(), Some(Duration::ZERO), "a time that has passed");
        assert_eq!(seconds(Duration::from_millis(1)), Some(1));
        assert_eq!(seconds(Duration::from_millis(2_000)), Some(2));
        assert_eq!(seconds(Duration::from_secs(900)), Some(900));
        assert_eq!(seconds(Duration::from_millis(900_001)), None);
    }

    fn unsent(position: usize, code: &str, sender_fault: bool) -> Unsent {
        let failed = BatchResultErrorEntry::builder().id(position.to_string()).code(code).sender_fault(sender_fault);
        Unsent::read(&failed.build().expect("complete")).expect("a position")
    }

    #[test]
    fn one_message_that_may_go_through_makes_the_failure_temporary() {
        let refused = unsent(4, "InvalidMessageContents", true);
        let busy = unsent(1, "InternalError", false);
        let error = summary(vec![refused.clone(), busy.clone()]).expect_err("two failed");
        assert_eq!(error.failed, [1, 4]);
        assert!(matches!(error.cause, PortError::Temporary(_)), "{error}");
        assert!(matches!(summary(vec![refused.clone()]).expect_err("failed").cause, PortError::Permanent(_)));
        assert!(summary(Vec::new()).is_ok());

        assert_eq!(NotAll(vec![refused.clone(), busy]).fate(), Fate::Unknown, "tried again for the one");
        assert_eq!(NotAll(vec![refused]).fate(), Fate::Refused);
        assert_eq!(NotAll(vec![unsent(0, "ThrottlingException", true)]).fate(), Fate::Unknown);
    }
}
