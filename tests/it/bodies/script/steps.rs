//! The script, out of the samples. Its people and things have the samples' names, or end in `STORY`; its times are a year before the samples'.

use serde_json::{Value, json};
use sluice_tests::InboundWebhook;

use super::cast::STORY;

/// The year of all that the providers date.
pub(super) const YEAR: u16 = 2025;
/// The year of the samples, and its length in seconds.
const OF_SAMPLES: u16 = 2026;
const A_YEAR: i64 = 365 * 24 * 60 * 60;

/// One thing that happens.
pub(super) enum Step {
    /// A webhook, under the label that it goes by in the end.
    Event(&'static str, InboundWebhook),
    /// One that has come before.
    Again(InboundWebhook),
    /// A status of the text that was sent about a booking.
    OfOwnText(&'static str, &'static str, InboundWebhook),
    /// A put of a record that was not put before: the path and the body.
    Put(&'static str, Value),
}

use Step::{Again, Event, OfOwnText, Put};

/// All of it, in order.
pub(super) fn steps() -> Vec<Step> {
    [booking(), texts(), invoices(), likeness(), subscriptions(), mails(), shop(), people(), repository(), others()]
        .into_iter()
        .flatten()
        .collect()
}

/// A sample a year earlier.
fn sample(provider: &str, name: &str) -> InboundWebhook {
    InboundWebhook::sample(provider, name).rewritten(a_year_earlier)
}

fn a_year_earlier(text: &str) -> String {
    let mut told = String::new();
    let mut rest = text.replace(&format!("{OF_SAMPLES}-"), &format!("{YEAR}-"));
    while let Some(at) = rest.find(|character: char| character.is_ascii_digit()) {
        let length = rest[at..].bytes().take_while(u8::is_ascii_digit).count();
        let (digits, behind) = (&rest[at..at + length], &rest[at + length..]);
        told.push_str(&rest[..at]);
        // Whole seconds of the samples' year: no other number of theirs looks like that.
        match digits.parse::<i64>() {
            Ok(seconds) if (1_790_000_000..1_800_000_000).contains(&seconds) => told.push_str(&(seconds - A_YEAR).to_string()),
            _ => told.push_str(digits),
        }
        rest = behind.to_owned();
    }
    told + &rest
}

fn stripe(label: &str, name: &str) -> InboundWebhook {
    sample("stripe", name).set("/id", format!("evt_{label}_{STORY}"))
}

/// A payment, or a charge, of the booking.
fn of(booking: &str, webhook: InboundWebhook) -> InboundWebhook {
    webhook.set("/data/object/metadata", json!({ "booking_id": booking }))
}

/// A payment that is no booking's.
fn payment(label: &str, name: &str, intent: &str, amount: i64) -> InboundWebhook {
    let webhook = stripe(label, name).set("/data/object/metadata", json!({})).set("/data/object/id", intent);
    webhook.set("/data/object/amount", amount).set("/data/object/amount_received", amount)
}

/// A status of a text that has this id at Twilio.
fn text(status: &str, sid: &str) -> InboundWebhook {
    sample("twilio", &format!("sms-status.{status}")).set("MessageSid", sid).set("SmsSid", sid)
}

fn shopify(label: &str, topic: &str) -> InboundWebhook {
    sample("shopify", topic).header("X-Shopify-Webhook-Id", format!("{label}-{STORY}"))
}

fn github(label: &str, name: &str) -> InboundWebhook {
    sample("github", name).header("X-GitHub-Delivery", format!("{label}-{STORY}"))
}

/// What is heard of a booking before it is put, twice, and after its time; and of one that is never put.
fn booking() -> Vec<Step> {
    const BOOKING: &str = "b1-STORY";
    let part = of(BOOKING, stripe("refunded_in_part", "charge.refunded.partial"));
    let failed = of(BOOKING, stripe("failed", "payment_intent.payment_failed"));
    let paid = of(BOOKING, stripe("paid", "payment_intent.succeeded"));
    let whole = of(BOOKING, stripe("refunded", "charge.refunded"));
    let unknown = of("b2-STORY", stripe("unknown_booking", "payment_intent.succeeded.2020-08-27")).set("/data/object/id", "pi_b2_STORY");
    let put = json!({
        "customer_name": "Dana Whitfield", "customer_email": "dana.whitfield@example.com", "customer_phone": "+15035550142",
        "deposit_amount": 6000, "currency": "usd", "starts_at": "2025-12-24T18:00:00Z", "tenant": "t1-STORY", "metadata": { "boat": "Heron" },
    });
    vec![
        Event("refunded_in_part", part.clone()),
        Event("failed", failed.clone()),
        Put("bookings/b1-STORY", put),
        Event("paid", paid.clone()),
        Again(failed),
        Event("refunded", whole),
        Again(part),
        Event("refund_failed", stripe("refund_failed", "refund.failed")),
        Event("unknown_booking", unknown),
        Again(paid),
    ]
}

/// Texts of Sluice's own and of others, and who writes and calls.
fn texts() -> Vec<Step> {
    const OWN: &str = "SM2e541c3a9012c0f462cb5535e64cd299";
    let undelivered = text("undelivered", "SM-other-STORY");
    let reminder = json!({
        "external_id": "SM-reminder-STORY", "channel": "sms", "direction": "outbound", "to": "+15035550142", "booking_id": "b1-STORY",
    });
    vec![
        OfOwnText("own_delivered", "b1-STORY", text("delivered", OWN)),
        OfOwnText("own_sent", "b1-STORY", text("sent", OWN)),
        Event("other_undelivered", undelivered.clone()),
        Event("other_sending", text("sending", "SM-other-STORY")),
        Event("reminder_sent", text("sent", "SM-reminder-STORY")),
        Put("messages/reminder-STORY", reminder),
        Event("reminder_delivered", text("delivered", "SM-reminder-STORY")),
        Again(undelivered),
        Event("text_in", sample("twilio", "sms")),
        Event("called", sample("twilio", "voice").set("CallStatus", "completed")),
        Event("calling", sample("twilio", "voice")),
    ]
}

/// Invoices of Stripe's: one that is put under its id after it was paid, and one that is never put.
fn invoices() -> Vec<Step> {
    const INTENT: &str = "pi_3SVfR3J8rWc2LdKe0mVx7KtQ";
    let refunded = stripe("invoice_refunded", "charge.refunded")
        .set("/data/object/metadata", json!({}))
        .set("/data/object/id", "ch_3SVfR3J8rWc2LdKe0cWn5RbY")
        .set("/data/object/payment_intent", INTENT)
        .set("/data/object/amount", 4900)
        .set("/data/object/amount_refunded", 4900);
    let paid = stripe("invoice_paid", "invoice.paid");
    vec![
        Event("invoice_refunded", refunded),
        Event("invoice_payment", stripe("invoice_payment", "invoice_payment.paid")),
        Event("invoice_paid", paid.clone()),
        Put("invoices/in_1SVfR3J8rWc2LdKeG6mSx1Yc", json!({ "customer_id": "c1-STORY", "amount": 4900, "currency": "usd" })),
        Event("invoice_intent", payment("invoice_intent", "payment_intent.succeeded", INTENT, 4900)),
        Event("invoice_failed", stripe("invoice_failed", "invoice.payment_failed")),
        Again(paid),
    ]
}

/// Invoices of the business: one that is found by likeness, one that was put with its payment, one whose payment comes to less; and payments of nothing
/// that is known.
fn likeness() -> Vec<Step> {
    let customer = json!({
        "name": "Dana Whitfield", "email": "dana.whitfield@example.com", "phone": "+15035550142",
        "stripe_customer_id": "cus_TkV3mXq8ZrB1Na", "tenant": "t1-STORY",
    });
    let like =
        json!({ "customer_id": "c1-STORY", "amount": 5900, "currency": "usd", "tenant": "t1-STORY", "due_at": "2025-12-01T00:00:00Z" });
    let named = json!({ "customer_id": "c1-STORY", "amount": 7500, "currency": "usd", "stripe_payment_intent_id": "pi_named_STORY" });
    let more = json!({ "customer_id": "c1-STORY", "amount": 9000, "currency": "usd", "stripe_payment_intent_id": "pi_part_STORY" });
    let tapped = payment("tapped", "payment_intent.succeeded", "pi_named_STORY", 7500);
    let tapped = tapped.set("/data/object/payment_method_types", json!(["card_present"])).set("/data/object/latest_charge", Value::Null);
    vec![
        Put("invoices/INV-1-STORY", like),
        Event("like", payment("like", "payment_intent.succeeded.2020-08-27", "pi_like_STORY", 5900)),
        Put("customers/c1-STORY", customer),
        Event("tapped", tapped),
        Event("tap_failed", payment("tap_failed", "payment_intent.payment_failed", "pi_named_STORY", 7500)),
        Put("invoices/INV-2-STORY", named),
        Put("invoices/INV-3-STORY", more),
        Event("part", payment("part", "payment_intent.succeeded", "pi_part_STORY", 4000)),
        Event("of_nothing", payment("of_nothing", "payment_intent.succeeded", "pi_nothing_STORY", 333)),
        Event("failed_of_nothing", payment("failed_of_nothing", "payment_intent.payment_failed.2020-08-27", "pi_failed_STORY", 444)),
    ]
}

/// A customer, a tenant, and the subscription that it checks out.
fn subscriptions() -> Vec<Step> {
    let bought = |label, name| {
        let session = stripe(label, name).set("/data/object/subscription", "sub_1SUW2hJ8rWc2LdKeA3yPk9Vf");
        session.set("/data/object/client_reference_id", "t1-STORY")
    };
    let created = stripe("customer_created", "customer.created");
    let moved = stripe("customer_updated", "customer.created")
        .set("/type", "customer.updated")
        .set("/data/object/phone", "+15035550142")
        .set("/data/object/name", "Dana Whitfield-Alder")
        .set("/data/previous_attributes", json!({ "name": "Dana Whitfield" }));
    let deleted = stripe("unsubscribed", "customer.subscription.deleted");
    vec![
        Event("customer_updated", moved),
        Event("renewed", stripe("renewed", "customer.subscription.updated")),
        Event("checked_out", bought("checked_out", "checkout.session.completed.unpaid")),
        Event("bought", bought("bought", "checkout.session.async_payment_succeeded")),
        Put("tenants/t1-STORY", json!({ "name": "Alder Studio" })),
        Put("tenants/t2-STORY", json!({ "name": "Birch Studio", "stripe_customer_id": "cus_TkV3mXq8ZrB1Na" })),
        Event("unsubscribed", deleted.clone()),
        Event("subscribed", stripe("subscribed", "customer.subscription.created")),
        Event("customer_created", created),
        Event("set_up", stripe("set_up", "setup_intent.succeeded")),
        Event("not_set_up", stripe("not_set_up", "setup_intent.setup_failed")),
        Again(deleted),
    ]
}

/// A mail that is opened before it is delivered, and bounces.
fn mails() -> Vec<Step> {
    let mail = |kind: &str| sample("sendro", &format!("email.{kind}")).set("/data/to", "eve-STORY@example.com");
    let put =
        json!({ "external_id": "em_4BhSRRRyjZKmUjFKsQcwWx", "channel": "email", "direction": "outbound", "to": "eve-STORY@example.com" });
    vec![
        Event("opened", mail("opened")),
        Put("messages/mail-STORY", put),
        Event("delivered", mail("delivered")),
        Event("bounced", mail("bounced")),
        Again(mail("opened")),
    ]
}

/// An order and a product in any order.
fn shop() -> Vec<Step> {
    let paid = shopify("order_paid", "orders/paid");
    vec![
        Event("shop_updated", shopify("shop_updated", "app/uninstalled").header("X-Shopify-Topic", "shop/update")),
        Event("order_fulfilled", shopify("order_fulfilled", "orders/fulfilled")),
        Event("order_created", shopify("order_created", "orders/create")),
        Event("order_paid", paid.clone()),
        Event("order_updated", shopify("order_updated", "orders/updated")),
        Event("product_updated", shopify("product_updated", "products/update")),
        Event("product_created", shopify("product_created", "products/create")),
        Again(paid),
    ]
}

/// A customer of the shop who asks what is held and is then erased with an order, which comes once more; and the shop, which leaves.
fn people() -> Vec<Step> {
    const ORDER: u64 = 820_982_911_946_154_614;
    let order = |label: &str, topic: &str| shopify(label, topic).set("/id", ORDER);
    let redact = shopify("redact", "customers/redact").set("/orders_to_redact", json!([ORDER]));
    vec![
        Event("person_updated", shopify("person_updated", "customers/update")),
        Event("person_created", shopify("person_created", "customers/create")),
        Event("other_order", order("other_order", "orders/create")),
        Event("data_request", shopify("data_request", "customers/data_request")),
        Event("redact", redact),
        Event("other_order_paid", order("other_order_paid", "orders/paid")),
        Event("uninstalled", shopify("uninstalled", "app/uninstalled")),
    ]
}

/// A repository: a pull request that is closed before it is opened, and a push that somebody sends once more under another id.
fn repository() -> Vec<Step> {
    let closed = github("closed", "pull_request.opened")
        .set("/action", "closed")
        .set("/pull_request/state", "closed")
        .set("/pull_request/updated_at", "2025-11-23T12:00:00Z");
    vec![
        Event("pushed", github("pushed", "push")),
        Event("closed", closed),
        Event("pull_request", github("pull_request", "pull_request.opened")),
        Event("pushed_twin", github("pushed_twin", "push")),
        Event("released", github("released", "release.published")),
        Event("issue", github("issue", "issues.opened")),
    ]
}

/// Who has no records; and the customer, who wants no more texts.
fn others() -> Vec<Step> {
    let stop = sample("twilio", "sms.stop").set("MessageSid", "SM-stop-STORY").set("SmsSid", "SM-stop-STORY");
    let user = sample("standard", "user.created").header("webhook-id", format!("msg_user_{STORY}"));
    let said = sample("slack", "message").set("/event_id", format!("Ev{STORY}"));
    vec![Event("user", user), Event("said", said), Event("stop", stop)]
}
