//! Receives from a queue and runs a handler on every message.

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use sluice_core::{
    ports::{Clock, PortError, QueueName},
    time::Timestamp,
};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    task::{Id, JoinError, JoinSet},
};

use crate::queue::{Batch, EmbeddedQueue, Handed, Receipt, Received, Settlement};

/// How long a worker waits after the database has failed.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a limit is asked again that keeps handlers from beginning.
const RECONSIDER: Duration = Duration::from_millis(50);

/// What a handler says of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Handled: it leaves the queue.
    Done,
    /// Not handled: it comes again.
    Later {
        /// From when on.
        at: Timestamp,
    },
}

/// How a worker works.
#[derive(Clone, Copy, Debug)]
pub struct WorkerSettings {
    /// The most handlers that run at once, unless [`Worker::limited_by`] says less at the moment.
    pub concurrency: usize,
    /// How long a message stays invisible to others while its handler runs. Longer than any handler takes.
    pub visibility: Duration,
    /// How long running handlers may go on after the stop.
    pub drain: Duration,
}

impl Default for WorkerSettings {
    /// 160 handlers, 90 s of visibility, 25 s to drain.
    fn default() -> Self {
        Self { concurrency: 160, visibility: Duration::from_secs(90), drain: Duration::from_secs(25) }
    }
}

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Messages whose handlers were cut off or never begun; they are visible to the next process at once.
    pub given_back: usize,
}

/// Runs a handler on the messages of one queue. A queue has one worker in a process.
pub struct Worker {
    queue: EmbeddedQueue,
    name: QueueName,
    clock: Arc<dyn Clock>,
    settings: WorkerSettings,
    limit: Option<Limit>,
}

/// How many handlers may run at the moment.
type Limit = Box<dyn Fn() -> usize + Send + Sync>;

type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What was to be settled, and whether it was.
type Settled = (Vec<Settlement>, Result<(), PortError>);

impl Worker {
    /// A worker on the queue `name`.
    #[must_use]
    pub fn new(queue: EmbeddedQueue, name: QueueName, clock: Arc<dyn Clock>, settings: WorkerSettings) -> Self {
        Self { queue, name, clock, settings, limit: None }
    }

    /// The same, with as many handlers as `limit` says before each look into the queue. What runs already runs on.
    #[must_use]
    pub fn limited_by(self, limit: impl Fn() -> usize + Send + Sync + 'static) -> Self {
        Self { limit: Some(Box::new(limit)), ..self }
    }

    /// Works until `stop` returns, then drains: receives no more, lets running handlers finish within the limit, cuts off the rest and gives their
    /// messages back.
    ///
    /// A handler that panics has not handled its message, which comes again after the visibility timeout.
    pub async fn run<H, F>(self, handler: H, stop: impl Future<Output = ()>) -> Drained
    where
        H: Fn(Received) -> F,
        F: Future<Output = Disposition> + Send + 'static,
    {
        let handed = self.queue.hands(self.name).begin(self.settings.visibility);
        let mut shift = Shift {
            handler,
            handed,
            running: JoinSet::new(),
            receipts: HashMap::new(),
            finished: Vec::new(),
            receiving: None,
            asked: 0,
            settling: None,
            pause: None,
            look: Look::Now,
            worker: self,
        };
        let mut stop = std::pin::pin!(stop);
        loop {
            shift.begin_calls();
            tokio::select! {
                () = &mut stop => break,
                () = shift.step() => {}
            }
        }
        shift.drain().await
    }
}

/// When to look into the queue again.
enum Look {
    /// As soon as a handler is free: something may wait.
    Now,
    /// As soon as a handler is free: more waits than could be taken.
    Again,
    /// When something is queued, or it is this time.
    At(Timestamp, Pending<()>),
    /// When something is queued.
    WhenRung,
}

/// A worker at work.
struct Shift<H> {
    worker: Worker,
    handler: H,
    /// Messages that come without a look into the queue.
    handed: UnboundedReceiver<Handed>,
    running: JoinSet<Disposition>,
    receipts: HashMap<Id, Receipt>,
    /// What is settled with the next call.
    finished: Vec<Settlement>,
    receiving: Option<Pending<Result<Batch, PortError>>>,
    /// How many messages the last look into the queue asked for.
    asked: usize,
    settling: Option<Pending<Settled>>,
    /// The database has failed: no call begins before this has passed.
    pause: Option<Pending<()>>,
    look: Look,
}

