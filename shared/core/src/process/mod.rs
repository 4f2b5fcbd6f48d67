//! Process: a message of the queue `inbound` is handled exactly once, whatever crashes.
//!
//! Plan, commit, effects: the event record and the changes are one conditional transaction, tried first and read only when it
//! is refused; the effects are those stored in the record, marked one by one by whoever holds its lease; only then is the
//! message done. Every way of failing leads back to the same place.

mod allowance;
mod aside;
mod catch_up;
mod commit;
mod effects;
mod erase;
mod erase_published;
mod event;
mod handle;
mod lookup;
mod mark;
mod owner_mail;
mod park;
mod pieces;
mod publish;
mod steps;
mod texts;
mod turns;
mod waiting;
mod within;

use std::{sync::Arc, time::Duration};

pub use effects::CALL_TIMEOUT;
pub(crate) use owner_mail::OwnerMail;
pub use turns::Turns;

use crate::{
    event::Lease,
    ids::fresh,
    outgoing::Outgoing,
    plan::Policy,
    ports::{Clock, Ids, Metrics, PortError, Queue, Store, StripeApi},
    time::Timestamp,
    webhooks::InterestBoard,
};

/// How long past a handling's deadline its lease lasts, so that a live owner never loses it.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// A message as the host received it.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The message's text.
    pub body: &'a str,
    /// How often it has been received, this time included.
    pub receives: u32,
    /// After how many receives the queue gives it up to the dead letters.
    pub max_receives: u32,
    /// By when the handling must have ended. Nothing runs on after it.
    pub deadline: Timestamp,
}

/// What the host does with the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Handled: delete it.
    Done(Outcome),
    /// Not yet: make it visible again at this time.
    Later {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

/// How a handled message ended, for logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The event's changes were applied and its effects done.
    Applied,
    /// The event had been handled before.
    Duplicate,
    /// Effects that somebody else left were done.
    TakenOver,
    /// It could not be processed and waits for someone to look at it.
    Parked,
    /// It changes nothing here.
    Ignored,
    /// There was nothing to do.
    Nothing,
}

/// Which process a lease belongs to, where all earlier processes are known to be dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incarnation {
    /// Other processes may be alive: a lease holds until it runs out.
    OneOfMany,
    /// This process alone holds the data; leases of those before it are dead. The number grows with every start.
    Sole(u64),
}

impl Incarnation {
    /// An owner, drawn anew for every handling: a batch may hold both duplicates of one event.
    pub(crate) fn owner(self, ids: &dyn Ids) -> String {
        match self {
            Self::OneOfMany => fresh("", ids),
            Self::Sole(boot) => fresh(&format!("{boot}."), ids),
        }
    }

    /// Whether the lease's owner may still be at work.
    pub(crate) fn is_alive(self, lease: &Lease, now: Timestamp) -> bool {
        let boot = |owner: &str| owner.split_once('.').and_then(|(boot, _)| boot.parse::<u64>().ok());
        match self {
            Self::Sole(current) if boot(&lease.owner) != Some(current) => false,
            _ => now < lease.until,
        }
    }
}

/// Handles messages of the queue `inbound`.
#[derive(Clone)]
pub struct Processor {
    /// The records.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random ids.
    pub ids: Arc<dyn Ids>,
    /// What is counted.
    pub metrics: Arc<dyn Metrics>,
    /// Mails and texts.
    pub outgoing: Arc<Outgoing>,
    /// Stripe's API, where there is a key for it.
    pub stripe: Option<Arc<dyn StripeApi>>,
    /// Which events anybody wants to be told of; `None` where webhooks out are off.
    pub interest: Option<Arc<InterestBoard>>,
    /// Where deliveries are sent.
    pub queue: Arc<dyn Queue>,
    /// The settings that decide something.
    pub policy: Policy,
    /// Which process this is.
    pub incarnation: Incarnation,
    /// Who changes one record after the other in it.
    pub turns: Turns,
}

/// Why a handling stopped short.
#[derive(Debug)]
enum Trouble {
    /// May go through later.
    Temporary(String),
    /// Goes through once somebody has mended what is stored.
    Damaged(String),
    /// What the event needs to know from outside is not told: goes through once somebody has mended that, or it has passed.
    Unanswered(String),
    /// May go through at this time, when the message comes back; its record says so where it has one.
    Later { at: Timestamp, reason: String },
    /// Somebody else is working on it until this time.
    Busy { until: Timestamp },
}

impl Trouble {
    /// The same where something is or may be written, so that it can't be said that nothing is until somebody has mended it.
    fn after_commit(self) -> Self {
        match self {
            Self::Damaged(reason) => Self::Temporary(reason),
            trouble => trouble,
        }
    }
}

impl From<PortError> for Trouble {
    fn from(error: PortError) -> Self {
        match error {
            PortError::Temporary(_) => Self::Temporary(error.to_string()),
            PortError::Permanent(_) => Self::Damaged(error.to_string()),
        }
    }
}

/// The wait before the receive after `receives` ones: 5 s · 2ⁿ, at most an hour, shortened by up to a tenth at random.
#[must_use]
pub fn backoff(receives: u32, ids: &dyn Ids) -> Duration {
    let base = Duration::from_secs(5).saturating_mul(1 << receives.saturating_sub(1).min(10)).min(Duration::from_hours(1));
    jittered(base, ids)
}

/// `length`, shortened by up to a tenth at random, so that those who failed together don't come back together.
fn jittered(length: Duration, ids: &dyn Ids) -> Duration {
    let permille = u32::try_from(ids.random() % 101).unwrap_or(0);
    length * (1000 - permille) / 1000
}
