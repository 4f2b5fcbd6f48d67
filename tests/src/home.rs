use std::time::Duration;

use serde_json::Value;

use crate::{Answer, Booking, Client, Event, InboundWebhook, LONG, wait::until_or};

/// How something was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// A mail.
    Mail,
    /// A text message.
    Text,
}

/// Something that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// How.
    pub channel: Channel,
    /// To which address or number.
    pub to: String,
    /// A mail's subject; empty for a text.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The id of the event record that caused it, where the channel carries it.
    pub event: Option<String>,
}

/// A gateway that runs, wherever it does.
pub trait Home: Sync {
    /// A client with an API key that may do everything.
    fn client(&self) -> Client;

    /// A secret that Stripe's events without a source are signed with.
    fn secret(&self) -> &str;

    /// A secret that a provider's webhooks without a source are signed with, as it stands in the setting.
    fn secret_of(&self, provider: &str) -> String;

    /// The address under which it believes to be reached by providers.
    fn public_url(&self) -> String;

    /// Everything that was sent; what went the same way, in order.
    fn sent(&self) -> Vec<Sent>;

    /// How long something may take, of which nothing more is said.
    fn limit(&self) -> Duration {
        LONG
    }

    /// Delivers an event as Stripe would.
    #[track_caller]
    fn deliver(&self, event: &Event) -> Answer {
        self.client().webhook("/webhooks/stripe", &event.signed(self.secret()))
    }

    /// Takes a webhook in, as its provider sends it.
    #[track_caller]
    fn receive(&self, webhook: &InboundWebhook) -> Answer {
        self.client().webhook(webhook.path(), &webhook.signed(&self.secret_of(webhook.provider()), &self.public_url()))
    }

    /// Puts a booking.
    #[track_caller]
    fn put(&self, booking: &Booking) -> Answer {
        self.client().put(&booking.path(), &booking.body)
    }

    /// A booking as it is.
    #[track_caller]
    fn booking(&self, booking: &Booking) -> Value {
        self.client().get(&booking.path()).expect(200).json()
    }

    /// The record of an event, once it has come to its end.
    #[track_caller]
    fn settled(&self, event: &Event) -> Value {
        self.settled_as(&event.inbound_id())
    }

    /// The event record of that id, once it has come to its end.
    #[track_caller]
    fn settled_as(&self, id: &str) -> Value {
        let path = format!("/api/v1/inbound/{id}");
        let mut last = String::new();
        let settled = until_or("an event to come to its end", self.limit(), || {
            let answer = self.client().get(&path);
            last = answer.text();
            let record = (answer.status == 200).then(|| answer.json())?;
            (record["status"] != "processing" && !has_pending(&record)).then_some(record)
        });
        settled.unwrap_or_else(|in_vain| panic!("{in_vain}: {last}"))
    }

    /// Delivers an event and waits for its end.
    #[track_caller]
    fn process(&self, event: &Event) -> Value {
        self.deliver(event).expect(200);
        self.settled(event)
    }

    /// What was sent to the customer of a booking, in order.
    fn sent_to(&self, booking: &Booking) -> Vec<Sent> {
        self.sent().into_iter().filter(|sent| sent.to == booking.email() || sent.to == booking.phone()).collect()
    }
}

fn has_pending(record: &Value) -> bool {
    record["effects"].as_array().is_some_and(|effects| effects.iter().any(|effect| effect["state"] == "pending"))
}
