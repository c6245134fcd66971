//! Latencies: every one is kept, so that the percentiles are exact.

use serde::Serialize;

/// Latencies in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<u32>);

/// What is said of many latencies, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    /// Half were at most this.
    pub(crate) p50: f64,
    /// Of a hundred, one was above.
    pub(crate) p99: f64,
    /// Of a thousand, one was above.
    pub(crate) p999: f64,
    /// The longest.
    pub(crate) max: f64,
}

impl Latencies {
    pub(crate) fn add(&mut self, micros: u64) {
        self.0.push(u32::try_from(micros).unwrap_or(u32::MAX));
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The percentiles; zeros when there is nothing.
    pub(crate) fn percentiles(mut self) -> Percentiles {
        self.0.sort_unstable();
        let at = |share: f64| {
            let rank = (self.0.len() as f64 * share).ceil() as usize;
            self.0.get(rank.max(1) - 1).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
        };
        Percentiles { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1.0) }
    }
}

impl Percentiles {
    /// For people.
    pub(crate) fn text(&self) -> String {
        format!("p50 {:.1} p99 {:.1} p99.9 {:.1} ms", self.p50, self.p99, self.p999)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_list() {
        let mut latencies = Latencies::default();
        (1..=1000).rev().for_each(|n| latencies.add(n * 1000));
        let found = latencies.percentiles();
        assert_eq!(found, Percentiles { p50: 500.0, p99: 990.0, p999: 999.0, max: 1000.0 });
        assert_eq!(Latencies::default().percentiles(), Percentiles::default());
    }
}
