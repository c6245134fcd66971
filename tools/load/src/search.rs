//! The highest rate that holds: up in steps until one fails, then halves the gap.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;

use crate::chat::{Chat, Step};
use crate::say;

/// While nothing has failed, each rate is this much higher than the one before.
const UP: f64 = 1.4;
/// The gap between held and failed at which the search ends.
const CLOSE: f64 = 1.04;
/// Below this many messages a second there is nothing to measure.
const LEAST: f64 = 10.0;

/// How the highest rate is looked for.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Milliseconds within which 99 of 100 must come.
    #[arg(long, default_value_t = 100)]
    limit: u64,
    /// Seconds that each rate is measured for.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Seconds for which the highest rate has to hold at the end.
    #[arg(long, default_value_t = 20)]
    last_seconds: u64,
    /// Messages a second to begin with.
    #[arg(long)]
    from: Option<f64>,
    /// Only this many messages a second.
    #[arg(long)]
    only: Option<f64>,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    /// The highest rate that held, measured for the longest time.
    pub(crate) best: Step,
    /// All rates that were tried, in order.
    pub(crate) steps: Vec<Step>,
}

/// Look for the highest rate of this chat; begin with `from` messages a second if nothing else is
/// said.
pub(crate) async fn highest(chat: &Chat, options: &Options, from: f64) -> Result<Found> {
    let limit = Duration::from_millis(options.limit);
    let (short, long) =
        (Duration::from_secs(options.seconds), Duration::from_secs(options.last_seconds));
    chat.begin().await?;
    let mut steps = Vec::new();
    if let Some(rate) = options.only {
        let best = chat.step(rate, long, limit).await?;
        say(&best.text());
        return Ok(Found { best, steps });
    }
    let mut search = Search { start: options.from.unwrap_or(from), held: None, failed: None };
    while let Some(rate) = search.next() {
        // A machine has its moments: a rate has failed when it has failed twice.
        let mut held = false;
        for _ in 0..2 {
            let step = chat.step(rate, short, limit).await?;
            say(&step.text());
            held = step.held;
            steps.push(step);
            if held {
                break;
            }
        }
        search.came(rate, held);
    }
    let Some(mut rate) = search.held else { bail!("no rate holds the latency") };
    say("for longer:");
    while rate >= LEAST {
        let best = chat.step(rate, long, limit).await?;
        say(&best.text());
        if best.held {
            return Ok(Found { best, steps });
        }
        steps.push(best);
        rate *= 0.95;
    }
    bail!("no rate holds the latency for {} s", options.last_seconds)
}

/// What is known of the rates.
#[derive(Debug)]
struct Search {
    start: f64,
    /// The highest that held.
    held: Option<f64>,
    /// The lowest that failed.
    failed: Option<f64>,
}

impl Search {
    /// What to try next; nothing when it is known well enough.
    fn next(&self) -> Option<f64> {
        match (self.held, self.failed) {
            (None, None) => Some(self.start),
            (Some(held), None) => Some(held * UP),
            (None, Some(failed)) => Some(failed / 2.0).filter(|rate| *rate >= LEAST),
            (Some(held), Some(failed)) => (failed / held > CLOSE).then_some((held * failed).sqrt()),
        }
    }

    fn came(&mut self, rate: f64, held: bool) {
        if held {
            self.held = Some(rate);
        } else {
            self.failed = Some(rate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(start: f64, truth: f64) -> Option<f64> {
        let mut search = Search { start, held: None, failed: None };
        while let Some(rate) = search.next() {
            search.came(rate, rate <= truth);
        }
        search.held
    }

    #[test]
    fn the_highest_rate_is_found_from_below_and_from_above() {
        for start in [100.0, 9_000.0, 80_000.0] {
            let rate = found(start, 9_500.0).unwrap();
            assert!((9_500.0 / CLOSE..=9_500.0).contains(&rate), "{rate} from {start}");
        }
        assert_eq!(found(1_000.0, 1.0), None);
    }
}
