use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use crate::latency::Latencies;

/// How many rounds are measured. The median of them counts, because this machine does other things, too.
pub(super) const ROUNDS: usize = 5;

/// How long each call took: by name, and of both servers by round.
#[derive(Default)]
pub(super) struct Measured {
    names: Vec<&'static str>,
    times: BTreeMap<&'static str, [Vec<Vec<Duration>>; 2]>,
}

/// What came of one call.
struct Row {
    name: &'static str,
    /// p50 and p99 of the server with few records, and of the one with many.
    few: [Duration; 2],
    many: [Duration; 2],
}

impl Row {
    fn times(&self) -> [f64; 2] {
        [0, 1].map(|which| self.many[which].as_secs_f64() / self.few[which].as_secs_f64().max(f64::EPSILON))
    }
}

impl Measured {
    /// Adds what one call took in a round at one of the servers.
    pub(super) fn add(&mut self, name: &'static str, round: usize, which: usize, took: Duration) {
        if !self.names.contains(&name) {
            self.names.push(name);
        }
        self.times.entry(name).or_insert_with(|| [vec![Vec::new(); ROUNDS], vec![Vec::new(); ROUNDS]])[which][round].push(took);
    }

    fn rows(&self) -> impl Iterator<Item = Row> {
        self.names.iter().filter_map(|name| {
            let [few, many] = self.times.get(name)?.each_ref().map(|rounds| [50, 99].map(|percent| median(rounds, percent)));
            Some(Row { name, few, many })
        })
    }

    /// What is printed.
    pub(super) fn table(&self) -> String {
        let mut text = format!("{:<30}{:>10}{:>10}{:>10}{:>10}{:>8}{:>8}\n", "µs", "few p50", "p99", "many p50", "p99", "p50", "p99");
        for row in self.rows() {
            let micros = |time: Duration| time.as_secs_f64() * 1e6;
            let ([few, few_99], [many, many_99], [times, times_99]) = (row.few.map(micros), row.many.map(micros), row.times());
            let _ = writeln!(text, "{:<30}{few:>10.0}{few_99:>10.0}{many:>10.0}{many_99:>10.0}{times:>7.2}×{times_99:>7.2}×", row.name);
        }
        text
    }

    /// The calls that take more than so many times as long with many records.
    pub(super) fn grown(&self, limit: f64) -> Vec<&'static str> {
        self.rows().filter(|row| row.times().iter().any(|times| *times > limit)).map(|row| row.name).collect()
    }
}

/// The median of the rounds' percentiles.
fn median(rounds: &[Vec<Duration>], percent: usize) -> Duration {
    let each = rounds.iter().map(|round| Latencies::new(round.clone()).percentile(percent));
    Latencies::new(each.collect()).percentile(50)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_named_and_one_bad_round_is_forgiven() {
        let mut measured = Measured::default();
        for round in 0..ROUNDS {
            for turn in 1..=100 {
                let took = |millis: u64| Duration::from_millis(millis * turn);
                measured.add("flat", round, 0, took(1));
                measured.add("flat", round, 1, took(if round == 3 { 50 } else { 1 }));
                measured.add("grows", round, 0, took(1));
                measured.add("grows", round, 1, took(3));
            }
        }
        assert_eq!(measured.grown(2.0), ["grows"]);
        assert_eq!(measured.grown(4.0), Vec::<&str>::new());
        let table = measured.table();
        assert!(table.lines().any(|line| line.starts_with("grows") && line.ends_with("3.00×   3.00×")), "{table}");
    }
}
