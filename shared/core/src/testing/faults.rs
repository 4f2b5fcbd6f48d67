//! A layer over the ports that makes their calls go wrong, one chosen call at a time.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use async_trait::async_trait;

use super::ManualClock;
use crate::{
    ports::{
        Answered, Commit, Committed, Key, LookupError, Mail, Mailer, Message, Page, PortError, Post, PostFailure, Poster, Query, Queue,
        QueueName, SendError, SendFailure, Sms, Step, Store, Stored, StripeAnswer, StripeApi, StripeLookup, TextMessage,
    },
    time::Timestamp,
};

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails, with no effect.
    Fail,
    /// It takes effect, and its answer is lost.
    LoseAnswer,
    /// It takes effect twice.
    Duplicate,
    /// It takes effect after a long while.
    Delay,
    /// The process dies before it.
    CrashBefore,
    /// The process dies after it took effect.
    CrashAfter,
    /// It waits for one turn, in which somebody else goes first; then it goes well.
    Yield,
}

impl Fault {
    /// Everything that goes wrong.
    pub const ALL: [Self; 6] = [Self::Fail, Self::LoseAnswer, Self::Duplicate, Self::Delay, Self::CrashBefore, Self::CrashAfter];
}

/// How long a delayed call takes: longer than any lease.
pub const DELAY: Duration = Duration::from_secs(70);

/// Counts the calls of all ports, and decides which go wrong.
pub struct Faults {
    clock: Arc<ManualClock>,
    calls: AtomicU64,
    planned: Mutex<Vec<(u64, Fault)>>,
    crashed: AtomicBool,
}

impl Faults {
    /// No faults yet.
    #[must_use]
    pub fn new(clock: Arc<ManualClock>) -> Arc<Self> {
        Arc::new(Self { clock, calls: AtomicU64::new(0), planned: Mutex::default(), crashed: AtomicBool::new(false) })
    }

    /// Makes the `call`-th call go wrong, counted from 0 over all ports.
    pub fn plan(&self, call: u64, fault: Fault) {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).push((call, fault));
    }

    /// Lets nothing go wrong any more.
    pub fn end(&self) {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many calls there were.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// Whether the process has died since this was asked last.
    pub fn take_crash(&self) -> bool {
        self.crashed.swap(false, Ordering::SeqCst)
    }

    fn next(&self) -> Option<Fault> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        planned.iter().find(|(at, _)| *at == call).map(|(_, fault)| *fault)
    }

    async fn die<T>(&self) -> T {
        self.crashed.store(true, Ordering::SeqCst);
        std::future::pending().await
    }
}

/// Does one call, or makes it go wrong. A macro, because the call may be made twice and borrows what the method was given.
macro_rules! around {
    ($faults:expr, $call:expr, $lost:expr) => {
        match $faults.next() {
            None => $call.await,
            Some(Fault::Fail) => $lost("failed, with no effect"),
            Some(Fault::LoseAnswer) => {
                let _ = $call.await;
                $lost("the answer was lost")
            }
            Some(Fault::Duplicate) => {
                let _ = $call.await;
                $call.await
            }
            Some(Fault::Delay) => {
                $faults.clock.advance(DELAY);
                $call.await
            }
            Some(Fault::CrashBefore) => $faults.die().await,
            Some(Fault::Yield) => {
                let mut waited = false;
                std::future::poll_fn(|context| {
                    context.waker().wake_by_ref();
                    if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                $call.await
            }
            Some(Fault::CrashAfter) => {
                let _ = $call.await;
                $faults.die().await
            }
        }
    };
}

/// A port behind the fault layer.
pub struct Faulty<P: ?Sized> {
    inner: Arc<P>,
    faults: Arc<Faults>,
}

impl<P: ?Sized> Faulty<P> {
    /// The port `inner`, with `faults`.
    pub fn new(inner: Arc<P>, faults: &Arc<Faults>) -> Self {
        Self { inner, faults: Arc::clone(faults) }
    }
}

fn temporary<T>(reason: &'static str) -> Result<T, PortError> {
    Err(PortError::Temporary(reason.to_owned()))
}

#[async_trait]
impl<P: Store + ?Sized> Store for Faulty<P> {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, PortError> {
        around!(self.faults, self.inner.get(keys), temporary)
    }

    async fn get_lagging(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, PortError> {
        around!(self.faults, self.inner.get_lagging(keys), temporary)
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        around!(self.faults, self.inner.query(query), temporary)
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, PortError> {
        around!(self.faults, self.inner.commit(commit.clone()), temporary)
    }
}

#[async_trait]
impl<P: Queue + ?Sized> Queue for Faulty<P> {
    async fn send(&self, queue: QueueName, messages: Vec<Message>, not_before: Option<Timestamp>) -> Result<(), SendError> {
        let failed = (0..messages.len()).collect::<Vec<_>>();
        let lost = |reason: &'static str| Err(SendError { failed: failed.clone(), cause: PortError::Temporary(reason.to_owned()) });
        around!(self.faults, self.inner.send(queue, messages.clone(), not_before), lost)
    }
}

fn not_known<T>(reason: &'static str) -> Result<T, SendFailure> {
    Err(SendFailure::Unknown(reason.to_owned()))
}

#[async_trait]
impl<P: Mailer + ?Sized> Mailer for Faulty<P> {
    async fn send(&self, mail: &Mail) -> Result<(), SendFailure> {
        around!(self.faults, self.inner.send(mail), not_known)
    }
}

#[async_trait]
impl<P: Sms + ?Sized> Sms for Faulty<P> {
    async fn send(&self, text: &TextMessage) -> Result<Option<String>, SendFailure> {
        around!(self.faults, self.inner.send(text), not_known)
    }
}

#[async_trait]
impl<P: StripeApi + ?Sized> StripeApi for Faulty<P> {
    async fn look_up(&self, lookup: &StripeLookup, within: Duration) -> Result<StripeAnswer, LookupError> {
        let answer = self.inner.look_up(lookup, within).await;
        // Without a key nobody is called, and nothing can go wrong on the way.
        if answer == Ok(StripeAnswer::NotKnown) {
            return answer;
        }
        let lost = |reason: &'static str| Err(LookupError::Temporary(reason.to_owned()));
        around!(self.faults, std::future::ready(answer.clone()), lost)
    }
}

#[async_trait]
impl<P: Poster + ?Sized> Poster for Faulty<P> {
    async fn post(&self, post: &Post) -> Result<Answered, PostFailure> {
        let lost =
            |reason: &'static str| Err(PostFailure { step: Step::Answer, reason: reason.to_owned(), status: None, retry_after: None });
        around!(self.faults, self.inner.post(post), lost)
    }
}
