//! What tests stand on keeps the ports' contracts, too.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_core::{
    ports::{Clock, DeadLetters, Queue, QueueName},
    testing::{
        ManualClock, MemoryQueue,
        contract::queue::{self, Delivered, QueueCase},
    },
    time::Timestamp,
};

struct Case {
    clock: Arc<ManualClock>,
    queue: MemoryQueue,
}

#[async_trait]
impl QueueCase for Case {
    type Receipt = (u64, u64);

    fn queue(&self) -> &dyn Queue {
        &self.queue
    }

    fn dead_letters(&self) -> &dyn DeadLetters {
        &self.queue
    }

    fn max_receives(&self) -> u32 {
        3
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn pass(&self, length: Duration) {
        self.clock.advance(length);
    }

    async fn receive(&self, queue: QueueName, limit: usize, visibility: Duration) -> Vec<Delivered<(u64, u64)>> {
        let received = self.queue.receive(queue, limit, visibility).into_iter();
        received
            .map(|message| Delivered {
                receipt: (message.id, message.receipt),
                id: message.id.to_string(),
                body: message.body,
                receives: message.receives,
                sent_at: message.sent_at,
            })
            .collect()
    }

    async fn done(&self, _: QueueName, receipts: Vec<(u64, u64)>) {
        receipts.into_iter().for_each(|(id, receipt)| self.queue.done(id, receipt));
    }

    async fn later(&self, _: QueueName, (id, receipt): (u64, u64), at: Timestamp) {
        self.queue.later(id, receipt, at);
    }
}

#[tokio::test]
async fn the_queue_in_memory_keeps_the_contract() {
    queue::all(async |_| {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_795_000_000)));
        Case { clock: clock.clone(), queue: MemoryQueue::new(clock, 3) }
    })
    .await;
}
