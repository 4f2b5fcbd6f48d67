//! The providers, each in one place: how they sign, what a new event of theirs needs, and the settings' names.

use std::time::Duration;

use sluice_core::time::Timestamp;
use sluice_signature::{
    GitHub, Secret, Sendro, Shopify, StandardWebhooks, Stripe, Twilio,
    explain::{Explained, Layout},
};

use crate::{draft::Draft, json::BadPath};

/// The secret that `sluice dev` verifies Stripe's signatures with unless told another. It is public, so it protects nothing.
pub const STRIPE_DEV_SECRET: &str = sluice_core::settings::DEV_SECRET;

/// What the commands need to know of a provider.
#[derive(Debug)]
pub struct Provider {
    /// The name in commands and paths, and of the folder under `events/`.
    pub name: &'static str,
    /// The environment variable that holds its secrets, separated by commas.
    pub secret_setting: &'static str,
    /// The secret used on this machine when none is set.
    pub dev_secret: &'static str,
    /// Reads one of its secrets, as it stands in the setting.
    pub secret: fn(text: &str) -> Secret,
    /// How it lays out its JSON.
    pub layout: Layout,
    /// Its scheme, with another tolerance than its own where one is given.
    pub scheme: fn(tolerance: Option<Duration>) -> Box<dyn Explained>,
    /// Makes another event of the same kind out of a sample.
    pub(crate) renew: fn(event: &mut Draft, new: &New) -> Result<(), BadPath>,
}

/// What makes an event a new one.
#[derive(Debug)]
pub(crate) struct New {
    /// Nothing else was ever given this number.
    pub(crate) random: u128,
    /// When it happens, in seconds since the Unix epoch.
    pub(crate) now: i64,
}

impl New {
    /// A random UUID (RFC 9562, version 4).
    fn uuid(&self) -> String {
        let mut bytes = self.random.to_be_bytes();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex = format!("{:032x}", u128::from_be_bytes(bytes));
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }

    /// A number that every JSON reader reads exactly.
    fn small(&self) -> i64 {
        i64::try_from(self.random & 0xf_ffff_ffff_ffff).expect("52 bits")
    }

    /// RFC 3339.
    fn time(&self) -> String {
        Timestamp::from_seconds(self.now).to_string()
    }
}

