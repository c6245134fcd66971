//! The numbers beside those to reach, on the screen and in docs/benchmarks.md.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use crate::benchmarks::page::{Part, circumstances, columns, number, table};

/// A number to reach. The three columns are those of the design.
struct Row {
    what: &'static str,
    /// Where it is in the results.
    at: &'static str,
    unit: &'static str,
    more_is_better: bool,
    ship: f64,
    good: Option<f64>,
    goal: Option<f64>,
}

const ROWS: &[Row] = &[
    Row {
        what: "Durable messages between two people, p99 ≤ 100 ms",
        at: "/direct/best/rate",
        unit: "/s",
        more_is_better: true,
        ship: 8_000.0,
        good: Some(16_000.0),
        goal: Some(30_000.0),
    },
    Row {
        what: "Deliveries in 10 groups of 100, p99 ≤ 100 ms",
        at: "/groups/best/deliveries_per_second",
        unit: "/s",
        more_is_better: true,
        ship: 150_000.0,
        good: Some(400_000.0),
        goal: Some(1_000_000.0),
    },
    Row {
        what: "Server CPU for each durable message between two people",
        at: "/direct/best/server_cpu_micros",
        unit: "µs",
        more_is_better: false,
        ship: 80.0,
        good: Some(50.0),
        goal: Some(30.0),
    },
    Row {
        what: "Resident memory of an idle signed-in session, 10,000 of them",
        at: "/idle/kib_per_session",
        unit: "KiB",
        more_is_better: false,
        ship: 16.0,
        good: Some(8.0),
        goal: Some(4.0),
    },
    Row {
        what: "10,000 reconnects with 20 waiting messages each, 99 % drained",
        at: "/reconnects/drained_seconds",
        unit: "s",
        more_is_better: false,
        ship: 15.0,
        good: Some(6.0),
        goal: Some(3.0),
    },
    Row {
        what: "Empty server, resident",
        at: "/empty/resident_mib",
        unit: "MiB",
        more_is_better: false,
        ship: 60.0,
        good: Some(30.0),
        goal: Some(15.0),
    },
    Row {
        what: "From start to ready, empty folder",
        at: "/empty/start_seconds",
        unit: "s",
        more_is_better: false,
        ship: 1.0,
        good: None,
        goal: None,
    },
    Row {
        what: "From start to ready, after a clean stop of the first run above",
        at: "/again/start_seconds",
        unit: "s",
        more_is_better: false,
        ship: 1.0,
        good: None,
        goal: None,
    },
];

const PART: Part = Part {
    begin: "<!-- server: begin; written by `cargo xtask load --report` -->",
    end: "<!-- server: end -->",
};

impl Row {
    fn measured(&self, report: &Value) -> Option<f64> {
        report.pointer(&format!("/results{}", self.at))?.as_f64()
    }

    /// The best column that this number reaches.
    fn reached(&self, measured: f64) -> &'static str {
        let reaches = |wanted: f64| {
            if self.more_is_better { measured >= wanted } else { measured <= wanted }
        };
        if self.goal.is_some_and(reaches) {
            "goal"
        } else if self.good.is_some_and(reaches) {
            "good"
        } else if reaches(self.ship) {
            "ship"
        } else {
            "not yet"
        }
    }

    /// What, measured, the three columns, reached; nothing when it was not measured.
    fn cells(&self, report: &Value) -> Option<[String; 6]> {
        let measured = self.measured(report)?;
        let number = |value: Option<f64>| value.map_or_else(String::new, number);
        Some([
            self.what.to_owned(),
            format!("{} {}", number(Some(measured)), self.unit).replace(" /s", "/s"),
            number(Some(self.ship)),
            number(self.good),
            number(self.goal),
            self.reached(measured).to_owned(),
        ])
    }
}

const HEADER: [&str; 6] = ["", "measured", "ship", "good", "goal", "reached"];

/// The numbers that were measured, below a head.
fn lines(report: &Value) -> Vec<[String; 6]> {
    let mut lines = vec![HEADER.map(str::to_owned)];
    lines.extend(ROWS.iter().filter_map(|row| row.cells(report)));
    lines
}

