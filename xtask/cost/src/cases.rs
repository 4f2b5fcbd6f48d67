use crate::{EVENTS, bill::Bill, gateway::Gateway};

/// A kind of event whose cost is known.
#[derive(Debug)]
pub struct Case {
    /// What happens.
    pub name: &'static str,
    /// The most that a million of them are to cost, dollars.
    pub aim: Option<f64>,
    provider: &'static str,
    sample: &'static str,
    before: Before,
    /// Whether another status of the same text has come before.
    earlier: bool,
    mails: usize,
    changes: fn(&Gateway, booking: &str, intent: &str) -> Vec<String>,
}

/// What is there when the event comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    Booking,
    /// Of a customer whose number is known.
    BookingWithNumber,
    PaidBooking,
    /// Paid, with its text on the way.
    TextedBooking,
}

fn payment(_: &Gateway, booking: &str, intent: &str) -> Vec<String> {
    vec![format!("data.object.id={intent}"), format!("data.object.metadata.booking_id={booking}")]
}

fn refund(gateway: &Gateway, booking: &str, intent: &str) -> Vec<String> {
    vec![
        format!("data.object.id={}", gateway.fresh("ch_")),
        format!("data.object.payment_intent={intent}"),
        format!("data.object.metadata.booking_id={booking}"),
    ]
}

/// A number as long as Shopify's.
fn number(gateway: &Gateway) -> u64 {
    let digits = gateway.fresh("").bytes().fold(0_u64, |number, byte| number.wrapping_mul(31).wrapping_add(byte.into()));
    820_000_000_000_000_000 + digits % 1_000_000_000_000_000
}

fn order(gateway: &Gateway, _: &str, _: &str) -> Vec<String> {
    vec![format!("id={}", number(gateway))]
}

fn push(gateway: &Gateway, _: &str, _: &str) -> Vec<String> {
    vec![format!("after={}", gateway.fresh("0000000000000000")), format!("repository.id={}", number(gateway))]
}

