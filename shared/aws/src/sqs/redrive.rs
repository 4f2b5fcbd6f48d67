//! Moving dead letters back. SQS has a task for that; where it is missing (emulators), they are moved one by one.

use std::time::Duration;

use aws_sdk_sqs::types::{ListMessageMoveTasksResultEntry, Message, MessageSystemAttributeName};
use sluice_core::ports::PortError;

use super::{SqsQueue, dead::attribute};
use crate::{failure::Failure, patience::Repeat};

/// How often a running task is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often at most, so that a caller behind HTTP gets an answer.
const LOOKS: u32 = 30;
/// How long a letter stays hidden while it is moved by hand, seconds.
const HIDDEN: i32 = 60;

/// How the move of all dead letters began.
enum Start {
    Running,
    /// There is nothing that could do it.
    NoSuchTask,
}

impl SqsQueue {
    pub(super) async fn move_all(&self, dead_letters: &str, queue: &str) -> Result<u64, PortError> {
        let state = self.state(dead_letters).await?;
        match self.start_task(&state.arn, dead_letters).await? {
            Start::Running => self.watch_task(&state.arn).await,
            Start::NoSuchTask => self.move_by_hand(dead_letters, queue).await,
        }
    }

    async fn start_task(&self, arn: &str, url: &str) -> Result<Start, PortError> {
        let start = || async {
            let call = self.client.start_message_move_task().source_arn(arn);
            match call.send().await {
                Ok(_) => Ok(Start::Running),
                Err(error) => {
                    let failure = Failure::of("SQS", &error);
                    match failure.code.as_str() {
                        "InvalidAction" | "UnknownOperationException" | "NotImplementedError" => {
                            tracing::debug!(%failure, url, "no message move task here; moving dead letters one by one");
                            Ok(Start::NoSuchTask)
                        }
                        _ => Err(failure),
                    }
                }
            }
        };
        Box::pin(self.patience.call(Repeat::Harmful, start)).await.map_err(Failure::into_port_error)
    }

    /// Waits for the newest task of the queue to end, and returns how many messages it has moved.
    async fn watch_task(&self, arn: &str) -> Result<u64, PortError> {
        let mut moved = 0;
        for _ in 0..LOOKS {
            let ask = || async {
                let call = self.client.list_message_move_tasks().source_arn(arn).max_results(1);
                call.send().await.map_err(|error| Failure::of("SQS", &error))
            };
            let answer = Box::pin(self.patience.call(Repeat::Harmless, ask)).await.map_err(Failure::into_port_error)?;
            let Some(task) = answer.results.unwrap_or_default().into_iter().next() else { break };
            moved = u64::try_from(task.approximate_number_of_messages_moved).unwrap_or(0);
            match progress(&task) {
                Progress::Running => self.clock.sleep(LOOK_EVERY).await,
                Progress::Ended => break,
                Progress::Failed(reason) => return Err(PortError::Temporary(format!("SQS moved {moved} dead letters and then failed: {reason}"))),
            }
        }
        Ok(moved)
    }

    /// Sends each letter to the queue, and only then removes it: one that is interrupted in between is there twice, and the second is known by its content.
    async fn move_by_hand(&self, dead_letters: &str, queue: &str) -> Result<u64, PortError> {
        let mut moved = 0;
        loop {
            let received = self.receive(dead_letters, HIDDEN).await?;
            if received.is_empty() {
                return Ok(moved);
            }
            for message in &received {
                self.send_copy(queue, message).await?;
                self.remove(dead_letters, message).await?;
                moved += 1;
            }
        }
    }

    async fn send_copy(&self, queue: &str, message: &Message) -> Result<(), PortError> {
        let send = || async {
            let group = attribute(message, &MessageSystemAttributeName::MessageGroupId).map(str::to_owned);
            let call = self.client.send_message().queue_url(queue).message_body(message.body.as_deref().unwrap_or_default());
            call.set_message_group_id(group).send().await.map_err(|error| Failure::of("SQS", &error))
        };
        Box::pin(self.patience.call(Repeat::Harmless, send)).await.map(drop).map_err(Failure::into_port_error)
    }

    async fn remove(&self, url: &str, message: &Message) -> Result<(), PortError> {
        let remove = || async {
            let call = self.client.delete_message().queue_url(url).set_receipt_handle(message.receipt_handle.clone());
            call.send().await.map_err(|error| Failure::of("SQS", &error))
        };
        Box::pin(self.patience.call(Repeat::Harmless, remove)).await.map(drop).map_err(Failure::into_port_error)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Progress {
    Running,
    Ended,
    Failed(String),
}

fn progress(task: &ListMessageMoveTasksResultEntry) -> Progress {
    match task.status.as_deref() {
        Some("FAILED") => Progress::Failed(task.failure_reason.clone().unwrap_or_else(|| "no reason given".to_owned())),
        Some("COMPLETED" | "CANCELLED") => Progress::Ended,
        _ => Progress::Running,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_of_a_task() {
        let task = |status: &str| progress(&ListMessageMoveTasksResultEntry::builder().status(status).build());
        assert_eq!(task("RUNNING"), Progress::Running);
        assert_eq!(task("CANCELLING"), Progress::Running);
        assert_eq!(task("COMPLETED"), Progress::Ended);
        assert!(matches!(task("FAILED"), Progress::Failed(_)));
    }
}
