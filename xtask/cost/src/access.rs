//! What each access to the records takes of the table, with so many customers in it.

use serde_json::{Value, json};
use sluice_aws::capacity::Units;

use crate::gateway::Gateway;

/// Customers that are accessed; all others are only there.
const ASKED: usize = 7;
const HELD: usize = 8;
/// What is read: by key, and along each index. A page is small, so that no list ends within it.
const READS: &[&str] = &[
    "bookings/b00007",
    "bookings/b00007/history",
    "bookings?limit=2",
    "bookings?status=confirmed&limit=2",
    "bookings?unmatched=true&limit=2",
    "bookings?tenant=t00007",
    "invoices/i00007",
    "invoices?limit=2",
    "invoices?customer_id=c00007",
    "invoices?stripe_customer_id=cus_00007",
    "invoices?tenant=t00007&status=paid",
    "payments?limit=2",
    "payments?unmatched=true&limit=2",
    "payments?booking_id=b00007",
    "payments?invoice_id=i00007",
    "payments?stripe_customer_id=cus_00007&limit=2",
    "payments?stripe_customer_id=cus_00007&method=stripe_online&limit=2",
    "transactions?limit=2",
    "transactions?booking_id=b00007",
    "customers/c00007",
    "customers?limit=2",
    "customers?stripe_customer_id=cus_00007",
    "customers?email=d00007@example.com",
    "customers?phone=%2B15030000007",
    "customers?tenant=t00007",
    "tenants/t00007",
    "tenants?limit=2",
    "tenants?stripe_customer_id=cus_00007",
    "tenants?stripe_subscription_id=sub_00007",
    "payment-methods?limit=2",
    "payment-methods?customer_id=c00007",
    "payment-methods?stripe_customer_id=cus_00007",
    "messages?limit=2",
    "messages?booking_id=b00007",
    "messages?to=%2B15030000007",
    "messages?from=%2B15040000007",
    "orders/820000000000000007",
    "orders?limit=2",
    "orders?shop=alder-studio-example.myshopify.com&limit=2",
    "orders?customer_id=5100000000007",
    "products?limit=2",
    "products?shop=alder-studio-example.myshopify.com&limit=2",
    "shop-customers?limit=2",
    "shop-customers?email=d00007@example.com",
    "shops/alder-studio-example.myshopify.com",
    "repositories?limit=2",
    "repositories?full_name=acme/site00007",
    "inbound?limit=2",
    "inbound?provider=stripe&key=evt_paid_00007",
];

/// What each access takes: reads, puts, events whose records are found by id and by likeness, and what falls due.
///
/// # Errors
/// What did not come out as it should.
pub fn accesses(customers: usize) -> Result<Vec<(&'static str, Units)>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(async {
        let mut gateway = Gateway::new().await?;
        for number in 0..customers {
            settle_in(&mut gateway, number).await?;
        }
        measure(&mut gateway).await
    })
}

async fn measure(gateway: &mut Gateway) -> Result<Vec<(&'static str, Units)>, String> {
    let mut taken = Vec::new();
    for path in READS {
        gateway.begin().await?;
        let found = gateway.read(path).await?;
        if found["items"].as_array().is_some_and(Vec::is_empty) && !path.contains("bookings?unmatched") {
            return Err(format!("{path} shows nothing"));
        }
        taken.push((*path, gateway.units()));
    }
    let other = |number: usize| ASKED + 2 + number;
    gateway.begin().await?;
    gateway.put(&format!("bookings/b{:05}", other(0)), &booking(other(0))).await?;
    taken.push(("put a booking", gateway.units()));
    gateway.begin().await?;
    gateway.put("invoices/new", &json!({ "customer_id": format!("c{:05}", other(1)), "amount": 7900, "currency": "usd" })).await?;
    taken.push(("put an invoice", gateway.units()));

    let paid = [payment(gateway, "again", &format!("b{:05}", other(2)), other(2), 6000)?];
    let like = [payment(gateway, "like", "", other(1), 7900)?];
    let text = [status(gateway, other(3), "f")?];
    let order = [gateway.sign("shopify", "orders/updated", &[format!("id=82000000000{:07}", other(4))])?];
    for (name, event) in [
        ("a booking is paid", paid),
        ("an invoice found by likeness", like),
        ("a text found by likeness", text),
        ("an order has changed", order),
    ] {
        gateway.begin().await?;
        gateway.run(&event).await?;
        taken.push((name, gateway.units()));
    }
    if gateway.read("invoices/new").await?["status"] != "paid" {
        return Err("the invoice was not found by likeness".to_owned());
    }

    let failed = [failure(gateway, HELD)?];
    gateway.run(&failed).await?;
    gateway.pass_hold();
    gateway.begin().await?;
    gateway.sweep().await?;
    taken.push(("a hold ends", gateway.units()));
    if gateway.read(&held_path()).await?["status"] != "cancelled" {
        return Err("the hold has not ended".to_owned());
    }
    Ok(taken)
}

