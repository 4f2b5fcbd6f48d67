//! Webhooks out, from the terminal.

mod shown;

use clap::{Args, Subcommand};
use http::Method;
use serde::Serialize;
use serde_json::{Map, Value, json, value::RawValue};

use self::shown::{deliveries_in_lines, delivery_in_full, subscription_in_full, subscriptions_in_lines};
use super::{
    Error, Exit, Surroundings,
    client::{ApiAnswer, Client},
    operate::{Target, text},
    usage,
};

/// What to do with subscriptions.
#[derive(Debug, Subcommand)]
pub enum SubscriptionsCommand {
    /// List them
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Show one
    Show(One),
    /// Make one, and show its secret, once
    Create(Box<Create>),
    /// Serve one again, and have what waits for it tried now
    Enable(One),
    /// Serve one no more
    Disable(One),
    /// Remove one
    Delete(One),
    /// Draw a new secret, and show it, once
    RotateSecret {
        #[command(flatten)]
        one: One,
        /// How long the secret before signs, too
        #[arg(long, value_name = "LENGTH", default_value = "24h")]
        overlap: String,
    },
    /// Post a test to one, and tell what came of it
    Test(One),
    /// Have everything delivered once more that failed for good
    Recover(CatchUp),
    /// Have everything delivered that it has no delivery of
    ReplayMissing(CatchUp),
}

/// A subscription to make.
#[derive(Debug, Args)]
pub struct Create {
    /// Where to
    url: String,
    /// Which types: `order.created`, `order.*`, `*`
    #[arg(required = true)]
    event_types: Vec<String>,
    /// Your own words
    #[arg(long)]
    description: Option<String>,
    /// Whose it is
    #[arg(long)]
    tenant: Option<String>,
    /// Who is told when it fails
    #[arg(long, value_name = "ADDRESS")]
    owner_email: Option<String>,
    /// A header to send along; may be repeated
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = name_and_value)]
    headers: Vec<(String, String)>,
    /// The most deliveries a second
    #[arg(long, value_name = "NUMBER")]
    rate_limit: Option<u32>,
    /// How long an attempt may take, such as 10s
    #[arg(long, value_name = "LENGTH")]
    timeout: Option<String>,
    /// The waits between attempts, such as 1m,5m,2h
    #[arg(long, value_name = "LENGTHS", value_delimiter = ',')]
    retry_schedule: Option<Vec<String>>,
    /// How deliveries are signed: v1, or v1,v1a
    #[arg(long, value_name = "SIGNATURES", value_delimiter = ',')]
    signatures: Option<Vec<String>>,
    #[command(flatten)]
    target: Target,
}

/// A subscription or a delivery.
#[derive(Debug, Args)]
pub struct One {
    /// Its id
    id: String,
    #[command(flatten)]
    target: Target,
}

/// What to catch up on.
#[derive(Debug, Args)]
pub struct CatchUp {
    #[command(flatten)]
    one: One,
    /// From when on, such as 2026-11-22T06:00:00Z
    #[arg(long, value_name = "TIME")]
    since: String,
    /// Until when; now by default
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only count
    #[arg(long)]
    dry_run: bool,
}

/// What to do with deliveries.
#[derive(Debug, Subcommand)]
pub enum DeliveriesCommand {
    /// List the latest
    List {
        /// Of this subscription
        #[arg(long, value_name = "ID")]
        subscription: Option<String>,
        /// Of this event
        #[arg(long, value_name = "ID")]
        event: Option<String>,
        /// Of this type of event, such as order.created
        #[arg(long = "type", value_name = "TYPE")]
        event_type: Option<String>,
        /// Of this status: pending, delivered, failed, permanently_failed
        #[arg(long)]
        status: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        #[command(flatten)]
        target: Target,
    },
    /// Show one with its attempts
    Show(One),
    /// Make one once more, now and with all its retries
    Resend(One),
}

/// What to publish.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// The type, such as order.created
    event_type: String,
    /// The data, a JSON object
    #[arg(default_value = "{}")]
    data: String,
    /// Whose event it is
    #[arg(long)]
    tenant: Option<String>,
    /// Publishes once, however often it is called with this key
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    target: Target,
}

