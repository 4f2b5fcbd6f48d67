use std::time::Duration;

use super::{Explained, Finding};
use crate::{
    Header, Message, Secret, StandardWebhooks,
    standard::{BadKey, Key},
};

impl Explained for StandardWebhooks {
    fn doubt_secret(&self, secret: &Secret) -> Option<&'static str> {
        if secret.reveal().starts_with("v1,") {
            return Some("begins with v1, which is no part of the key: give what stands behind it, from whsec_ on.");
        }
        match secret.standard() {
            Ok(Key::Symmetric(key)) if key.length() < SHORTEST => Some("is shorter than the 24 bytes that the specification asks for."),
            Ok(Key::Private(_)) => Some("is a private key, which belongs to the sender: a receiver needs the public one, whpk_…."),
            Ok(_) => None,
            Err(BadKey::NoBase64) => Some(
                "is no base64 behind its prefix, so it is no key. Where a sender uses the text itself, give whsec_ and the text in base64.",
            ),
            Err(BadKey::Empty) => Some("has nothing behind its prefix."),
            Err(BadKey::TooLong) => Some("is longer than 128 bytes, which no sender's is."),
            Err(BadKey::NoPublicKey) => Some("is no ed25519 public key, which has 32 bytes."),
            Err(BadKey::NoPrivateKey) => Some("is no ed25519 private key."),
        }
    }

    fn within(&self, tolerance: Duration) -> Option<Box<dyn Explained>> {
        Some(Box::new(self.with_tolerance(tolerance)))
    }

    fn doubt_message(&self, message: &Message<'_>) -> Vec<Finding> {
        let header = Self::header_of(message);
        if header == Self::SVIX_HEADER && message.header(Self::HEADER) != Header::Absent {
            return vec![Finding::Hint(
                "The request has both svix-signature and webhook-signature; the first counts, with the headers of its kind.",
            )];
        }
        Vec::new()
    }

    fn headers(&self) -> Vec<&'static str> {
        vec!["webhook-id", "webhook-timestamp", Self::HEADER, "svix-id", "svix-timestamp", Self::SVIX_HEADER]
    }
}

/// Bytes of a symmetric key by the specification.
const SHORTEST: usize = 24;