fn held_path() -> String {
    format!("bookings/h{HELD:05}")
}

fn booking(number: usize) -> Value {
    json!({
        "tenant": format!("t{number:05}"),
        "customer_name": "Dana Whitfield", "customer_email": format!("d{number:05}@example.com"), "customer_phone": format!("+1503{number:07}"),
        "deposit_amount": 6000, "currency": "usd",
    })
}

/// A customer and all that belongs to one, each kind of record among it.
async fn settle_in(gateway: &mut Gateway, number: usize) -> Result<(), String> {
    let customer = json!({
        "name": "Dana Whitfield", "email": format!("d{number:05}@example.com"), "phone": format!("+1503{number:07}"),
        "stripe_customer_id": format!("cus_{number:05}"), "tenant": format!("t{number:05}"),
    });
    let tenant = json!({
        "name": "Alder Studio", "stripe_customer_id": format!("cus_{number:05}"), "stripe_subscription_id": format!("sub_{number:05}"),
    });
    let invoice = json!({ "customer_id": format!("c{number:05}"), "amount": 4900, "currency": "usd", "stripe_customer_id": format!("cus_{number:05}"), "tenant": format!("t{number:05}") });
    gateway.put(&format!("customers/c{number:05}"), &customer).await?;
    gateway.put(&format!("tenants/t{number:05}"), &tenant).await?;
    gateway.put(&format!("invoices/i{number:05}"), &invoice).await?;
    gateway.put(&format!("bookings/b{number:05}"), &booking(number)).await?;
    if number == HELD {
        gateway.put(&held_path(), &booking(number)).await?;
    }
    let set = |what: &str, id: String| format!("{what}={id}");
    let of_customer = set("data.object.customer", format!("cus_{number:05}"));
    let events = [
        payment(gateway, "paid", &format!("b{number:05}"), number, 6000)?,
        payment(gateway, "invoice", "", number, 4900)?,
        payment(gateway, "nothing", "", number, 333)?,
        gateway.sign("stripe", "customer.created", &[set("data.object.id", format!("cus_{number:05}"))])?,
        gateway.sign("stripe", "setup_intent.succeeded", &[of_customer, set("data.object.payment_method", format!("pm_{number:05}"))])?,
        status(gateway, number, "e")?,
        gateway.sign("shopify", "orders/create", &[format!("id=82000000000{number:07}"), format!("customer.id=51000000{number:05}")])?,
        gateway.sign("shopify", "products/create", &[format!("id=78000000000{number:07}")])?,
        gateway.sign("shopify", "customers/create", &[format!("id=72000000000{number:07}"), format!("email=d{number:05}@example.com")])?,
        gateway.sign("shopify", "app/uninstalled", &[])?,
        gateway.sign(
            "github",
            "push",
            &[
                format!("after={number:040x}"),
                format!("repository.id=90000{number:07}"),
                format!("repository.full_name=acme/site{number:05}"),
            ],
        )?,
    ];
    gateway.run(&events).await
}

/// A payment of a customer's, of a booking or of none.
fn payment(gateway: &Gateway, what: &str, booking: &str, number: usize, amount: u32) -> Result<sluice_lambda::HttpEvent, String> {
    let changes = [
        format!("id=evt_{what}_{number:05}"),
        format!("data.object.id=pi_{what}_{number:05}"),
        format!("data.object.metadata.booking_id=\"{booking}\""),
        format!("data.object.customer=cus_{number:05}"),
        format!("data.object.amount={amount}"),
        format!("data.object.amount_received={amount}"),
    ];
    gateway.sign("stripe", "payment_intent.succeeded", &changes)
}

fn failure(gateway: &Gateway, number: usize) -> Result<sluice_lambda::HttpEvent, String> {
    let changes = [format!("data.object.id=pi_failed_{number:05}"), format!("data.object.metadata.booking_id=h{number:05}")];
    gateway.sign("stripe", "payment_intent.payment_failed", &changes)
}

/// A status of a text that somebody else has sent to a customer.
fn status(gateway: &Gateway, number: usize, what: &str) -> Result<sluice_lambda::HttpEvent, String> {
    let sid = format!("SM{what}{number:031}");
    let between = [format!("To=+1503{number:07}"), format!("From=+1504{number:07}")];
    let changes = [format!("MessageSid={sid}"), format!("SmsSid={sid}")].into_iter().chain(between).collect::<Vec<_>>();
    gateway.sign("twilio", "sms-status.delivered", &changes)
}
