//! What is read out of the template, so that it is not written twice.

use std::path::Path;

/// What each variable of the access log is about as long as.
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html>)
const VARIABLES: [(&str, &str); 8] = [
    ("requestId", "JKJaXmPLvHcESHA="),
    ("integration.requestId", "8f5b2c1e-3d4a-4b6c-9e7f-0a1b2c3d4e5f"),
    ("identity.sourceIp", "203.0.113.178"),
    ("path", "/webhooks/stripe"),
    ("httpMethod", "POST"),
    ("status", "200"),
    ("responseLatency", "24"),
    ("integrationErrorMessage", "-"),
];

/// How much memory a function has, gigabytes.
pub(crate) fn memory(function: &str) -> Result<f64, String> {
    let template = read()?;
    let size = |text: &str| text.lines().find_map(|line| line.trim().strip_prefix("MemorySize: ")?.parse::<f64>().ok());
    let (before, rest) = template.split_once(&format!("\n  {function}:\n")).ok_or_else(|| format!("the template has no {function}"))?;
    let own = rest.split("\n\n").next().and_then(size);
    // What holds for all stands above them.
    let megabytes = own.or_else(|| size(before)).ok_or_else(|| format!("the template gives {function} no memory"))?;
    Ok(megabytes / 1024.0)
}

fn read() -> Result<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    std::fs::read_to_string(&path).map_err(|error| format!("{} can't be read: {error}", path.display()))
}

/// A line of the access log for a webhook that is taken.
pub(crate) fn access_log_line() -> Result<String, String> {
    let template = read()?;
    let (_, rest) = template.split_once("Format: >-\n").ok_or("the template has no access log")?;
    let mut line = rest.lines().next().unwrap_or_default().trim().to_owned();
    for (variable, value) in VARIABLES {
        line = line.replace(&format!("\"$context.{variable}\""), &format!("\"{value}\""));
    }
    if line.contains("$context") { Err(format!("a variable of the access log is not known here: {line}")) } else { Ok(line) }
}
