//! The customers that the bench measures with, and all that belongs to one of them.

use std::net::SocketAddr;

use serde_json::json;

use super::webhook;
use crate::requests;

/// What makes the requests of one customer.
pub(super) type Phase = fn(&str, SocketAddr) -> Result<Vec<Vec<u8>>, String>;

/// The number that is in all names of a customer: ten digits, in no order, different for different customers (Knuth's multiplicative hash).
pub(super) fn tag(number: u32) -> String {
    (2_000_000_000 + u64::from(number.wrapping_mul(2_654_435_761))).to_string()
}

/// The requests of a customer, in steps of which each builds on those before.
pub(super) fn phases() -> [Phase; 3] {
    [puts, paid, told]
}

pub(super) fn booking(tag: &str, name: &str) -> Vec<u8> {
    let body = json!({
        "customer_name": name, "customer_email": format!("d{tag}@example.com"), "customer_phone": format!("+1{tag}"),
        "deposit_amount": 6000, "currency": "usd", "tenant": format!("t{tag}"),
    });
    requests::put(&format!("bookings/b{tag}"), &body)
}

pub(super) fn invoice(tag: &str, id: &str, amount: u32) -> Vec<u8> {
    let body = json!({
        "customer_id": format!("c{tag}"), "stripe_customer_id": format!("cus_{tag}"), "tenant": format!("t{tag}"), "amount": amount, "currency": "usd",
    });
    requests::put(&format!("invoices/{id}"), &body)
}

fn puts(tag: &str, _: SocketAddr) -> Result<Vec<Vec<u8>>, String> {
    let customer = json!({
        "name": "Dana Whitfield", "email": format!("d{tag}@example.com"), "phone": format!("+1{tag}"),
        "stripe_customer_id": format!("cus_{tag}"), "tenant": format!("t{tag}"),
    });
    let tenant = json!({ "name": "Alder Studio", "stripe_customer_id": format!("cus_{tag}") });
    Ok(vec![
        requests::put(&format!("customers/c{tag}"), &customer),
        requests::put(&format!("tenants/t{tag}"), &tenant),
        booking(tag, "Dana Whitfield"),
        invoice(tag, &format!("open{tag}"), 4900),
        invoice(tag, &format!("paid{tag}"), 5900),
    ])
}

/// A payment of the booking, one of an invoice, and one of nothing.
fn paid(tag: &str, address: SocketAddr) -> Result<Vec<Vec<u8>>, String> {
    Ok(vec![
        webhook::of_booking(tag, "payment_intent.succeeded", "1", address)?.0,
        webhook::of_customer(tag, "2", 5900, address)?.0,
        webhook::of_customer(tag, "3", 333, address)?.0,
    ])
}

/// What the other events say.
fn told(tag: &str, address: SocketAddr) -> Result<Vec<Vec<u8>>, String> {
    [
        ("stripe", "customer.created"),
        ("stripe", "customer.subscription.created"),
        ("stripe", "setup_intent.succeeded"),
        ("twilio", "sms-status.delivered"),
        ("shopify", "orders/create"),
        ("shopify", "customers/create"),
        ("shopify", "products/create"),
    ]
    .into_iter()
    .map(|(provider, sample)| Ok(webhook::told(tag, provider, sample, "1", address)?.0))
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_customers_share_a_tag() {
        let tags: HashSet<_> = (0..200_000).map(tag).collect();
        assert_eq!(tags.len(), 200_000);
        assert!(tags.iter().all(|tag| tag.len() == 10));
    }
}