/// Looks after subscriptions.
pub(super) fn subscriptions(command: &SubscriptionsCommand, surroundings: &mut Surroundings<'_>) -> Result<Exit, Error> {
    use SubscriptionsCommand as C;
    let call = |one: &One, method: Method, what: &str, body: Option<&Value>, surroundings: &mut Surroundings<'_>, say: Say| {
        let client = one.target.client(surroundings)?;
        tell(client.send(method, &format!("/api/v1/subscriptions/{}{what}", one.id), body, None)?, &one.target, surroundings, say)
    };
    match command {
        C::List { target } => {
            let answer = found(&target.client(surroundings)?, "subscriptions", "", usize::MAX)?;
            tell(answer, target, surroundings, subscriptions_in_lines)
        }
        C::Create(create) => {
            let target = &create.target;
            let answer = target.client(surroundings)?.send(Method::POST, "/api/v1/subscriptions", Some(&create.body()?), None)?;
            tell(answer, target, surroundings, |json| format!("{}\nsecret, shown only now: {}\n", text(&json["id"]), text(&json["secret"])))
        }
        C::Show(one) => call(one, Method::GET, "", None, surroundings, subscription_in_full),
        C::Enable(one) => call(one, Method::POST, "/enable", None, surroundings, |json| format!("{} is served\n", text(&json["id"]))),
        C::Disable(one) => {
            call(one, Method::POST, "/disable", None, surroundings, |json| format!("{} is served no more\n", text(&json["id"])))
        }
        C::Delete(one) => call(one, Method::DELETE, "", None, surroundings, |_| "removed\n".to_owned()),
        C::RotateSecret { one, overlap } => {
            let body = json!({ "overlap": overlap });
            call(one, Method::POST, "/rotate-secret", Some(&body), surroundings, |json| {
                let (secret, until) = (text(&json["secret"]), text(&json["previous_valid_until"]));
                format!("secret, shown only now: {secret}\nthe one before signs, too, until {until}\n")
            })
        }
        C::Test(one) => {
            let client = one.target.client(surroundings)?;
            let answer = client.send(Method::POST, &format!("/api/v1/subscriptions/{}/test", one.id), None, None)?;
            let failed = answer.is_success() && answer.json["success"] == false;
            let exit = tell(answer, &one.target, surroundings, |json| {
                let status = if json["status_code"].is_null() { "no answer".to_owned() } else { text(&json["status_code"]) };
                let error = json["error"].as_str().map(|error| format!(": {error}")).unwrap_or_default();
                format!("{status} after {} ms{error}\n", json["duration_ms"])
            })?;
            Ok(if failed { Exit::Failure } else { exit })
        }
        C::Recover(what) => catch_up(what, "/recover", surroundings),
        C::ReplayMissing(what) => catch_up(what, "/replay-missing", surroundings),
    }
}

impl Create {
    fn body(&self) -> Result<Value, Error> {
        let mut headers = Map::new();
        for (name, value) in &self.headers {
            if headers.insert(name.to_ascii_lowercase(), value.as_str().into()).is_some() {
                return Err(usage(format!("--header {name} is given twice")));
            }
        }
        Ok(without_nulls(json!({
            "url": self.url, "event_types": self.event_types, "description": self.description, "tenant": self.tenant,
            "owner_email": self.owner_email, "headers": headers, "rate_limit": self.rate_limit, "timeout": self.timeout,
            "retry_schedule": self.retry_schedule, "signatures": self.signatures,
        })))
    }
}

fn name_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE, such as X-Team=billing")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn catch_up(what: &CatchUp, path: &str, surroundings: &mut Surroundings<'_>) -> Result<Exit, Error> {
    let CatchUp { one, since, until, dry_run } = what;
    let body = without_nulls(json!({ "since": since, "until": until, "dry_run": dry_run }));
    let client = one.target.client(surroundings)?;
    let answer = client.send(Method::POST, &format!("/api/v1/subscriptions/{}{path}", one.id), Some(&body), None)?;
    tell(answer, &one.target, surroundings, |json| match json["dry_run"].as_bool() {
        Some(true) => would_be(&json["count"], json["complete"] == false),
        _ => format!(
            "{} has begun; GET /api/v1/subscriptions/{}/jobs/{0} tells how far it is\n",
            text(&json["id"]),
            text(&json["subscription_id"])
        ),
    })
}

fn would_be(count: &Value, at_least: bool) -> String {
    let noun = if *count == 1 { "delivery" } else { "deliveries" };
    let so_many = if at_least { "at least " } else { "" };
    format!("{so_many}{count} {noun} would be set going\n")
}

