use std::time::Duration;

use crate::{
    effect::{EffectKind, EffectState},
    ingest::Rejection,
    process::Outcome,
};

/// One thing that is counted or timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure<'a> {
    /// A webhook was verified, queued and answered 2xx.
    Received {
        /// Who sent it.
        provider: &'static str,
        /// The id of its event's record; `None` for a request that only tried out the endpoint.
        event: Option<&'a str>,
    },
    /// A webhook was not taken.
    Rejected {
        /// Who it claims to be from.
        provider: &'static str,
        /// Why.
        reason: Rejection,
    },
    /// A message was handled to its end.
    Handled {
        /// How it ended.
        outcome: Outcome,
    },
    /// A message could not be handled yet and comes again.
    PutOff,
    /// An effect came to its end.
    Effect {
        /// What it does.
        kind: EffectKind,
        /// The end it came to.
        state: EffectState,
    },
    /// An attempt to deliver a webhook has ended.
    Attempted {
        /// Whether the receiver has taken it.
        delivered: bool,
    },
    /// How long a message was in its queue before this receive.
    QueueAge(Duration),
    /// How long one request or one message took.
    Latency(Duration),
}

/// Takes measurements. Never waits and never fails: nothing depends on it.
pub trait Metrics: Send + Sync {
    /// Takes one.
    fn record(&self, measure: Measure<'_>);
}

/// Takes them nowhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMetrics;

impl Metrics for NoMetrics {
    fn record(&self, _measure: Measure<'_>) {}
}
