use std::collections::BTreeMap;

use sluice_signature::{CannotSign, Message, Scheme, Secret, StandardWebhooks, Stripe};

use crate::time::Timestamp;

/// How many headers are ours, at most.
const MOST_OF_OURS: usize = 9;

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

/// The header that says whose event it is. It is none of what is signed: a body has the four fields that it is promised to have, and no other.
const OF_TENANT: &str = "webhook-tenant";

/// What one attempt is about.
#[derive(Clone, Copy)]
pub(crate) struct Attempted<'a> {
    /// The event's id.
    pub(crate) event: &'a str,
    /// Its type.
    pub(crate) kind: &'a str,
    /// Whose it is.
    pub(crate) tenant: Option<&'a str>,
    /// The delivery's id.
    pub(crate) delivery: &'a str,
}

/// The headers of one attempt at `now`: Standard Webhooks with a signature by each secret, and the same in the plain form `t=…,v1=…`.
/// `own` are those of the subscription's owner.
pub(crate) fn attempt_headers(
    Attempted { event, kind, tenant, delivery }: Attempted<'_>,
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
    tenant.into_iter().for_each(|tenant| add(OF_TENANT, tenant.to_owned()));
    Ok(headers)
}

/// What is set with every attempt, in lower case. What a signature is put into is the receiver's proof of it, under every name that it is known by.
const SET: [&str; 9] = [
    "content-type",
    "user-agent",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "x-webhook-signature",
    "x-webhook-event",
    "x-webhook-delivery",
    OF_TENANT,
];

/// What belongs to the connection, or to whoever passes it on (RFC 9110, section 7.6.1), and how the body is coded (8.4): it goes out as it is.
const OF_THE_CONNECTION: [&str; 10] =
    ["host", "content-length", "content-encoding", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect"];

/// Whether a header is one that the owner of a subscription may have sent along.
pub(crate) fn is_free(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // By the names of Svix its libraries find the signature, too.
    let reserved = ["svix-", "proxy-"];
    !SET.contains(&name.as_str()) && !OF_THE_CONNECTION.contains(&name.as_str()) && !reserved.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_may_set_what_is_not_set_already() {
        let signers = Signers::new(vec![Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]);
        let attempted = Attempted { event: "evt_1", kind: "a.b", tenant: Some("acme"), delivery: "dlv_1" };
        let set = attempt_headers(attempted, &BTreeMap::new(), b"{}", &signers, Timestamp::from_seconds(0));
        let mut set: Vec<_> = set.expect("it is signed").into_iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        set.sort_unstable();
        let mut refused = SET.to_vec();
        refused.sort_unstable();
        assert_eq!(set, refused);
        for name in ["X-Webhook-Code", "Webhook-Code", "Authorization", "X-Webhook-Events"] {
            assert!(is_free(name), "{name}");
        }
        for name in ["X-Webhook-Event", "Webhook-Id", "Svix-Id", "Host", "Keep-Alive", "Proxy-Authorization"] {
            assert!(!is_free(name), "{name}");
        }
    }
}
