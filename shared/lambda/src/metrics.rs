//! Metrics in CloudWatch's
//! [embedded metric format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html):
//! one line of the log for each invocation, and no call of a service.

use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;
use sluice_core::{
    effect::{EffectKind, EffectState},
    ports::{Measure, Metrics},
    process::Outcome,
    time::Timestamp,
};

/// The namespace of all metrics.
const NAMESPACE: &str = "Sluice";
/// The most values that one metric may have in one line.
const MOST_VALUES: usize = 100;

/// Gathers what is measured during an invocation.
#[derive(Debug)]
pub struct EmfMetrics {
    function: String,
    taken: Mutex<Taken>,
}

/// What was measured since the last line.
#[derive(Debug, Default)]
struct Taken {
    counts: BTreeMap<&'static str, u64>,
    times: BTreeMap<&'static str, Vec<u64>>,
    /// Why a webhook was not taken. A function of ingest handles one in each invocation.
    reason: Option<&'static str>,
    /// In what way its signature is missing or wrong, if that is why.
    code: Option<&'static str>,
    /// The webhook that was taken, by the id of its event's record.
    event: Option<String>,
}

impl EmfMetrics {
    /// Metrics of the function that is deployed as `function`.
    pub fn new(function: impl Into<String>) -> Self {
        Self { function: function.into(), taken: Mutex::default() }
    }

    /// The line for what was measured since the last one, without its end; `None` if nothing was.
    #[must_use]
    pub fn line(&self, request_id: &str, now: Timestamp) -> Option<String> {
        let Taken { counts, times, reason, code, event } = std::mem::take(&mut *self.taken.lock().unwrap_or_else(PoisonError::into_inner));
        if counts.is_empty() && times.is_empty() {
            return None;
        }
        let (by_reason, others): (Vec<_>, Vec<_>) = counts.keys().chain(times.keys()).partition(|name| **name == "Rejected");
        let all: [&[&str]; 3] = [&["FunctionName"], &["FunctionName", "Reason"], &["FunctionName", "Reason", "Code"]];
        let with_reason = if code.is_some() { &all[..] } else { &all[..2] };
        let metrics = [directive(&by_reason, with_reason), directive(&others, &all[..1])].into_iter().flatten().collect();
        let line = Line {
            request_id,
            event: event.as_deref(),
            reason,
            code,
            counts: &counts,
            times: &times,
            function: &self.function,
            about: About { metrics, timestamp: now.millis() },
        };
        Some(serde_json::to_string(&line).expect("serialising to memory can't fail"))
    }

    /// Writes the line to the log.
    pub(crate) fn write(&self, request_id: &str, now: Timestamp) {
        if let Some(mut line) = self.line(request_id, now) {
            line.push('\n');
            // In one write, so that no other line comes in between. A log that takes nothing can't be told so.
            let _ = std::io::stdout().lock().write_all(line.as_bytes());
        }
    }
}

/// A line as it is written: what people look for first.
#[derive(Serialize)]
struct Line<'a> {
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(rename = "Reason", skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(rename = "Code", skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(flatten)]
    counts: &'a BTreeMap<&'static str, u64>,
    #[serde(flatten)]
    times: &'a BTreeMap<&'static str, Vec<u64>>,
    #[serde(rename = "FunctionName")]
    function: &'a str,
    #[serde(rename = "_aws")]
    about: About<'a>,
}

/// What CloudWatch is to make of it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct About<'a> {
    #[serde(rename = "CloudWatchMetrics")]
    metrics: Vec<Directive<'a>>,
    timestamp: i64,
}

/// Metrics that have the same dimensions.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'static str,
    dimensions: &'a [&'a [&'a str]],
    metrics: Vec<Metric>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

/// The directive for these metrics; `None` if there are none.
fn directive<'a>(names: &[&&'static str], dimensions: &'a [&'a [&'a str]]) -> Option<Directive<'a>> {
    let unit = |name: &str| if matches!(name, "Latency" | "QueueAge") { "Milliseconds" } else { "Count" };
    let metrics: Vec<Metric> = names.iter().map(|name| Metric { name, unit: unit(name) }).collect();
    (!metrics.is_empty()).then_some(Directive { namespace: NAMESPACE, dimensions, metrics })
}

/// The metrics that an outcome counts for, besides `Handled`.
fn outcome_metric(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Duplicate => Some("Duplicates"),
        Outcome::Parked => Some("Parked"),
        Outcome::Applied | Outcome::TakenOver | Outcome::Ignored | Outcome::Nothing => None,
    }
}

fn effect_metric(kind: EffectKind, state: EffectState) -> Option<&'static str> {
    match (kind, state) {
        (EffectKind::Mail, EffectState::Done) => Some("MailsSent"),
        (EffectKind::Sms, EffectState::Done) => Some("TextsSent"),
        (_, EffectState::Failed) => Some("EffectsFailed"),
        (EffectKind::Erase | EffectKind::Publish | EffectKind::CatchUp, EffectState::Done)
        | (_, EffectState::Pending | EffectState::Superseded) => None,
    }
}

impl Taken {
    fn count(&mut self, name: &'static str) {
        *self.counts.entry(name).or_default() += 1;
    }

    fn time(&mut self, name: &'static str, length: Duration) {
        let times = self.times.entry(name).or_default();
        if times.len() < MOST_VALUES {
            times.push(u64::try_from(length.as_millis()).unwrap_or(u64::MAX));
        }
    }
}

