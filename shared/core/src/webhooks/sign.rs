use std::collections::BTreeMap;

use sluice_signature::{CannotSign, Message, Scheme, Secret, StandardWebhooks, Stripe};

use crate::time::Timestamp;

/// How many headers are ours, at most.
const MOST_OF_OURS: usize = 8;

/// The header whose signature the libraries of Stripe verify.
pub(super) const PLAIN: &str = "X-Webhook-Signature";

/// The secrets that sign the webhooks of a subscription.
pub(crate) struct Signers {
    all: Vec<Secret>,
    /// Those of the plain form, whose verifiers know HMAC alone.
    symmetric: Vec<Secret>,
}

impl Signers {
    pub(crate) fn new(all: Vec<Secret>) -> Self {
        let symmetric = all.iter().filter(|secret| !secret.reveal().starts_with("whsk_")).cloned().collect();
        Self { all, symmetric }
    }
}

/// The headers of one attempt at `now`: Standard Webhooks with a signature by each secret, and the same in the plain form `t=…,v1=…`.
/// `own` are those of the subscription's owner.
pub(crate) fn attempt_headers(
    event: &str,
    kind: &str,
    delivery: &str,
    own: &BTreeMap<String, String>,
    body: &[u8],
    signers: &Signers,
    now: Timestamp,
) -> Result<Vec<(String, String)>, CannotSign> {
    let id = [("webhook-id", event.as_bytes())];
    let unsigned = Message { method: "POST", url: "", headers: &id, body };
    let standard = StandardWebhooks::new().sign(&unsigned, &signers.all, now.seconds())?;
    let plain = Stripe::new().sign(&unsigned, &signers.symmetric, now.seconds())?;
    // The owner's first: none of them can stand in for one of ours, which are refused when the subscription is made.
    let mut headers = Vec::with_capacity(own.len() + MOST_OF_OURS);
    headers.extend(own.iter().map(|(name, value)| (name.clone(), value.clone())));
    let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
    add("content-type", "application/json".to_owned());
    add("user-agent", concat!("Sluice/", env!("CARGO_PKG_VERSION")).to_owned());
    add("webhook-id", event.to_owned());
    standard.headers.into_iter().for_each(|(name, value)| add(name, value));
    plain.headers.into_iter().for_each(|(_, value)| add(PLAIN, value));
    add("X-Webhook-Event", kind.to_owned());
    add("X-Webhook-Delivery", delivery.to_owned());
    Ok(headers)
}

/// Whether a header is one that the owner of a subscription may have sent along.
pub(crate) fn is_free(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let ours =
        ["host", "content-type", "content-length", "user-agent", "connection", "transfer-encoding", "te", "trailer", "upgrade", "expect"];
    let reserved = ["webhook-", "x-webhook-", "svix-", "proxy-", "keep-alive"];
    !ours.contains(&name.as_str()) && !reserved.iter().any(|prefix| name.starts_with(prefix))
}
