//! What the end-to-end tests stand on: a client that names the status it expects, signed events, homes to run the tests in, and stand-ins for the
//! servers that mails and texts go to.
//!
//! A test body is written against [`Home`]. What only one kind of home can do, such as being killed, is that home's own.

pub mod aws;
mod caller;
mod client;
mod event;
mod home;
mod inbound_webhook;
pub mod machine;
mod mail_server;
mod receiver;
mod serve;
mod text_server;
mod wait;

pub use client::{Answer, Client, NoAnswer};
pub use event::{Booking, Event, SignedRequest, fresh, sign};
pub use home::{Channel, Home, Sent};
pub use inbound_webhook::InboundWebhook;
pub use mail_server::{MailReply, MailServer};
pub use receiver::{Receiver, Reply, Webhook, instant_now};
pub use text_server::TextServer;
pub use wait::{LONG, seconds_now, until};

/// How much the tests that can be made longer do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// A few seconds, for every run.
    Small,
    /// Minutes, to find what is rare: `SLUICE_TEST_SIZE=large`.
    Large,
}

impl Size {
    /// What `SLUICE_TEST_SIZE` says; small unless set.
    ///
    /// # Panics
    /// If it is neither `small` nor `large`.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the tests' own setting, not one of the gateway")]
    pub fn of_this_run() -> Self {
        match std::env::var("SLUICE_TEST_SIZE").as_deref() {
            Ok("large") => Self::Large,
            Ok("small") | Err(_) => Self::Small,
            Ok(other) => panic!("SLUICE_TEST_SIZE is small or large, not {other:?}"),
        }
    }
}
