//! Which kinds of documents lie in a tenant's space, and which are the gateway's own: decided here, and nowhere else.

/// Where the documents of a kind lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belongs {
    /// With the gateway: one for all, whoever it is about. No rule writes it but as the event at hand.
    ToTheGateway,
    /// In a space: what rules read and write, and what is put.
    ToASpace,
}

use Belongs::{ToASpace, ToTheGateway};

/// Every kind. A [`Record`](crate::record::Record) of a kind that is missing here does not compile once its key is asked for.
pub const KINDS: &[(&str, Belongs)] = &[
    // Events and their bodies, whose tenant stands in the event.
    ("event", ToTheGateway),
    ("piece", ToTheGateway),
    // Webhooks out, which know tenants by themselves.
    ("published", ToTheGateway),
    ("webhook", ToTheGateway),
    ("webhook_entry", ToTheGateway),
    ("webhook_endpoint", ToTheGateway),
    ("webhook_deleted", ToTheGateway),
    ("webhook_mail", ToTheGateway),
    ("webhook_mails", ToTheGateway),
    ("delivery", ToTheGateway),
    ("job_tally", ToTheGateway),
    ("interest", ToTheGateway),
    // The API and the house.
    ("api_key", ToTheGateway),
    ("outbox", ToTheGateway),
    ("health", ToTheGateway),
    // Records.
    ("booking", ToASpace),
    ("invoice", ToASpace),
    ("transaction", ToASpace),
    ("customer", ToASpace),
    ("subscription", ToASpace),
    ("payment_method", ToASpace),
    ("message", ToASpace),
    ("order", ToASpace),
    ("product", ToASpace),
    ("shop", ToASpace),
    ("shop_customer", ToASpace),
    ("repository", ToASpace),
    // The record of a tenant is put by the operator, and the API reads it outside of all spaces; what a tenant's Stripe says of one stays with the tenant.
    ("tenant", ToASpace),
    // What records are found and completed by.
    ("history", ToASpace),
    ("phone", ToASpace),
    ("address", ToASpace),
    ("open_invoices", ToASpace),
    ("customers_invoices", ToASpace),
    ("delivered_body", ToASpace),
    // One that a tenant's events ring is silent for those events alone.
    ("alarm", ToASpace),
    // What a tenant's events have sent counts for that tenant alone.
    ("allowance", ToASpace),
];

/// Lists of the gateway's that are not named after the kind of what stands in them: the subscribers to a pattern.
const LISTS: &[&str] = &["match"];

/// Where the documents of a kind lie. One that nobody has decided about lies in the space: so nothing of it reaches outside.
pub(super) const fn of(kind: &str) -> Belongs {
    match find(kind) {
        Some(position) => KINDS[position].1,
        None => ToASpace,
    }
}

/// Whose the documents are that stand in a list that begins with this name.
pub(super) fn of_list(name: &str) -> Belongs {
    if LISTS.contains(&name) { ToTheGateway } else { of(name) }
}

/// Whether somebody has decided where the documents of a kind lie.
#[must_use]
pub const fn is_decided(kind: &str) -> bool {
    find(kind).is_some()
}

const fn find(kind: &str) -> Option<usize> {
    let mut position = 0;
    while position < KINDS.len() {
        if same(KINDS[position].0, kind) {
            return Some(position);
        }
        position += 1;
    }
    None
}

/// Comparing texts is not const.
const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::DUE;

    #[test]
    fn each_kind_is_decided_once_and_can_be_marked() {
        for (position, (kind, _)) in KINDS.iter().enumerate() {
            assert_eq!(find(kind), Some(position), "{kind}");
            assert!(kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') && *kind != DUE, "{kind}");
        }
        assert!(!is_decided("nobody_knows") && of("nobody_knows") == ToASpace && of_list("match") == ToTheGateway);
    }
}
