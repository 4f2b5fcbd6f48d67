//! What is measured.

use std::{net::SocketAddr, time::Duration};

use super::{customer, webhook};
use crate::{clock, http::Connection, requests};

/// A call, or an event from its sending until it is done.
pub(super) struct Call {
    /// Its name in the table.
    pub(super) name: &'static str,
    /// How often it is made in a round.
    pub(super) turns: usize,
    ask: Ask,
}

enum Ask {
    /// A path under `/api/v1/`; `{}` is the customer.
    Read(&'static str),
    /// Something to put.
    Put(fn(&Asked) -> Vec<u8>),
    /// Something that happens, once what it is to find is there.
    Event { before: Option<fn(&Asked) -> Vec<u8>>, event: fn(&Asked) -> Result<webhook::Signed, String> },
}

/// Of what it is made.
pub(super) struct Asked {
    /// Given to no other.
    pub(super) number: u32,
    /// The customer.
    pub(super) tag: String,
    /// The server.
    pub(super) address: SocketAddr,
}

impl Asked {
    fn unique(&self) -> String {
        format!("m{}", self.number)
    }

    /// An amount of its own, in an invoice that only this payment is like.
    fn amount(&self) -> u32 {
        100_000 + self.number
    }

    fn invoice(&self) -> Vec<u8> {
        customer::invoice(&self.tag, &format!("m{}", self.number), self.amount())
    }
}

/// A word that none of the bookings has, so that all are looked through that one page looks at.
const RARE: &str = "bookings?status=cancelled&limit=50";

/// How often each is made in a round: often enough that its p99 is not simply the slowest one, which meets the disk at a bad moment in every store.
const READS: usize = 300;
const EVENTS: usize = 200;

const fn read(name: &'static str, path: &'static str) -> Call {
    Call { name, turns: READS, ask: Ask::Read(path) }
}

const fn put(name: &'static str, put: fn(&Asked) -> Vec<u8>) -> Call {
    Call { name, turns: EVENTS, ask: Ask::Put(put) }
}

const fn event(name: &'static str, event: fn(&Asked) -> Result<webhook::Signed, String>) -> Call {
    Call { name, turns: EVENTS, ask: Ask::Event { before: None, event } }
}

/// All that is measured: reads by key, lists with each filter by what a record belongs to and with some by a state, history; puts; and events whose records are found by id and by likeness.
pub(super) const ALL: &[Call] = &[
    read("get a booking", "bookings/b{}"),
    read("get a customer", "customers/c{}"),
    read("history of a booking", "bookings/b{}/history"),
    read("bookings", "bookings?limit=50"),
    read("bookings by state", "bookings?status=confirmed&limit=50"),
    read("bookings by a rare state", RARE),
    read("bookings by tenant", "bookings?tenant=t{}"),
    read("invoices by customer", "invoices?customer_id=c{}"),
    read("invoices by Stripe's customer", "invoices?stripe_customer_id=cus_{}"),
    read("a tenant's paid invoices", "invoices?tenant=t{}&status=paid"),
    read("payments by booking", "payments?booking_id=b{}"),
    read("payments by invoice", "payments?invoice_id=paid{}"),
    read("payments by Stripe's customer", "payments?stripe_customer_id=cus_{}"),
    read("transactions by booking", "transactions?booking_id=b{}"),
    read("customers by address", "customers?email=d{}@example.com"),
    read("customers by number", "customers?phone=%2B1{}"),
    read("customers by Stripe's id", "customers?stripe_customer_id=cus_{}"),
    read("customers by tenant", "customers?tenant=t{}"),
    read("tenants by Stripe's customer", "tenants?stripe_customer_id=cus_{}"),
    read("payment methods by customer", "payment-methods?customer_id=c{}"),
    read("payment methods by Stripe's", "payment-methods?stripe_customer_id=cus_{}"),
    read("messages by booking", "messages?booking_id=b{}"),
    read("messages to a number", "messages?to=%2B1{}"),
    read("messages from our number", "messages?from=%2B15035550100&limit=50"),
    read("orders by shop", "orders?shop=alder-studio-example.myshopify.com&limit=50"),
    read("orders by buyer", "orders?customer_id={}00001512"),
    read("products by shop", "products?shop=alder-studio-example.myshopify.com&limit=50"),
    read("shop customers by address", "shop-customers?email=d{}@example.com"),
    read("unmatched payments", "payments?unmatched=true&limit=50"),
    read("events", "inbound?limit=50"),
    read("find an event by its key", "inbound?provider=shopify&key=alder-studio-example.myshopify.com:orders/create:{}-1"),
    put("put a booking", |asked| customer::booking(&asked.tag, &format!("Dana Whitfield {}", asked.number))),
    put("put an invoice", Asked::invoice),
    event("a booking is paid", |asked| webhook::of_booking(&asked.tag, "payment_intent.succeeded", &asked.unique(), asked.address)),
    event("a booking is refunded", |asked| webhook::of_booking(&asked.tag, "charge.refunded", &asked.unique(), asked.address)),
    Call {
        name: "an invoice found by likeness",
        turns: EVENTS,
        ask: Ask::Event {
            before: Some(Asked::invoice),
            event: |asked| webhook::of_customer(&asked.tag, &asked.unique(), asked.amount(), asked.address),
        },
    },
    event("a text found by likeness", |asked| webhook::told(&asked.tag, "twilio", "sms-status.delivered", &asked.unique(), asked.address)),
    event("an order has changed", |asked| webhook::told(&asked.tag, "shopify", "orders/updated", &asked.unique(), asked.address)),
];

/// How long it takes.
pub(super) async fn time(call: &Call, asked: &Asked, connection: &mut Connection) -> Result<Duration, String> {
    match &call.ask {
        Ask::Read(path) => {
            let request = requests::page(&format!("/api/v1/{}", path.replace("{}", &asked.tag)));
            let start = clock::now();
            let answer = connection.call(&request).await?.success()?;
            let took = start.elapsed();
            // An answer that has nothing in it measures nothing.
            if answer.body.starts_with(b"{\"items\":[]") && *path != RARE { Err(format!("nothing is found: {path}")) } else { Ok(took) }
        }
        Ask::Put(put) => timed(&put(asked), connection).await,
        Ask::Event { before, event } => {
            if let Some(before) = before {
                connection.call(&before(asked)).await?.success()?;
            }
            let (request, id) = event(asked)?;
            let look = requests::page(&format!("/api/v1/inbound/{id}"));
            let start = clock::now();
            connection.call(&request).await?.success()?;
            loop {
                let answer = connection.call(&look).await?;
                if answer.status == 200 && is_done(&answer.body)? {
                    return Ok(start.elapsed());
                }
                if start.elapsed() > PATIENCE {
                    return Err(format!("the event {id} is not done after {PATIENCE:?}: {}", String::from_utf8_lossy(&answer.body)));
                }
            }
        }
    }
}

/// Far more than an event takes.
const PATIENCE: Duration = Duration::from_secs(30);

async fn timed(request: &[u8], connection: &mut Connection) -> Result<Duration, String> {
    let start = clock::now();
    connection.call(request).await?.success()?;
    Ok(start.elapsed())
}

/// Whether an event has come to a good end.
fn is_done(event: &[u8]) -> Result<bool, String> {
    let event: serde_json::Value = serde_json::from_slice(event).map_err(|error| format!("an event can't be read: {error}"))?;
    match event["status"].as_str() {
        Some("done") => Ok(true),
        Some("processing") => Ok(false),
        _ => Err(format!("an event has come to no good end: {event}")),
    }
}
