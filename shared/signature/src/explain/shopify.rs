use super::{Explained, Finding};
use crate::{Message, Secret, Shopify};

impl Explained for Shopify {
    fn doubt_secret(&self, secret: &Secret) -> Option<&'static str> {
        let text = secret.reveal();
        let is_token = ["shpat_", "shpca_", "shppa_", "shpua_", "shptka_"].iter().any(|prefix| text.starts_with(prefix));
        is_token.then_some("is an access token: use the app's client secret (also called API secret key).")
    }

    fn doubt_message(&self, message: &Message<'_>) -> Vec<Finding> {
        let is_event = serde_json::from_slice::<serde_json::Value>(message.body).is_ok_and(|event| event.is_object());
        let hint = Finding::Hint(
            "Webhooks made in a shop's admin, and its test notifications, are signed with the key shown on that page, not with an app's secret.",
        );
        if is_event { vec![hint] } else { vec![Finding::NoEvent, hint] }
    }

    fn headers(&self) -> Vec<&'static str> {
        vec![Self::HEADER, Self::EVENT_HEADER]
    }
}
