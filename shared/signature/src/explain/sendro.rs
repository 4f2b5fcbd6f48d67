use super::{Explained, Finding};
use crate::{Header, Message, Secret, Sendro};

impl Explained for Sendro {
    fn doubt_secret(&self, _: &Secret) -> Option<&'static str> {
        None
    }

    fn doubt_message(&self, message: &Message<'_>) -> Vec<Finding> {
        let is_event = serde_json::from_slice::<serde_json::Value>(message.body).is_ok_and(|event| event.is_object());
        if is_event { Vec::new() } else { vec![Finding::NoEvent] }
    }

    fn doubt_header(&self, message: &Message<'_>) -> Option<Finding> {
        let with_time = matches!(message.header(Self::HEADER), Header::Once(value) if value.starts_with(b"t="));
        with_time.then_some(Finding::Hint(
            "The signature has a time, which Sendro's do not: Sluice's own deliveries are signed so, and Stripe's libraries verify them.",
        ))
    }
}