/// Looks after deliveries.
pub(super) fn deliveries(command: &DeliveriesCommand, surroundings: &mut Surroundings<'_>) -> Result<Exit, Error> {
    match command {
        DeliveriesCommand::List { subscription, event, event_type, status, limit, target } => {
            let given = [("subscription_id", subscription), ("event_id", event), ("type", event_type), ("status", status)];
            let filter: String = given.iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("&{name}={value}"))).collect();
            let answer = found(&target.client(surroundings)?, "deliveries", &filter, *limit)?;
            tell(answer, target, surroundings, deliveries_in_lines)
        }
        DeliveriesCommand::Show(one) => {
            let answer = one.target.client(surroundings)?.get(&format!("/api/v1/deliveries/{}", one.id))?;
            tell(answer, &one.target, surroundings, delivery_in_full)
        }
        DeliveriesCommand::Resend(one) => {
            let answer = one.target.client(surroundings)?.post(&format!("/api/v1/deliveries/{}/resend", one.id))?;
            tell(answer, &one.target, surroundings, |json| format!("{} is made once more\n", text(&json["id"])))
        }
    }
}

/// The most that a page of the API has.
const PAGE: usize = 1_000;

/// The newest `limit` of a list that pass the filter. A page of the API looks at so many only, and may have found none among them.
fn found(client: &Client, list: &str, filter: &str, limit: usize) -> Result<ApiAnswer, Error> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let mut page = client.get(&format!("/api/v1/{list}?limit={}{filter}{cursor}", (limit - found.len()).min(PAGE)))?;
        if !page.is_success() {
            return Ok(page);
        }
        if let Value::Array(items) = page.json["items"].take() {
            found.extend(items);
        }
        match page.json["next"].as_str() {
            Some(next) if found.len() < limit => cursor = format!("&cursor={next}"),
            _ => {
                page.json["items"] = Value::Array(found);
                return Ok(page);
            }
        }
    }
}

/// Publishes an event.
pub(super) fn publish(args: &PublishArgs, surroundings: &mut Surroundings<'_>) -> Result<Exit, Error> {
    let body = publication(&args.event_type, &args.data, args.tenant.as_deref())?;
    let client = args.target.client(surroundings)?;
    let answer = client.send_text(Method::POST, "/api/v1/events", Some(body), args.idempotency_key.as_deref())?;
    tell(answer, &args.target, surroundings, |json| format!("{} is published\n", text(&json["id"])))
}

/// The body that publishes data as it is written: with all digits of its numbers, and its fields in their order.
fn publication(event_type: &str, data: &str, tenant: Option<&str>) -> Result<String, Error> {
    #[derive(Serialize)]
    struct Publication<'a> {
        r#type: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        tenant: Option<&'a str>,
        data: &'a RawValue,
    }
    let read: &RawValue = serde_json::from_str(data).map_err(|error| usage(format!("the data is no JSON object: {error}")))?;
    if !read.get().starts_with('{') {
        return Err(usage("the data is no JSON object: write it such as {\"number\":7}"));
    }
    let body = serde_json::to_string(&Publication { r#type: event_type, tenant, data: read });
    body.map_err(|error| usage(format!("the data can't be sent: {error}")))
}

/// What is said of an answer to a person.
type Say = fn(&Value) -> String;

/// Prints an answer, as JSON or in words, or what is wrong.
fn tell(answer: ApiAnswer, target: &Target, surroundings: &mut Surroundings<'_>, say: Say) -> Result<Exit, Error> {
    let success = answer.is_success();
    match (target.json, success) {
        (true, _) => writeln!(surroundings.output, "{}", answer.json)?,
        (false, true) => write!(surroundings.output, "{}", say(&answer.json))?,
        (false, false) => {
            writeln!(surroundings.output, "{}", answer.problem())?;
            for error in answer.json["errors"].as_array().into_iter().flatten() {
                writeln!(surroundings.output, "  {} {}", text(&error["field"]), text(&error["message"]))?;
            }
        }
    }
    Ok(if success { Exit::Success } else { Exit::Failure })
}

fn without_nulls(json: Value) -> Value {
    let Value::Object(mut fields) = json else { return json };
    fields.retain(|_, value| !value.is_null());
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_delivery_is_no_deliveries() {
        let said = [0, 1, 2].map(|count| would_be(&json!(count), false));
        assert_eq!(said, ["0 deliveries", "1 delivery", "2 deliveries"].map(|counted| format!("{counted} would be set going\n")));
    }

    #[test]
    fn data_is_published_as_it_is_written() {
        let data = r#" {"z":12345678901234567890123,"b":1.10,"a":1e400} "#;
        let body = publication("order.created", data, Some("acme")).expect("it is an object");
        assert_eq!(body, format!(r#"{{"type":"order.created","tenant":"acme","data":{}}}"#, data.trim()));
        for wrong in ["", "7", "[]", "{", "{} {}"] {
            assert!(publication("order.created", wrong, None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_header_is_read_up_to_the_first_equals_sign() {
        assert_eq!(name_and_value("X-Team=a=b"), Ok(("X-Team".to_owned(), "a=b".to_owned())));
        assert!(name_and_value("X-Team").is_err());
    }
}
