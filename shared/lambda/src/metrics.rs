//! Metrics in CloudWatch's
//! [embedded metric format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html):
//! one line of the log for each invocation, and no call of a service.

use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Map, Value, json};
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
}

impl EmfMetrics {
    /// Metrics of the function that is deployed as `function`.
    pub fn new(function: impl Into<String>) -> Self {
        Self { function: function.into(), taken: Mutex::default() }
    }

    /// The line for what was measured since the last one, without its end; `None` if nothing was.
    #[must_use]
    pub fn line(&self, request_id: &str, now: Timestamp) -> Option<String> {
        let Taken { counts, times, reason, code } = std::mem::take(&mut *self.taken.lock().unwrap_or_else(PoisonError::into_inner));
        if counts.is_empty() && times.is_empty() {
            return None;
        }
        let (by_reason, others): (Vec<_>, Vec<_>) = counts.keys().chain(times.keys()).partition(|name| **name == "Rejected");
        let mut dimensions = vec![json!(["FunctionName"]), json!(["FunctionName", "Reason"])];
        dimensions.extend(code.map(|_| json!(["FunctionName", "Reason", "Code"])));
        let directives = [directive(&by_reason, &json!(dimensions)), directive(&others, &json!([["FunctionName"]]))];
        let directives: Vec<Value> = directives.into_iter().flatten().collect();
        let mut line = Map::new();
        line.insert("_aws".to_owned(), json!({ "Timestamp": now.millis(), "CloudWatchMetrics": directives }));
        line.insert("FunctionName".to_owned(), json!(self.function));
        line.insert("request_id".to_owned(), json!(request_id));
        line.extend(reason.map(|reason| ("Reason".to_owned(), json!(reason))));
        line.extend(code.map(|code| ("Code".to_owned(), json!(code))));
        line.extend(counts.into_iter().map(|(name, count)| (name.to_owned(), json!(count))));
        line.extend(times.into_iter().map(|(name, times)| (name.to_owned(), json!(times))));
        Some(Value::Object(line).to_string())
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

/// What CloudWatch makes of metrics that have the same dimensions; `None` if there are none.
fn directive(names: &[&&str], dimensions: &Value) -> Option<Value> {
    let unit = |name: &str| if matches!(name, "Latency" | "QueueAge") { "Milliseconds" } else { "Count" };
    let metrics: Vec<Value> = names.iter().map(|name| json!({ "Name": name, "Unit": unit(name) })).collect();
    (!metrics.is_empty()).then(|| json!({ "Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics }))
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
    fn record(&self, measure: Measure) {
        let taken = &mut *self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match measure {
            // Each provider has a function of its own, whose name tells it.
            Measure::Received { provider: _ } => taken.count("Received"),
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