/// Every provider. A new one is added here, with its samples in [`crate::samples::SAMPLES`].
pub static PROVIDERS: &[Provider] = &[
    Provider {
        name: "stripe",
        secret_setting: "STRIPE_WEBHOOK_SECRET",
        dev_secret: STRIPE_DEV_SECRET,
        secret: whole,
        layout: Layout::Stripe,
        scheme: |tolerance| {
            let stripe = Stripe::new();
            Box::new(tolerance.map_or(stripe, |tolerance| stripe.with_tolerance(tolerance)))
        },
        renew: |event, new| {
            event.set_text("id", &format!("evt_1{}", base62(new.random)))?;
            event.set_number("created", new.now)
        },
    },
    Provider {
        name: "twilio",
        secret_setting: "TWILIO_AUTH_TOKEN",
        dev_secret: "dev_twilio_token_only_for_this_machine",
        secret: Twilio::secret,
        layout: Layout::Compact,
        scheme: |_| Box::new(Twilio::new()),
        renew: |event, new| {
            event.set_header("I-Twilio-Idempotency-Token", new.uuid());
            for (name, prefix) in [("MessageSid", "SM"), ("SmsSid", "SM"), ("SmsMessageSid", "SM"), ("CallSid", "CA")] {
                if event.has(name) {
                    event.set_text(name, &format!("{prefix}{:032x}", new.random))?;
                }
            }
            Ok(())
        },
    },
    Provider {
        name: "github",
        secret_setting: "GITHUB_WEBHOOK_SECRET",
        dev_secret: "dev_github_secret_only_for_this_machine",
        secret: whole,
        layout: Layout::Compact,
        scheme: |_| Box::new(GitHub::new()),
        renew: |event, new| {
            event.set_header("X-GitHub-Delivery", new.uuid());
            // What has the same body is the same event.
            for path in ["after", "head_commit.id", "commits.0.id"] {
                if event.has(path) {
                    event.set_text(path, &format!("{:040x}", new.random))?;
                }
            }
            for path in ["issue.id", "pull_request.id", "release.id", "hook_id"] {
                if event.has(path) {
                    event.set_number(path, new.small())?;
                }
            }
            Ok(())
        },
    },
    Provider {
        name: "shopify",
        secret_setting: "SHOPIFY_WEBHOOK_SECRET",
        dev_secret: "dev_shopify_secret_only_for_this_machine",
        secret: whole,
        layout: Layout::Compact,
        scheme: |_| Box::new(Shopify::new()),
        renew: |event, new| {
            event.set_header("X-Shopify-Webhook-Id", new.uuid());
            event.set_header("X-Shopify-Event-Id", New { random: !new.random, ..*new }.uuid());
            event.set_header("X-Shopify-Triggered-At", new.time());
            Ok(())
        },
    },
    Provider {
        name: "sendro",
        secret_setting: "SENDRO_WEBHOOK_SECRET",
        dev_secret: "dev_sendro_secret_only_for_this_machine",
        secret: whole,
        layout: Layout::Compact,
        scheme: |_| Box::new(Sendro::new()),
        renew: |event, new| {
            event.set_text("emailId", &format!("em_{}", base62(new.random)))?;
            event.set_text("timestamp", &new.time())
        },
    },
    Provider {
        name: "standard",
        secret_setting: "STANDARD_WEBHOOK_SECRET",
        dev_secret: "whsec_ZGV2X29ubHlfZm9yX3RoaXNfbWFjaGluZQ==",
        secret: whole,
        layout: Layout::Compact,
        scheme: |tolerance| {
            let standard = StandardWebhooks::new();
            Box::new(tolerance.map_or(standard, |tolerance| standard.with_tolerance(tolerance)))
        },
        renew: |event, new| {
            event.set_header("webhook-id", format!("msg_{}", base62(new.random)));
            event.set_text("timestamp", &new.time())
        },
    },
];

fn whole(text: &str) -> Secret {
    Secret::new(text)
}

impl Provider {
    /// The provider of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        PROVIDERS.iter().find(|provider| provider.name == name)
    }
}

/// 22 letters and digits, different for different numbers.
fn base62(mut number: u128) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut digits = ['0'; 22];
    for digit in digits.iter_mut().rev() {
        let rest = usize::try_from(number % 62).expect("less than 62");
        *digit = char::from(DIGITS[rest]);
        number /= 62;
    }
    digits.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dev_secret_signs() {
        use sluice_signature::Message;
        for provider in PROVIDERS {
            let headers = [("webhook-id", &b"msg_1"[..])];
            let unsigned = Message { method: "POST", url: "http://127.0.0.1:3000/", headers: &headers, body: b"{}" };
            let scheme = (provider.scheme)(None);
            let secret = (provider.secret)(provider.dev_secret);
            let signed = scheme.sign(&unsigned, std::slice::from_ref(&secret), 1).expect(provider.name);
            let headers: Vec<_> = headers.into_iter().chain(signed.headers.iter().map(|(name, value)| (*name, value.as_bytes()))).collect();
            let url = signed.url.as_deref().unwrap_or(unsigned.url);
            let message = Message { url, headers: &headers, ..unsigned };
            assert!(scheme.verify(&message, &[secret], 1).is_ok(), "{}", provider.name);
        }
    }

    #[test]
    fn uuids_are_of_version_4() {
        assert_eq!(New { random: 1, now: 0 }.uuid(), "00000000-0000-4000-8000-000000000001");
        assert_eq!(New { random: u128::MAX, now: 0 }.uuid(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn base62_has_room_for_every_number() {
        assert_eq!(base62(0), "0".repeat(22));
        assert_eq!(base62(61), format!("{}z", "0".repeat(21)));
        assert_eq!(base62(u128::MAX).len(), 22);
        assert_ne!(base62(u128::MAX), base62(u128::MAX - 62_u128.pow(21)));
    }
}