/// Every kind, the cheapest first.
pub const CASES: &[Case] = &[
    Case {
        name: "only recorded (Stripe, a type without rules)",
        aim: Some(3.50),
        provider: "stripe",
        sample: "customer.created",
        before: Before::Nothing,
        earlier: false,
        mails: 0,
        changes: |_, _, _| vec!["type=topup.created".to_owned()],
    },
    Case {
        name: "first status of a text that was sent (Twilio)",
        aim: None,
        provider: "twilio",
        sample: "sms-status.sent",
        before: Before::TextedBooking,
        earlier: false,
        mails: 0,
        changes: |_, _, _| Vec::new(),
    },
    Case {
        name: "status of a text message (Twilio)",
        aim: Some(7.00),
        provider: "twilio",
        sample: "sms-status.delivered",
        before: Before::TextedBooking,
        earlier: true,
        mails: 0,
        changes: |_, _, _| Vec::new(),
    },
    Case {
        name: "a mail was opened, one record changed (Sendro)",
        aim: Some(7.00),
        provider: "sendro",
        sample: "email.opened",
        before: Before::Nothing,
        earlier: false,
        mails: 0,
        changes: |gateway, _, _| vec![format!("emailId={}", gateway.fresh("em_"))],
    },
    Case {
        name: "a new order, in the lists of all, of its shop and of its buyer, and one mail (Shopify)",
        aim: Some(9.50),
        provider: "shopify",
        sample: "orders/create",
        before: Before::Nothing,
        earlier: false,
        mails: 1,
        changes: order,
    },
    Case {
        name: "push, one record changed, with the digest of its body (GitHub)",
        aim: None,
        provider: "github",
        sample: "push",
        before: Before::Nothing,
        earlier: false,
        mails: 0,
        changes: push,
    },
    Case {
        name: "one record changed and one mail (charge.refunded of a charge without a payment intent)",
        aim: Some(7.00),
        provider: "stripe",
        sample: "charge.refunded",
        before: Before::PaidBooking,
        earlier: false,
        mails: 1,
        changes: |gateway, booking, intent| {
            let mut changes = refund(gateway, booking, intent);
            changes.push("data.object.payment_intent=null".to_owned());
            changes
        },
    },
    Case {
        name: "charge.refunded: booking and payment changed, and one mail",
        aim: Some(9.00),
        provider: "stripe",
        sample: "charge.refunded",
        before: Before::PaidBooking,
        earlier: false,
        mails: 1,
        changes: refund,
    },
    Case {
        name: "payment_intent.payment_failed: booking changed, a hold, a payment, and one mail",
        aim: None,
        provider: "stripe",
        sample: "payment_intent.payment_failed",
        before: Before::Booking,
        earlier: false,
        mails: 1,
        changes: payment,
    },
    Case {
        name: "payment_intent.succeeded with its transaction and one mail",
        aim: Some(9.00),
        provider: "stripe",
        sample: "payment_intent.succeeded",
        before: Before::Booking,
        earlier: false,
        mails: 1,
        changes: payment,
    },
    Case {
        name: "invoice.paid of an invoice that nobody put: invoice and payment",
        aim: None,
        provider: "stripe",
        sample: "invoice.paid.2024-06-20",
        before: Before::Nothing,
        earlier: false,
        mails: 0,
        changes: |gateway, _, intent| {
            vec![
                format!("data.object.id={}", gateway.fresh("in_")),
                format!("data.object.payment_intent={intent}"),
                // Payments of one customer and amount wait together, and these are not of one.
                format!("data.object.customer={}", gateway.fresh("cus_")),
            ]
        },
    },
    Case {
        name: "payment_intent.succeeded with its transaction and one text, whose id Twilio answers",
        aim: None,
        provider: "stripe",
        sample: "payment_intent.succeeded",
        before: Before::BookingWithNumber,
        earlier: false,
        mails: 1,
        changes: payment,
    },
    Case {
        name: "customer.subscription.updated: subscription and customer",
        aim: None,
        provider: "stripe",
        sample: "customer.subscription.updated",
        before: Before::Nothing,
        earlier: false,
        mails: 0,
        changes: |gateway, _, _| {
            vec![format!("data.object.id={}", gateway.fresh("sub_")), format!("data.object.customer={}", gateway.fresh("cus_"))]
        },
    },
    Case {
        name: "setup_intent.succeeded: payment method and customer",
        aim: None,
        provider: "stripe",
        sample: "setup_intent.succeeded",
        before: Before::Nothing,
        earlier: false,
        mails: 0,
        changes: |gateway, _, _| {
            vec![format!("data.object.payment_method={}", gateway.fresh("pm_")), format!("data.object.customer={}", gateway.fresh("cus_"))]
        },
    },
];

/// Runs the events of a kind and counts what they take.
pub(crate) async fn run(case: &Case) -> Result<Bill, String> {
    let mut gateway = Gateway::new().await?;
    let (mut before, mut events, mut texted) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..EVENTS {
        let (booking, intent) = (gateway.fresh("bk_"), gateway.fresh("pi_"));
        let phone = matches!(case.before, Before::BookingWithNumber | Before::TextedBooking)
            .then(|| format!("+1503{:07}", before.len() + events.len()));
        if case.before != Before::Nothing {
            gateway.put_booking(&booking, phone.as_deref()).await?;
        }
        if matches!(case.before, Before::PaidBooking | Before::TextedBooking) {
            before.push(gateway.sign("stripe", "payment_intent.succeeded", &payment(&gateway, &booking, &intent))?);
        }
        if case.before == Before::TextedBooking {
            texted.push(booking);
        } else {
            events.push(gateway.sign(case.provider, case.sample, &(case.changes)(&gateway, &booking, &intent))?);
        }
    }
    gateway.run(&before).await?;
    for booking in &texted {
        let sid = gateway.sid_of(booking)?;
        let changes = [format!("MessageSid={sid}"), format!("SmsSid={sid}")];
        if case.earlier {
            let earlier = gateway.sign_callback(booking, "sms-status.sent", &changes)?;
            gateway.run(&[earlier]).await?;
        }
        events.push(gateway.sign_callback(booking, case.sample, &changes)?);
    }
    let (stored, mails) = (gateway.stored(), gateway.mails());
    gateway.begin().await?;
    gateway.run(&events).await?;
    let told = gateway.mails() - mails;
    if told != case.mails * EVENTS {
        return Err(format!("{}: {told} mails instead of {}", case.name, case.mails * EVENTS));
    }
    Ok(gateway.end(stored).bill())
}
