use std::{num::NonZeroU32, time::Duration};

use super::{ChannelSettings, Mode, Reader};
use crate::plan::{FailedTexts, Policy};

/// What decides something in the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleSettings {
    /// How long a booking is held after its first failed payment.
    pub hold: Duration,
    /// Whether Stripe's test-mode events change records.
    pub stripe_test_mode: bool,
    /// How many mails and texts what happens in the space of a tenant may have sent in an hour; `None` for any number.
    pub messages_of_a_tenant: Option<NonZeroU32>,
}

fn read_hold(reader: &mut Reader<'_>) -> Duration {
    let hold = reader.length("SLUICE_HOLD", Duration::from_hours(2));
    if !(Duration::from_secs(1)..=Duration::from_hours(365 * 24)).contains(&hold) {
        reader.problem("SLUICE_HOLD", "must be between 1s and 365d");
    }
    hold
}

impl RuleSettings {
    /// Reads them.
    pub fn read(reader: &mut Reader<'_>, mode: Mode) -> Self {
        let messages = reader.parsed("SLUICE_TENANT_MESSAGES", 200, "a whole number, the mails and texts of an hour; 0 for any number");
        Self {
            hold: read_hold(reader),
            stripe_test_mode: reader.switch("SLUICE_STRIPE_TEST_MODE", mode == Mode::Dev),
            messages_of_a_tenant: NonZeroU32::new(messages),
        }
    }

    /// The policy that they make together with the ways in which people can be told something.
    #[must_use]
    pub fn policy(&self, channels: ChannelSettings) -> Policy {
        Policy {
            hold: self.hold,
            stripe_test_mode: self.stripe_test_mode,
            mail: channels.mail,
            sms: channels.sms,
            messages_of_a_tenant: self.messages_of_a_tenant,
            failed_texts: FailedTexts::All,
        }
    }
}