impl<H, F> Shift<H>
where
    H: Fn(Received) -> F,
    F: Future<Output = Disposition> + Send + 'static,
{
    /// Begins the calls that there is reason for. One of each kind is under way at a time, so that under load each carries many messages.
    fn begin_calls(&mut self) {
        let hands = self.worker.queue.hands(self.worker.name);
        if self.pause.is_some() {
            hands.hold_out(0, |_| 0);
            return;
        }
        if self.settling.is_none() && !self.finished.is_empty() {
            self.settling = Some(self.settle());
        }
        let (looks, begins) = (self.look.is_now(), self.receiving.is_none());
        let asked = self.asked;
        let kept = |left: usize| match self.look {
            // What is known to wait is not to be overtaken.
            Look::Again => left,
            // Some are left for what is queued meanwhile.
            Look::Now if begins => left.div_ceil(2),
            Look::Now => asked,
            Look::At(..) | Look::WhenRung => 0,
        };
        let left = hands.hold_out(self.free(), kept);
        if looks && begins && left > 0 {
            self.asked = kept(left);
            let (queue, name, limit, visibility) =
                (self.worker.queue.clone(), self.worker.name, self.asked, self.worker.settings.visibility);
            self.receiving = Some(Box::pin(async move { queue.receive(name, limit, visibility).await }));
        }
    }

    fn settle(&mut self) -> Pending<Settled> {
        let (queue, name, finished) = (self.worker.queue.clone(), self.worker.name, std::mem::take(&mut self.finished));
        Box::pin(async move {
            let settled = queue.settle(name, finished.clone()).await;
            (finished, settled)
        })
    }

    fn free(&self) -> usize {
        let most = self.worker.settings.concurrency;
        let limit = self.worker.limit.as_ref().map_or(most, |limit| limit().clamp(1, most));
        limit.saturating_sub(self.running.len())
    }

    /// Waits for one thing to happen, and takes it in.
    async fn step(&mut self) {
        let waits = !self.look.is_now();
        let held_back = self.is_held_back();
        tokio::select! {
            received = pending(&mut self.receiving) => self.begin_handlers(received),
            Some(messages) = self.handed.recv() => self.take_over(messages),
            (finished, settled) = pending(&mut self.settling) => self.after_settling(finished, settled),
            Some(ended) = self.running.join_next_with_id() => self.take_in(ended),
            () = pending(&mut self.pause) => {}
            () = self.worker.queue.changed(self.worker.name), if waits => self.look = Look::Now,
            () = self.look.passed() => self.look = Look::Now,
            () = async { self.worker.clock.sleep(RECONSIDER).await }, if held_back => {}
        }
    }

    /// Whether the limit of the moment, and nothing else, keeps more handlers from beginning.
    fn is_held_back(&self) -> bool {
        self.look.is_now() && self.receiving.is_none() && self.pause.is_none() && self.running.len() < self.worker.settings.concurrency
    }

    fn begin_handlers(&mut self, received: Result<Batch, PortError>) {
        let batch = match received {
            Ok(batch) => batch,
            Err(error) => return self.hold_on("receive", &error),
        };
        let now = self.worker.clock.now();
        self.look = match batch.next_due {
            Some(due) if due <= now => Look::Again,
            Some(due) => self.look_at(due, now),
            None => Look::WhenRung,
        };
        for (receipt, message) in batch.messages {
            self.begin(receipt, message);
        }
    }

    fn look_at(&self, at: Timestamp, now: Timestamp) -> Look {
        let clock = Arc::clone(&self.worker.clock);
        Look::At(at, Box::pin(async move { clock.sleep(at.since(now)).await }))
    }

    /// Begins what comes without a look into the queue, together with whatever else has come so meanwhile.
    fn take_over(&mut self, messages: Handed) {
        let now = self.worker.clock.now();
        let mut count = 0;
        let mut next = Some(messages);
        while let Some(messages) = next {
            count += messages.len();
            for (receipt, message) in messages {
                self.begin(receipt, message);
            }
            next = self.handed.try_recv().ok();
        }
        self.worker.queue.hands(self.worker.name).arrived(count);
        // Should a handler not end, its message is there again by then.
        let back = now + self.worker.settings.visibility;
        match self.look {
            Look::WhenRung => self.look = self.look_at(back, now),
            Look::At(at, _) if at > back => self.look = self.look_at(back, now),
            Look::At(..) | Look::Now | Look::Again => {}
        }
    }

    fn begin(&mut self, receipt: Receipt, message: Received) {
        let task = self.running.spawn((self.handler)(message));
        self.receipts.insert(task.id(), receipt);
    }

    fn after_settling(&mut self, finished: Vec<Settlement>, settled: Result<(), PortError>) {
        if let Err(error) = settled {
            self.finished.extend(finished);
            self.hold_on("settle", &error);
        }
    }

    fn hold_on(&mut self, call: &str, error: &PortError) {
        tracing::error!(queue = ?self.worker.name, call, %error, "the queue can't be used; trying again in {PAUSE:?}");
        let clock = Arc::clone(&self.worker.clock);
        self.pause = Some(Box::pin(async move { clock.sleep(PAUSE).await }));
    }

    fn take_in(&mut self, ended: Result<(Id, Disposition), JoinError>) {
        self.take_in_one(ended);
        // Whatever else has ended meanwhile goes into the same call.
        while let Some(ended) = self.running.try_join_next_with_id() {
            self.take_in_one(ended);
        }
    }

    fn take_in_one(&mut self, ended: Result<(Id, Disposition), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(receipt) = self.receipts.remove(&id) else { return };
        match ended {
            Ok((_, Disposition::Done)) => self.finished.push(Settlement::Done(receipt)),
            Ok((_, Disposition::Later { at })) => self.finished.push(Settlement::Later { receipt, at }),
            Err(error) => tracing::error!(
                queue = ?self.worker.name, %error,
                "a handler panicked; its message comes again in {:?}", self.worker.settings.visibility
            ),
        }
    }

    async fn drain(mut self) -> Drained {
        self.worker.queue.hands(self.worker.name).end();
        let mut unhandled = Vec::new();
        while let Ok(messages) = self.handed.try_recv() {
            unhandled.extend(messages.into_iter().map(|(receipt, _)| receipt));
        }
        if let Some(receiving) = self.receiving.take()
            && let Ok(batch) = receiving.await
        {
            unhandled.extend(batch.messages.into_iter().map(|(receipt, _)| receipt));
        }
        let clock = Arc::clone(&self.worker.clock);
        let mut limit = clock.sleep(self.worker.settings.drain);
        loop {
            tokio::select! {
                ended = self.running.join_next_with_id() => match ended {
                    Some(ended) => self.take_in(ended),
                    None => break,
                },
                () = &mut limit => break,
            }
        }
        unhandled.extend(self.cut_off().await);
        let at = clock.now();
        let given_back = unhandled.len();
        self.finished.extend(unhandled.into_iter().map(|receipt| Settlement::Later { receipt, at }));
        if let Some(settling) = self.settling.take()
            && let (finished, Err(_)) = settling.await
        {
            self.finished.extend(finished);
        }
        if !self.finished.is_empty()
            && let (_, Err(error)) = self.settle().await
        {
            tracing::error!(queue = ?self.worker.name, %error, "the last messages could not be settled; they come again at the next start");
        }
        Drained { given_back }
    }

    /// Stops the handlers that still run, and returns whose messages were not handled. Afterwards nothing runs on.
    async fn cut_off(&mut self) -> Vec<Receipt> {
        self.running.abort_all();
        let mut unhandled = Vec::new();
        while let Some(ended) = self.running.join_next_with_id().await {
            match ended {
                Err(error) if error.is_cancelled() => unhandled.extend(self.receipts.remove(&error.id())),
                ended => self.take_in_one(ended),
            }
        }
        unhandled
    }
}

impl Look {
    fn is_now(&self) -> bool {
        matches!(self, Self::Now | Self::Again)
    }

    async fn passed(&mut self) {
        match self {
            Self::At(_, sleep) => sleep.await,
            Self::Now | Self::Again | Self::WhenRung => std::future::pending().await,
        }
    }
}

/// Waits for what is under way and takes it out; forever if nothing is.
async fn pending<T>(under_way: &mut Option<Pending<T>>) -> T {
    match under_way {
        Some(future) => {
            let answer = future.await;
            *under_way = None;
            answer
        }
        None => std::future::pending().await,
    }
}
