use std::time::Duration;

/// How long answers took, sorted.
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    /// Sorts them.
    pub(crate) fn new(mut each: Vec<Duration>) -> Self {
        each.sort_unstable();
        Self(each)
    }

    /// The least time within which `percent` of a hundred were answered (nearest rank); zero if there were none.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_rank() {
        let latencies = Latencies::new((1..=200).rev().map(Duration::from_millis).collect());
        for (percent, millis) in [(0, 1), (50, 100), (99, 198), (100, 200)] {
            assert_eq!(latencies.percentile(percent), Duration::from_millis(millis), "{percent}");
        }
        assert_eq!(Latencies::new(Vec::new()).percentile(99), Duration::ZERO);
    }
}