/// The table for a terminal.
pub(super) fn text(report: &Value) -> String {
    let mut text = columns(&lines(report));
    for line in details(report) {
        text += &format!("\n{line}");
    }
    text + "\n"
}

/// Latencies and what else belongs to the numbers.
fn details(report: &Value) -> Vec<String> {
    let number = |at: String| report.pointer(&at).and_then(Value::as_f64);
    let percentiles = |at: &str| {
        let one = |name: &str| number(format!("/results/{at}/{name}")).map(|n| format!("{n:.1}"));
        Some(format!("p50 {}, p99 {}, p99.9 {} ms", one("p50")?, one("p99")?, one("p999")?))
    };
    let mut lines = Vec::new();
    for (what, name) in [("direct", "Between two people"), ("groups", "Groups")] {
        let best = |field: &str| number(format!("/results/{what}/best/{field}"));
        let (
            Some(rate),
            Some(acknowledged),
            Some(delivered),
            Some(marks),
            Some(server),
            Some(load),
        ) = (
            best("rate"),
            percentiles(&format!("{what}/best/acknowledgement")),
            percentiles(&format!("{what}/best/delivery")),
            best("marks_per_second"),
            best("server_busy"),
            best("load_busy"),
        )
        else {
            continue;
        };
        lines.push(format!(
            "{name}, at {rate:.0} messages/s: acknowledgement {acknowledged}; delivery {delivered}; \
             {marks:.0} markers/s; server {:.0} % of its core, load generator {:.0} % of its own.",
            server * 100.0,
            load * 100.0
        ));
    }
    let back = |field: &str| number(format!("/results/reconnects/{field}"));
    if let (Some(half), Some(last), Some(retries)) =
        (back("half_seconds"), back("last_seconds"), back("retries"))
    {
        lines.push(format!(
            "Reconnects: half drained after {half:.1} s, the last after {last:.1} s; {retries:.0} attempts \
             were made again."
        ));
    }
    lines
}

/// Replace the server's part of the page, and nothing else of it.
pub(super) fn write(page: &Path, report: &Value) -> Result<()> {
    PART.write(page, &markdown(report)?)
}

fn markdown(report: &Value) -> Result<String> {
    let mut page = format!(
        "## Server\n\n{}\
         The server runs on one core and the load generator on the other, over loopback without TLS. \
         Acknowledged means fsynced: one's own event came back. Latency counts from the moment at which \
         a message was meant to be sent, so waiting at the sender counts too; a rate holds when 99 of \
         100 acknowledgements and deliveries come within 100 ms and none is missing. Bodies have 256 \
         bytes. Between two people: 500 pairs, both write, and each confirms what comes with delivered \
         markers, at most four a second. In groups everybody writes in turn, and a delivery is an event \
         at somebody else than the sender. Waiting messages are from four people each, and all 10,000 \
         come back at the same moment. Limits that the server gets: `{}`.\n\n",
        circumstances(&report["machine"], "cargo xtask load --report")?,
        super::server::raised(),
    );
    page += &table(&lines(report));
    page.push('\n');
    for line in details(report) {
        page += &format!("- {line}\n");
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_says_the_best_column_that_it_reaches() {
        let (more, less) = (&ROWS[0], &ROWS[4]);
        let reached = |row: &Row, values: [f64; 4]| values.map(|value| row.reached(value));
        let all = ["not yet", "ship", "good", "goal"];
        assert_eq!(reached(more, [7_999.0, 8_000.0, 16_000.0, 31_000.0]), all);
        assert_eq!(reached(less, [15.1, 15.0, 6.0, 1.0]), all);
    }

    #[test]
    fn only_what_was_measured_is_in_the_table() {
        let report = json!({ "results": { "idle": { "kib_per_session": 7.5 } } });
        let table = text(&report);
        assert!(table.contains("7.5 KiB") && table.contains("good"), "{table}");
        assert_eq!(table.trim().lines().count(), 2, "{table}");
    }
}
