//! What Sluice needs from the outside, named for the domain. Each port has one contract suite
//! (`testing::contract`) that every adapter passes.

mod clock;
mod mailer;
mod metrics;
mod poster;
mod queue;
mod sms;
mod store;
mod stripe_api;
mod well_formed;

pub use clock::{Clock, Ids};
pub use mailer::{Mail, Mailer};
pub use metrics::{Measure, Metrics, NoMetrics};
pub use poster::{Answered, Post, PostFailure, Poster, Step};
pub use queue::{DeadLetter, DeadLetters, Message, Queue, QueueName, SendError};
pub use sms::{Sms, TextMessage};
pub use store::{Commit, Committed, Condition, Document, Index, Key, Order, Page, Place, Query, Refusal, Store, Stored, Write};
pub use stripe_api::{LookupError, StripeAnswer, StripeApi, StripeLookup, StripeObject};
pub use well_formed::MAX_WRITES;

/// Why a call to a store or a queue gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// May go through later: a busy or unreachable service, a full disk. Whether the call took effect is not known.
    #[error("{0}")]
    Temporary(String),
    /// Will never go through as it is: a document that is too large, a stored document that can't be read.
    #[error("{0}")]
    Permanent(String),
}

/// Why a mail or a text message was not sent, and whether it may have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendFailure {
    /// The other side refused this message for good: an address that does not exist, a number that can't get texts.
    #[error("refused: {0}")]
    Refused(String),
    /// The same of a text, with the provider's code for why.
    #[error("refused: {reason}")]
    TextRefused {
        /// The code, such as Twilio's `21610`.
        code: String,
        /// What was answered.
        reason: String,
    },
    /// Surely not taken: connection refused, throttled, credentials refused. Trying again repeats nothing.
    #[error("not taken: {0}")]
    NotTaken(String),
    /// No answer, or one that leaves it open. Trying again may send it a second time.
    #[error("answer lost: {0}")]
    Unknown(String),
}
