use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    future::poll_fn,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    ports::{Answered, Clock, Post, PostFailure, Poster, Step},
    time::Timestamp,
};

/// A webhook as a receiver got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    /// When.
    pub at: Timestamp,
    /// Under which URL.
    pub url: String,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: Bytes,
}

impl Got {
    /// A header, or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// The receivers of webhooks: each answers by its list, and then with its last answer; 200 without one.
pub struct Receivers {
    clock: Arc<dyn Clock>,
    got: Mutex<Vec<Got>>,
    answers: Mutex<BTreeMap<String, VecDeque<Result<Answered, PostFailure>>>>,
    repeating: Mutex<BTreeSet<String>>,
    silent: AtomicBool,
}

impl Receivers {
    /// Receivers that take everything.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, got: Mutex::default(), answers: Mutex::default(), repeating: Mutex::default(), silent: AtomicBool::new(false) }
    }

    /// All that they got, in order.
    #[must_use]
    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on the receiver at `url` answers with these statuses, and then always with the last one. 0: it does not answer.
    pub fn answer(&self, url: &str, statuses: &[u16]) {
        self.answer_after(url, statuses, None);
    }

    /// From now on the receiver at `url` repeats in its answers what it is told.
    pub fn repeat(&self, url: &str) {
        self.repeating.lock().unwrap_or_else(PoisonError::into_inner).insert(url.to_owned());
    }

    /// Until they are told otherwise they answer nothing to what they get.
    pub fn be_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::SeqCst);
    }

    /// The same with a header `Retry-After`.
    pub fn answer_after(&self, url: &str, statuses: &[u16], retry_after: Option<&str>) {
        let answers = statuses.iter().map(|status| match status {
            0 => Err(PostFailure { step: Step::Connect, reason: "no connection".to_owned(), status: None, retry_after: None }),
            status => Ok(Answered { status: *status, retry_after: retry_after.map(str::to_owned), excerpt: b"answered".to_vec() }),
        });
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(url.to_owned(), answers.collect());
    }
}

#[async_trait]
impl Poster for Receivers {
    async fn post(&self, post: &Post) -> Result<Answered, PostFailure> {
        let got =
            Got { at: self.clock.now(), url: post.url.clone(), headers: post.headers.iter().cloned().collect(), body: post.body.clone() };
        self.got.lock().unwrap_or_else(PoisonError::into_inner).push(got);
        poll_fn(|context| {
            if self.silent.load(Ordering::SeqCst) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = match answers.get_mut(&post.url) {
            Some(list) if list.len() > 1 => list.pop_front(),
            Some(list) => list.front().cloned(),
            None => None,
        };
        let mut answered = answer.unwrap_or_else(|| Ok(Answered { status: 200, ..Answered::default() }))?;
        if self.repeating.lock().unwrap_or_else(PoisonError::into_inner).contains(&post.url) {
            answered.excerpt = post.body.to_vec();
        }
        Ok(answered)
    }
}