impl Metrics for EmfMetrics {
    fn record(&self, measure: Measure<'_>) {
        let taken = &mut *self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match measure {
            // Each provider has a function of its own, whose name tells it.
            Measure::Received { provider: _, event } => {
                taken.event = event.map(str::to_owned);
                taken.count("Received");
            }
            Measure::Rejected { provider: _, reason } => {
                (taken.reason, taken.code) = (Some(reason.name()), reason.code());
                taken.count("Rejected");
            }
            Measure::Handled { outcome } => {
                taken.count("Handled");
                outcome_metric(outcome).into_iter().for_each(|name| taken.count(name));
            }
            Measure::PutOff => taken.count("PutOff"),
            Measure::Effect { kind, state } => effect_metric(kind, state).into_iter().for_each(|name| taken.count(name)),
            Measure::Attempted { delivered } => taken.count(if delivered { "Delivered" } else { "AttemptsFailed" }),
            Measure::QueueAge(length) => taken.time("QueueAge", length),
            Measure::Latency(length) => taken.time("Latency", length),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use sluice_core::{ingest::Rejection, provider};

    use super::*;

    const NOW: Timestamp = Timestamp::MIN;

    fn pretty(metrics: &EmfMetrics) -> String {
        let line = metrics.line("7a1b", Timestamp::from_millis(1_795_176_000_000)).expect("something was measured");
        assert!(!line.contains('\n'));
        serde_json::to_string_pretty(&serde_json::from_str::<Value>(&line).expect("JSON")).expect("JSON")
    }

    #[test]
    fn a_refused_webhook() {
        let metrics = EmfMetrics::new("stripe");
        metrics.record(Measure::Rejected { provider: "stripe", reason: Rejection::Signature { code: "no_match" } });
        metrics.record(Measure::Latency(Duration::from_micros(1_900)));
        insta::assert_snapshot!(pretty(&metrics));
        assert_eq!(metrics.line("7a1b", NOW), None, "a line tells only what came after the one before");
    }

    #[test]
    fn a_webhook_that_was_taken() {
        let metrics = EmfMetrics::new("stripe");
        metrics.record(Measure::Received { provider: "stripe", event: Some("in_2Yc8mRjW0pXe4VbN1tQzLk") });
        metrics.record(Measure::Latency(Duration::from_millis(11)));
        insta::assert_snapshot!(pretty(&metrics));
        metrics.record(Measure::Received { provider: "slack", event: None });
        assert!(!pretty(&metrics).contains("event"), "an event belongs to its own line alone");
    }

    #[test]
    fn a_batch() {
        let metrics = EmfMetrics::new("consumer");
        for outcome in [Outcome::Applied, Outcome::Duplicate, Outcome::Parked, Outcome::Duplicate] {
            metrics.record(Measure::QueueAge(Duration::from_millis(250)));
            metrics.record(Measure::Handled { outcome });
        }
        metrics.record(Measure::PutOff);
        for (kind, state) in [
            (EffectKind::Mail, EffectState::Done),
            (EffectKind::Sms, EffectState::Done),
            (EffectKind::Mail, EffectState::Failed),
            (EffectKind::Mail, EffectState::Superseded),
        ] {
            metrics.record(Measure::Effect { kind, state });
        }
        insta::assert_snapshot!(pretty(&metrics));
    }

    #[test]
    fn no_metric_has_more_values_than_cloudwatch_reads() {
        let metrics = EmfMetrics::new("consumer");
        (0..150).for_each(|millis| metrics.record(Measure::Latency(Duration::from_millis(millis))));
        let line: Value = serde_json::from_str(&metrics.line("7a1b", NOW).expect("a line")).expect("JSON");
        assert_eq!(line["Latency"].as_array().map(Vec::len), Some(MOST_VALUES));
    }

    #[test]
    fn every_metric_is_documented() {
        let documented = include_str!("../../../docs/OPERATIONS.md");
        for name in [
            "Received",
            "Rejected",
            "Handled",
            "Duplicates",
            "Parked",
            "PutOff",
            "MailsSent",
            "TextsSent",
            "EffectsFailed",
            "Delivered",
            "AttemptsFailed",
            "QueueAge",
            "Latency",
        ] {
            assert!(documented.contains(&format!("| `{name}` |")), "{name} is missing");
        }
    }

    /// CloudWatch knows a metric by its name and all of its dimensions together.
    #[test]
    fn alarms_are_on_metrics_as_they_are_written() {
        let template = include_str!("../../../template.yaml");
        let metric = |rest: &str| rest.lines().take(2).map(str::trim).collect::<Vec<_>>().join(" ").to_lowercase();
        let mut watched: Vec<String> = template.split("Namespace: Sluice\n").skip(1).map(metric).collect();
        let of = |function: &str, metric: &str, reason: &str| {
            format!("MetricName: {metric} Dimensions: [{{Name: FunctionName, Value: !Ref {function}Function}}{reason}]").to_lowercase()
        };
        let mut written = Vec::new();
        for metric in ["EffectsFailed", "Parked", "Handled", "PutOff"] {
            written.push(of("Consumer", metric, ""));
        }
        for metric in ["Handled", "PutOff"] {
            written.push(of("Deliver", metric, ""));
        }
        let signature = format!(", {{Name: Reason, Value: {}}}", Rejection::Signature { code: "no_match" }.name());
        for provider in provider::ALL {
            // One alarm on many wrong signatures, and one on nothing else than wrong ones.
            let rejected = of(provider.name(), "Rejected", &signature);
            written.extend([rejected.clone(), rejected, of(provider.name(), "Received", "")]);
        }
        watched.sort_unstable();
        written.sort_unstable();
        assert_eq!(watched, written);
    }

    #[test]
    fn nothing_measured_is_no_line() {
        assert_eq!(EmfMetrics::new("sweeper").line("7a1b", NOW), None);
    }
}
