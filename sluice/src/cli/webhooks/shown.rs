//! Subscriptions and deliveries as people read them.

use serde_json::Value;

use super::text;

/// As much of an answer stands in a line, characters.
const ANSWER: usize = 60;

/// A line for each subscription of a page.
pub(super) fn subscriptions_in_lines(page: &Value) -> String {
    table(&["ID", "STATE", "TYPES", "URL"], &items(page).map(subscription).collect::<Vec<_>>())
}

/// A line for each delivery of a page.
pub(super) fn deliveries_in_lines(page: &Value) -> String {
    table(&["ID", "STATUS", "TRIED", "TYPE", "CREATED", "LAST"], &items(page).map(delivery).collect::<Vec<_>>())
}

/// All of one subscription.
pub(super) fn subscription_in_full(json: &Value) -> String {
    let seconds = |value: &Value| format!("{value} s");
    let endpoint = &json["endpoint"];
    let state = match state(json) {
        "disabled" => said(&["disabled since", &word(&json["disabled_at"])], &json["disabled_reason"]),
        "paused" => said(&["paused until", &word(&endpoint["paused_until"])], &endpoint["reason"]),
        state => state.to_owned(),
    };
    let failures = endpoint["failures"].as_u64().filter(|failures| *failures > 0).map(|failures| {
        let since = endpoint["failing_since"].as_str().map(|since| format!(", since {since}")).unwrap_or_default();
        format!("{failures} in a row{since}")
    });
    let headers = json["headers"].as_object().into_iter().flatten().map(|(name, value)| format!("{name}: {}", text(value)));
    lines(&[
        ("id", word(&json["id"])),
        ("url", word(&json["url"])),
        ("types", list(&json["event_types"], text).join(" ")),
        ("description", word(&json["description"])),
        ("state", state),
        ("failures", failures.unwrap_or_default()),
        ("tenant", word(&json["tenant"])),
        ("owner", word(&json["owner_email"])),
        ("headers", headers.collect::<Vec<_>>().join(", ")),
        ("rate limit", json["rate_limit"].as_u64().map(|limit| format!("{limit} a second")).unwrap_or_default()),
        ("timeout", seconds(&json["timeout"])),
        ("retries after", list(&json["retry_schedule"], seconds).join(", ")),
        ("signatures", list(&json["signatures"], text).join(", ")),
        ("public keys", list(&json["public_keys"], text).join(" ")),
        ("made", word(&json["created_at"])),
        ("changed", word(&json["updated_at"])),
    ])
}

/// All of one delivery, with its attempts.
pub(super) fn delivery_in_full(json: &Value) -> String {
    let waits = match json["waits_for"].as_str() {
        Some("retry") => "by its schedule, or as the receiver asked",
        Some("pause") => "the endpoint is paused",
        Some("rate_limit") => "the rate limit of the subscription",
        Some("capacity") => "as many attempts as may be were under way",
        Some("operator") => "it can't be signed",
        _ => "",
    };
    let next = json["next_attempt_at"].as_str().map(|at| said(&[at, waits], &Value::Null)).unwrap_or_default();
    let head = lines(&[
        ("id", word(&json["id"])),
        ("event", format!("{} {}", word(&json["event_id"]), word(&json["event_type"]))),
        ("subscription", word(&json["subscription_id"])),
        ("status", word(&json["status"])),
        ("reason", word(&json["reason"])),
        ("noted down", word(&json["created_at"])),
        ("delivered", word(&json["delivered_at"])),
        ("next attempt", next),
        ("tried", if json["attempted"] == 1 { "once".to_owned() } else { format!("{} times", json["attempted"]) }),
    ]);
    let attempts: Vec<_> = json["attempts"].as_array().into_iter().flatten().map(attempt).collect();
    if attempts.is_empty() { head } else { format!("{head}\n{}", table(&["AT", "STATUS", "TOOK", "ERROR", "ANSWER"], &attempts)) }
}

fn attempt(json: &Value) -> Vec<String> {
    let answer = word(&json["response"]);
    let shown: String = answer.chars().take(ANSWER).collect();
    let more = if shown.len() < answer.len() { "…" } else { "" };
    vec![
        word(&json["at"]),
        word(&json["status_code"]),
        format!("{} ms", json["duration_ms"]),
        word(&json["error"]),
        format!("{shown}{more}"),
    ]
}

fn items(page: &Value) -> impl Iterator<Item = &Value> {
    page["items"].as_array().into_iter().flatten()
}

