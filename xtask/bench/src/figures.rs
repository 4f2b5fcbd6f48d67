//! What was measured, beside what was aimed at.

use std::{fmt::Write as _, time::Duration};

use serde_json::json;

use crate::latency::Latencies;

/// What the figures hang on besides the program.
pub(crate) struct Machine {
    /// The file system under the data.
    pub(crate) file_system: String,
    /// How long one fdatasync takes there.
    pub(crate) sync_time: Duration,
    /// Cores that this process may use. Load and server share them.
    pub(crate) cores: usize,
}

/// What was measured.
pub(crate) struct Figures {
    /// The sample that the events were made of.
    pub(crate) sample: &'static str,
    /// How many there were.
    pub(crate) events: usize,
    /// Over how many connections they came.
    pub(crate) connections: usize,
    /// How many a second were sent; `None` for as many as were answered.
    pub(crate) rate: Option<u32>,
    /// Until the last was acknowledged.
    pub(crate) accepted: Duration,
    /// Until the last was processed.
    pub(crate) processed: Duration,
    /// How long each acknowledgement took.
    pub(crate) latencies: Latencies,
    /// The server's CPU time for all of them.
    pub(crate) server_cpu: Duration,
    /// The CPU time of the load.
    pub(crate) own_cpu: Duration,
    /// The most memory that the server had, bytes.
    pub(crate) peak_memory: u64,
    /// What it ran on.
    pub(crate) machine: Machine,
}

/// Where a figure should lie.
#[derive(Clone, Copy)]
pub(crate) enum Aim {
    AtLeast(f64),
    AtMost(f64),
    Open,
}

/// One figure.
pub(crate) struct Row {
    /// The name in JSON.
    pub(crate) key: &'static str,
    /// The name in the table.
    title: &'static str,
    pub(crate) value: f64,
    unit: &'static str,
    decimals: usize,
    aim: Aim,
}

/// A figure with its names, beside its aim.
pub(crate) fn row(key: &'static str, title: &'static str, value: f64, unit: &'static str, decimals: usize, aim: Aim) -> Row {
    Row { key, title, value, unit, decimals, aim }
}

impl Figures {
    fn rows(&self) -> Vec<Row> {
        let per_second = |time: Duration| self.events as f64 / time.as_secs_f64();
        let per_thousand = |time: Duration| time.as_secs_f64() * 1_000.0 / self.events as f64;
        let millis = |percent| self.latencies.percentile(percent).as_secs_f64() * 1_000.0;
        // At a given rate the throughput is that rate, whatever the server can take.
        let throughput = if self.rate.is_none() { Aim::AtLeast(3_000.0) } else { Aim::Open };
        vec![
            row("accepted_per_second", "accepted", per_second(self.accepted), "/s", 0, throughput),
            row("processed_per_second", "processed, effects done", per_second(self.processed), "/s", 0, throughput),
            row("cpu_seconds_per_1000", "server's CPU for 1,000", per_thousand(self.server_cpu), "s", 3, Aim::AtMost(0.20)),
            row("acknowledged_p50_ms", "acknowledged, p50", millis(50), "ms", 1, Aim::Open),
            row("acknowledged_p99_ms", "acknowledged, p99", millis(99), "ms", 1, Aim::AtMost(30.0)),
            row("acknowledged_max_ms", "acknowledged, slowest", millis(100), "ms", 1, Aim::Open),
            row("peak_memory_mb", "server's peak memory", self.peak_memory as f64 / 1e6, "MB", 0, Aim::AtMost(60.0)),
            row("load_cpu_seconds_per_1000", "load's CPU for 1,000", per_thousand(self.own_cpu), "s", 3, Aim::Open),
            row("fdatasync_ms", "fdatasync of 8 KB, p50", self.machine.sync_time.as_secs_f64() * 1_000.0, "ms", 2, Aim::Open),
        ]
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let Self { sample, events, connections, machine, .. } = self;
        let pace = self.rate.map_or("as fast as they are answered".to_owned(), |rate| format!("{rate} a second"));
        let mut table = format!("{events} events {sample} over {connections} connections, {pace}\n");
        let _ =
            writeln!(table, "load and server on {} cores, data on {}, durable before each answer\n", machine.cores, machine.file_system);
        for row in self.rows() {
            let _ = writeln!(table, "{}", row.line());
        }
        table.trim_end().to_owned()
    }

    /// For programs.
    pub(crate) fn json(&self) -> String {
        let mut figures = json!({
            "bench": "inbound",
            "sample": self.sample,
            "events": self.events,
            "connections": self.connections,
            "rate": self.rate,
            "cores": self.machine.cores,
            "file_system": self.machine.file_system,
        });
        for row in self.rows() {
            figures[row.key] = json!(row.value);
        }
        figures.to_string()
    }
}

impl Row {
    /// For people.
    pub(crate) fn line(&self) -> String {
        let Self { title, value, unit, decimals, .. } = self;
        let number = format!("{value:.decimals$} {unit}");
        let (sign, aim, met) = match self.aim {
            Aim::Open => return format!("{title:<26}{number:>12}"),
            Aim::AtLeast(aim) => ('≥', aim, *value >= aim),
            Aim::AtMost(aim) => ('≤', aim, *value <= aim),
        };
        let aim_decimals = if aim < 1.0 { 2 } else { 0 };
        format!("{title:<26}{number:>12}   aim {sign} {aim:.aim_decimals$} {unit}: {}", if met { "met" } else { "MISSED" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(rate: Option<u32>) -> Figures {
        Figures {
            sample: "payment_intent.succeeded",
            events: 2_000,
            connections: 64,
            rate,
            accepted: Duration::from_millis(500),
            processed: Duration::from_secs(1),
            latencies: Latencies::new((1..=100).map(Duration::from_millis).collect()),
            server_cpu: Duration::from_millis(300),
            own_cpu: Duration::from_millis(20),
            peak_memory: 61_000_000,
            machine: Machine { file_system: "ext4".to_owned(), sync_time: Duration::from_micros(250), cores: 2 },
        }
    }

    #[test]
    fn figures_stand_beside_their_aims() {
        let table = figures(None).table();
        for line in [
            "accepted                      4000 /s   aim ≥ 3000 /s: met",
            "processed, effects done       2000 /s   aim ≥ 3000 /s: MISSED",
            "server's CPU for 1,000        0.150 s   aim ≤ 0.20 s: met",
            "acknowledged, p99             99.0 ms   aim ≤ 30 ms: MISSED",
            "server's peak memory            61 MB   aim ≤ 60 MB: MISSED",
            "fdatasync of 8 KB, p50        0.25 ms",
        ] {
            let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert!(table.lines().any(|found| words(found) == words(line)), "{line}\nin\n{table}");
        }
    }

    #[test]
    fn a_given_rate_has_no_aim_and_json_has_no_words() {
        let figures = figures(Some(2_000));
        assert!(figures.table().contains("2000 a second") && !figures.table().contains("3000"));
        let json: serde_json::Value = serde_json::from_str(&figures.json()).expect("JSON");
        assert_eq!((json["accepted_per_second"].as_f64(), json["rate"].as_u64()), (Some(4000.0), Some(2000)));
    }
}
