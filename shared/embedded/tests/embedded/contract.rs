//! The contract suites.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_core::{
    ports::{Clock, DeadLetters, Queue, QueueName, Store},
    space::Space,
    testing::contract::{
        queue::{self, Delivered, QueueCase},
        store::{self, StoreCase},
    },
    time::Timestamp,
};
use sluice_embedded::{EmbeddedQueue, MAX_RECEIVES, Receipt, Settlement};

use crate::support::Home;

#[tokio::test]
async fn the_store_keeps_its_contract() {
    let home = Home::new();
    // Each case leaves the clock where it put it, so that the next begins later: as it would on a store that can't be emptied.
    store::all(async |case| StoreCase::new(Arc::new(home.folder.store()), Arc::clone(&home.clock), case)).await;
}

/// Each case in turn under the same names: as there is nothing of the others' for it, a space is as good as a store of its own.
#[tokio::test]
async fn spaces_in_the_store_keep_its_contract_beside_each_other() {
    let home = Home::new();
    let outside: Arc<dyn Store> = Arc::new(home.folder.store());
    for tenant in [Some("acme"), None, Some("acme.2")] {
        let store = Space::elsewhere(&outside, tenant).unwrap_or_else(|| Arc::clone(&outside));
        store::all(async |case| StoreCase::new(Arc::clone(&store), Arc::clone(&home.clock), case)).await;
    }
}

#[tokio::test]
async fn the_queue_keeps_its_contract() {
    queue::all(async |_| {
        let home = Home::new();
        SqliteQueues { queue: home.queue(), home }
    })
    .await;
}

struct SqliteQueues {
    queue: EmbeddedQueue,
    home: Home,
}

#[async_trait]
impl QueueCase for SqliteQueues {
    type Receipt = Receipt;

    fn queue(&self) -> &dyn Queue {
        &self.queue
    }

    fn dead_letters(&self) -> &dyn DeadLetters {
        &self.queue
    }

    fn max_receives(&self) -> u32 {
        MAX_RECEIVES
    }

    fn now(&self) -> Timestamp {
        self.home.clock.now()
    }

    async fn pass(&self, length: Duration) {
        self.home.clock.advance(length);
    }

    async fn receive(&self, queue: QueueName, limit: usize, visibility: Duration) -> Vec<Delivered<Receipt>> {
        let batch = self.queue.receive(queue, limit, visibility).await.expect("the queue answers");
        let delivered = |(receipt, message): (Receipt, sluice_embedded::Received)| Delivered {
            receipt,
            id: message.id,
            body: message.body,
            receives: message.receives,
            sent_at: message.sent_at,
        };
        batch.messages.into_iter().map(delivered).collect()
    }

    async fn done(&self, queue: QueueName, receipts: Vec<Receipt>) {
        let settlements = receipts.into_iter().map(Settlement::Done).collect();
        self.queue.settle(queue, settlements).await.expect("the queue answers");
    }

    async fn later(&self, queue: QueueName, receipt: Receipt, at: Timestamp) {
        let later = Settlement::Later { receipt, at };
        self.queue.settle(queue, vec![later]).await.expect("the queue answers");
    }
}
