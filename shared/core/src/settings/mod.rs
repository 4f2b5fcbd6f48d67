//! Settings: environment variables, read once at start through a lookup that is handed in, all mistakes reported together.
//!
//! They come in sections. Each home, and on Lambda each room of it, puts together the sections that it needs, and so reads and demands nothing else.

mod ingest;
mod log;
mod machine;
mod outgoing;
mod queues;
mod reader;
mod rules;
mod stripe_api;
mod table;
mod tenants;
mod webhooks;

use std::fmt;

pub use ingest::IngestSettings;
pub use log::{LogFormat, LogSettings};
pub use machine::{Settings, read_api_keys};
pub use outgoing::{ChannelSettings, MailSettings, OutgoingSettings, SmsSettings};
pub use queues::{QueueSettings, read_max_receives, read_table};
pub use reader::Reader;
pub use rules::RuleSettings;
pub use stripe_api::StripeApiSettings;
pub use table::{Setting, TABLE};
pub use tenants::read_tenants;
pub use webhooks::WebhookSettings;

/// What Sluice runs as. It decides the defaults, and what may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// On a developer's machine: everything has a default, mails and texts are captured.
    Dev,
    /// In production on one machine: settings only.
    Serve,
    /// In production as functions on AWS Lambda: settings only, each function its own.
    Lambda,
}

/// The signing secret of Stripe that `dev` and `send` use unless told otherwise.
pub const DEV_SECRET: &str = "whsec_dev_stripe_only_for_this_machine";
/// The API key that `dev` uses unless told otherwise.
pub const DEV_API_KEY: &str = "sluice_dev_key_only_for_this_machine";

/// A mistake in the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting.
    pub setting: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)
    }
}

#[cfg(test)]
mod tests;
