//! What there is to see in the end, a line for each thing.

use serde_json::{Value, json};
use sluice_tests::Home;

use super::{Settled, cast::Cast};

/// Every kind, and lists of it by what they can be filtered by.
const KINDS: [(&str, &[&str]); 13] = [
    ("bookings", &["status=confirmed", "status=pending", "tenant=t1-STORY"]),
    ("invoices", &["status=paid", "customer_id=c1-STORY", "stripe_customer_id=cus_TkV3mXq8ZrB1Na", "tenant=t1-STORY"]),
    (
        "payments",
        &["status=failed", "invoice_id=INV-2-STORY", "booking_id=b1-STORY", "stripe_customer_id=cus_TkV3mXq8ZrB1Na", "method=tap_to_pay"],
    ),
    ("transactions", &["booking_id=b1-STORY"]),
    (
        "customers",
        &[
            "billing_status=canceled",
            "stripe_customer_id=cus_TkV3mXq8ZrB1Na",
            "email=dana.whitfield@example.com",
            "phone=%2B15035550142",
            "tenant=t1-STORY",
        ],
    ),
    ("tenants", &["subscription_status=canceled", "stripe_customer_id=cus_TkV3mXq8ZrB1Na"]),
    ("payment-methods", &["customer_id=c1-STORY", "stripe_customer_id=cus_TkV3mXq8ZrB1Na"]),
    ("messages", &["direction=inbound", "booking_id=b1-STORY", "status=bounced", "to=%2B15035550142", "from=%2B15035550142"]),
    ("orders", &["shop=alder-studio-example.myshopify.com", "financial_status=paid", "customer_id=820982911946154512"]),
    ("products", &["shop=alder-studio-example.myshopify.com", "status=active"]),
    ("shop-customers", &["shop=alder-studio-example.myshopify.com", "email=dana.whitfield@example.com"]),
    ("shops", &["status=closed", "status=open"]),
    ("repositories", &["full_name=alder-studio-example/bookings"]),
];

/// All that the API shows of the script, and all that was sent to its people, as the script has it.
pub(super) fn shown(home: &dyn Home, cast: &Cast, settled: &Settled) -> String {
    let mut lines = Vec::new();
    for (kind, filters) in KINDS {
        let path = format!("/api/v1/{kind}");
        for item in of_the_cast(home, cast, &path) {
            let own = format!("{path}/{}", item["id"].as_str().expect("an id"));
            assert_eq!(home.client().get(&own).expect(200).json(), item, "the list shows {own} otherwise");
            lines.push(format!("{kind}: {item}"));
            let history = home.client().list(&format!("{own}/history"));
            lines.extend(history.iter().map(|entry| format!("    {}", change(entry))));
        }
        for filter in filters {
            let found = of_the_cast(home, cast, &cast.play(&format!("{path}?{filter}")));
            lines.push(format!("{kind}?{filter}: {}", ids(&found)));
        }
        for item in of_the_cast(home, cast, &format!("{path}?unmatched=true")) {
            lines.push(format!("{kind}?unmatched=true: {item}"));
        }
    }
    lines.extend(settled.iter().map(|(label, record)| format!("event {label}: {}", event(record))));
    let mut sent: Vec<_> = home.sent().into_iter().filter(|sent| cast.is_in(&sent.to)).collect();
    sent.sort_by(|one, other| (one.channel, &one.to, &one.subject).cmp(&(other.channel, &other.to, &other.subject)));
    lines.extend(sent.iter().map(|sent| format!("sent {:?} to {}: {}", sent.channel, sent.to, sent.subject)));
    cast.tell(&lines.join("\n"))
}

/// What a list has of the script: the home has more than that.
fn of_the_cast(home: &dyn Home, cast: &Cast, path: &str) -> Vec<Value> {
    home.client().list(path).into_iter().filter(|item| cast.is_in(&item.to_string())).collect()
}

fn ids(items: &[Value]) -> Value {
    items.iter().map(|item| item["id"].clone()).collect()
}

/// An entry of a history. Its other fields say the same once more.
fn change(entry: &Value) -> Value {
    assert_eq!(entry["event"].as_str().is_some(), entry["event_id"].as_str().is_some(), "{entry}");
    json!([entry["type"], entry["event_id"], entry["changed"]])
}

/// What came of an event. Who is subscribed to it in a home that other tests share is not the script's matter.
fn event(record: &Value) -> Value {
    let effects = record["effects"].as_array().into_iter().flatten();
    let own = effects.filter(|effect| !effect["record"].as_str().is_some_and(|address| address.starts_with("published/")));
    let effects: Vec<_> = own.map(|effect| json!([effect["template"], effect["record"], effect["state"], effect["reason"]])).collect();
    json!({
        "type": record["type"], "status": record["status"], "reason": record["reason"], "summary": record["summary"],
        "unmatched": record["unmatched"], "occurred_at": record["occurred_at"], "changes": record["changes"], "effects": effects,
    })
}
