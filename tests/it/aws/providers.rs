//! Each provider's function: its routes, its secret, and bodies as the gateway hands them over.

use sluice_core::provider;
use sluice_tests::{Home, InboundWebhook, aws::Stack};

/// A function of each provider but Stripe, and a sample that it takes in.
pub(super) const OTHERS: [(&str, &str, &str); 6] = [
    ("Twilio", "twilio", "sms-status.delivered"),
    ("GitHub", "github", "push.form"),
    ("Shopify", "shopify", "orders/create"),
    ("Sendro", "sendro", "email.delivered"),
    ("Standard", "standard", "user.created"),
    ("Slack", "slack", "slash_command"),
];

#[test]
#[ignore = "wants a deployed stack: cargo xtask e2e"]
fn every_provider_has_a_function_that_takes_its_webhooks_in() {
    let stack = Stack::shared("sluice");
    for (_, name, sample) in OTHERS {
        let webhook = InboundWebhook::sample(name, sample);
        stack.receive(&webhook).expect(200);
        let refused = provider::by_name(name).expect("a provider").refused();
        drop(stack.client().webhook(webhook.path(), &webhook.unsigned()).expect(refused.as_u16()));
        let record = stack.settled_as(&webhook.inbound_id());
        let kind = match sample {
            "sms-status.delivered" => "message.delivered",
            "push.form" => "push",
            named_alike => named_alike,
        };
        assert_eq!((&record["status"], &record["type"]), (&"done".into(), &kind.into()));
    }
}
