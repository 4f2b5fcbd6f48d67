use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use sluice_core::time::Timestamp;

use super::send::{Shape, Target};
use crate::samples::Request;

/// A request in a shape that can be read, pasted or piped.
pub(super) fn show(shape: Shape, request: &Request, target: &Target, now: i64) -> String {
    match shape {
        Shape::Request => wire(request, target),
        Shape::Curl => curl(request, target),
        Shape::ApiGateway => format!("{:#}\n", api_gateway(request, &target.host, now)),
    }
}

fn wire(request: &Request, target: &Target) -> String {
    let mut text = format!("{} {} HTTP/1.1\nHost: {}\n", request.method, request.path, target.authority);
    for (name, value) in &request.headers {
        writeln!(text, "{name}: {value}").expect("writing to a String cannot fail");
    }
    writeln!(text, "\n{}", request.body).expect("writing to a String cannot fail");
    text
}

fn curl(request: &Request, target: &Target) -> String {
    let scheme = target.url.scheme_str().unwrap_or("http");
    let url = quoted(&format!("{scheme}://{}{}", target.authority, request.path));
    let mut text = format!("curl --request {} {url}", request.method);
    for (name, value) in &request.headers {
        write!(text, " \\\n  --header {}", quoted(&format!("{name}: {value}"))).expect("writing to a String cannot fail");
    }
    // The body stands here itself: a here-document would add a line end, and what follows `--data-binary @` is read from a file.
    let option = if request.body.starts_with('@') { "--data-raw" } else { "--data-binary" };
    writeln!(text, " \\\n  {option} {}", quoted(&request.body)).expect("writing to a String cannot fail");
    text
}

/// One word for a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The event that an HTTP API hands to a function (payload format 2.0,
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).
fn api_gateway(request: &Request, domain: &str, now: i64) -> Value {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let mut headers: Map<String, Value> =
        request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str().into())).collect();
    headers.insert("content-length".to_owned(), request.body.len().to_string().into());
    headers.insert("host".to_owned(), domain.into());
    let user_agent = headers.get("user-agent").cloned().unwrap_or_default();
    let is_text = headers.get("content-type").and_then(Value::as_str).is_some_and(comes_as_text);
    let body = if is_text { request.body.clone() } else { STANDARD.encode(&request.body) };
    let route = format!("ANY {path}");
    json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": domain,
            "domainPrefix": domain.split('.').next(),
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": user_agent,
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": route,
            "stage": "$default",
            "time": common_log_time(now),
            "timeEpoch": now.saturating_mul(1000),
        },
        "body": body,
        "isBase64Encoded": !is_text,
    })
}

/// API Gateway hands over these as text, and everything else, forms among it, as base64.
fn comes_as_text(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/") || matches!(kind.as_str(), "application/json" | "application/xml" | "application/javascript")
}

/// `22/Nov/2026:06:16:36 +0000`
fn common_log_time(now: i64) -> String {
    let millis = Timestamp::from_seconds(now).millis();
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_word_stays_one_word() {
        assert_eq!(quoted("it's $HOME `x` \\ \"y\"\n"), r#"'it'\''s $HOME `x` \ "y""#.to_owned() + "\n'");
    }

    #[test]
    fn forms_come_as_base64() {
        let request = Request {
            method: "POST".to_owned(),
            path: "/webhooks/x?a=%2F".to_owned(),
            headers: [("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned())].into(),
            body: "Body=a+b".to_owned(),
        };
        let event = api_gateway(&request, "hooks.example.com", 1_795_176_000);
        assert_eq!(event["isBase64Encoded"], true);
        assert_eq!(event["body"], "Qm9keT1hK2I=");
        assert_eq!(event["rawPath"], "/webhooks/x");
        assert_eq!(event["rawQueryString"], "a=%2F");
        assert_eq!(event["requestContext"]["time"], "20/Nov/2026:12:00:00 +0000");
    }
}
