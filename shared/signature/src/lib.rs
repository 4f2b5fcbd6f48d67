//! Webhook signatures: verify and sign, every scheme Sluice knows. No I/O, no clock, no async.
//!
//! A [`Scheme`] looks at a [`Message`], the request as it came, byte for byte, and says which of the receiver's [`Secret`]s signed it,
//! or with a typed reason ([`Invalid`]) why none did. The time is handed in. Comparisons take the same time wherever the first wrong
//! byte is. Checking a secret allocates nothing; what [`Twilio`] signs has to be put together first, within bounds.
//!
//! With the feature `explain`, the module `explain` finds out for an operator what probably went wrong.

mod body;
mod encoding;
mod form;
mod github;
mod keyed;
mod message;
mod scheme;
mod secret;
mod sendro;
mod shopify;
mod standard;
mod stripe;
mod twilio;
mod verdict;

#[cfg(feature = "explain")]
pub mod explain;

pub use form::{Encoded, Form, MalformedForm};
pub use github::GitHub;
pub use keyed::KeyedHash;
pub use message::{Header, Message};
pub use scheme::{CannotSign, Scheme, Signed};
pub use secret::Secret;
pub use sendro::Sendro;
pub use shopify::Shopify;
pub use standard::{StandardWebhooks, key_pair};
pub use stripe::Stripe;
pub use twilio::Twilio;
pub use verdict::{Invalid, Verified};
