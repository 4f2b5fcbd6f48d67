use super::{Explained, Finding};
use crate::{GitHub, Header, Message, Secret};

impl Explained for GitHub {
    fn doubt_secret(&self, secret: &Secret) -> Option<&'static str> {
        let text = secret.reveal();
        if ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"].iter().any(|prefix| text.starts_with(prefix)) {
            return Some("is an access token: use the secret that was entered when the webhook was created.");
        }
        if text.starts_with("-----BEGIN") {
            return Some("is a private key: use the secret that was entered when the webhook was created.");
        }
        None
    }

    fn doubt_message(&self, message: &Message<'_>) -> Vec<Finding> {
        let is_form = message.body.starts_with(b"payload=");
        let is_event = is_form || serde_json::from_slice::<serde_json::Value>(message.body).is_ok_and(|event| event.is_object());
        if is_event { Vec::new() } else { vec![Finding::NoEvent] }
    }

    fn doubt_header(&self, message: &Message<'_>) -> Option<Finding> {
        if message.header(Self::HEADER) != Header::Absent {
            return None;
        }
        if message.header(Self::OLD_HEADER) != Header::Absent {
            return Some(Finding::OldHeaderOnly { header: Self::OLD_HEADER });
        }
        let unsigned = message.header("X-GitHub-Event") != Header::Absent;
        unsigned.then_some(Finding::Hint("GitHub signs only where the webhook has a secret: enter one in its settings."))
    }
}