fn state(json: &Value) -> &'static str {
    match (json["active"].as_bool(), json["endpoint"]["state"].as_str()) {
        (Some(true), Some("closed") | None) => "active",
        (Some(true), _) => "paused",
        _ => "disabled",
    }
}

fn subscription(json: &Value) -> Vec<String> {
    let types = list(&json["event_types"], text).join(" ");
    vec![text(&json["id"]), state(json).to_owned(), types, text(&json["url"])]
}

fn delivery(json: &Value) -> Vec<String> {
    let last = json["attempts"].as_array().and_then(|attempts| attempts.last());
    let last =
        last.map_or_else(String::new, |attempt| attempt["error"].as_str().map_or_else(|| text(&attempt["status_code"]), str::to_owned));
    vec![
        text(&json["id"]),
        text(&json["status"]),
        json["attempted"].to_string(),
        text(&json["event_type"]),
        text(&json["created_at"]),
        last,
    ]
}

/// A text or a number; nothing for null.
fn word(value: &Value) -> String {
    if value.is_null() { String::new() } else { text(value) }
}

fn list(value: &Value, each: fn(&Value) -> String) -> Vec<String> {
    value.as_array().into_iter().flatten().map(each).collect()
}

/// Words in a row, and why it is so.
fn said(words: &[&str], why: &Value) -> String {
    let words: Vec<_> = words.iter().copied().filter(|word| !word.is_empty()).collect();
    match why.as_str() {
        Some(why) => format!("{}: {why}", words.join(" ")),
        None => words.join(" "),
    }
}

/// A line for each that has a value, the values below each other.
fn lines(named: &[(&str, String)]) -> String {
    let named: Vec<_> = named.iter().filter(|(_, value)| !value.is_empty()).collect();
    let width = named.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    named.iter().map(|(name, value)| format!("{name:width$}  {}\n", printable(value))).collect()
}

/// Columns as wide as what stands in them.
fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(column, head)| rows.iter().map(|row| row[column].chars().count()).chain([head.len()]).max().unwrap_or(0))
        .collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<_> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let rows = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    [line(heads.to_vec())].into_iter().chain(rows).collect()
}

/// What a receiver answered may be anything: nothing of it steers the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '·' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let rows = [vec!["sub_1".to_owned(), "é".to_owned()], vec!["s".to_owned(), "paused".to_owned()]];
        assert_eq!(table(&["ID", "STATE"], &rows), "ID     STATE\nsub_1  é\ns      paused\n");
    }

    #[test]
    fn a_subscription_in_a_line() {
        let json = json!({ "id": "sub_1", "active": true, "endpoint": { "state": "open" }, "event_types": ["a", "b.*"], "url": "https://x.example/" });
        assert_eq!(subscription(&json), ["sub_1", "paused", "a b.*", "https://x.example/"]);
    }

    #[test]
    fn a_subscription_in_full() {
        let json = json!({
            "id": "sub_1", "url": "https://x.example/", "event_types": ["a", "b.*"], "description": "", "active": true,
            "tenant": null, "owner_email": "ops@example.com", "headers": { "x-team": "7" }, "rate_limit": 5, "timeout": 30,
            "retry_schedule": [60, 300], "signatures": ["v1"], "public_keys": [],
            "endpoint": {
                "state": "open", "failures": 3, "failing_since": "2026-11-22T06:00:00Z", "paused_until": "2026-11-22T06:05:00Z",
                "reason": "the receiver answered 503",
            },
            "created_at": "2026-11-01T00:00:00Z", "updated_at": "2026-11-01T00:00:00Z",
        });
        insta::assert_snapshot!(subscription_in_full(&json));
    }

    #[test]
    fn a_delivery_in_full() {
        let attempt = |error: Value, response: &str| json!({ "at": "2026-11-22T06:00:00Z", "status_code": 500, "duration_ms": 12, "response": response, "error": error });
        let mut json = json!({
            "id": "dlv_1", "subscription_id": "sub_1", "event_id": "evt_1", "event_type": "order.created", "status": "failed",
            "waits_for": "retry", "reason": null, "attempted": 2, "created_at": "2026-11-22T06:00:00Z", "delivered_at": null,
            "next_attempt_at": "2026-11-22T06:06:00Z",
            "attempts": [
                attempt(json!("the receiver answered 500"), "\u{1b}[2J no"),
                attempt(json!("the receiver answered 500"), &"x".repeat(100)),
            ],
        });
        let failed = delivery_in_full(&json);
        json["attempts"] = json!([]);
        json["attempted"] = json!(1);
        json["waits_for"] = Value::Null;
        insta::assert_snapshot!(format!("{failed}\n{}", delivery_in_full(&json)));
    }
}
