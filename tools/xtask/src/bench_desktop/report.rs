//! The numbers beside those to reach, on the screen and in docs/benchmarks.md.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use crate::benchmarks::page::{Part, circumstances, columns, number, table};

/// Which of the times that were taken counts.
#[derive(Clone, Copy)]
enum Counts {
    /// There is only one number; times this.
    Itself(f64),
    /// The middle one; times this.
    Middle(f64),
    /// 95 of 100 are not above it.
    P95,
}

/// A number to reach: at most this.
struct Row {
    what: &'static str,
    /// Where it is in the results.
    at: &'static str,
    counts: Counts,
    most: f64,
    unit: &'static str,
}

const ROWS: &[Row] = &[
    row(
        "Start to a usable list, 100,000 messages",
        "/start/small/list",
        Counts::Middle(0.001),
        0.8,
        "s",
    ),
    row(
        "Start to a usable list, 1,000,000 messages",
        "/start/large/list",
        Counts::Middle(0.001),
        1.2,
        "s",
    ),
    row("Sending, to one's own message painted, p95", "/window/send", Counts::P95, 50.0, "ms"),
    row(
        "Another conversation, to its messages painted, p95",
        "/window/switch",
        Counts::P95,
        80.0,
        "ms",
    ),
    row("A key, to its letter painted, p95", "/window/key", Counts::P95, 16.0, "ms"),
    row("A search in 1,000,000 messages, p95", "/window/search", Counts::P95, 50.0, "ms"),
    row(
        "Taking in 100,000 messages with their index",
        "/ingest/seconds",
        Counts::Itself(1.0),
        4.0,
        "s",
    ),
    row(
        "Idle, with the window",
        "/background/idle/window",
        Counts::Itself(100.0),
        0.5,
        "% of a core",
    ),
    row("Idle, in the tray", "/background/idle/tray", Counts::Itself(100.0), 0.5, "% of a core"),
    row("Package", "/package/bytes", Counts::Itself(1e-6), 15.0, "MB"),
    row("Memory with the window", "/background/memory/window", Counts::Itself(1.0), 220.0, "MB"),
    row("Memory in the tray", "/background/memory/tray", Counts::Itself(1.0), 60.0, "MB"),
];

const fn row(
    what: &'static str,
    at: &'static str,
    counts: Counts,
    most: f64,
    unit: &'static str,
) -> Row {
    Row { what, at, counts, most, unit }
}

const HEADER: [&str; 4] = ["", "measured", "to reach", "reached"];
const PART: Part = Part {
    begin: "<!-- desktop: begin; written by `cargo xtask bench-desktop --report` -->",
    end: "<!-- desktop: end -->",
};

impl Row {
    fn measured(&self, report: &Value) -> Option<f64> {
        let found = report.pointer(&format!("/results{}", self.at))?;
        match self.counts {
            Counts::Itself(factor) => Some(found.as_f64()? * factor),
            Counts::Middle(factor) => Some(percentile(&mut times(found), 50.0)? * factor),
            Counts::P95 => percentile(&mut times(found), 95.0),
        }
    }

    /// What, measured, to reach, reached; nothing when it was not measured.
    fn cells(&self, report: &Value) -> Option<[String; 4]> {
        let measured = self.measured(report)?;
        let reached = if measured <= self.most { "yes" } else { "not yet" };
        Some([
            self.what.to_owned(),
            format!("{} {}", number(measured), self.unit),
            format!("≤ {} {}", number(self.most), self.unit),
            reached.to_owned(),
        ])
    }
}

/// The times of a list; searches have theirs beside their kind.
fn times(found: &Value) -> Vec<f64> {
    let all = found.as_array().into_iter().flatten();
    all.filter_map(|one| one.get("time").unwrap_or(one).as_f64()).collect()
}

/// The smallest of them that `percent` of all are not above.
fn percentile(times: &mut [f64], percent: f64) -> Option<f64> {
    times.sort_by(f64::total_cmp);
    let rank = (times.len() as f64 * percent / 100.0).ceil() as usize;
    times.get(rank.max(1) - 1).copied()
}

/// The numbers that were measured, below a head.
fn lines(report: &Value) -> Vec<[String; 4]> {
    let mut lines = vec![HEADER.map(str::to_owned)];
    lines.extend(ROWS.iter().filter_map(|row| row.cells(report)));
    lines
}

/// How the times are spread, and what else belongs to the numbers.
fn details(report: &Value) -> Vec<String> {
    let at = |path: &str| report.pointer(&format!("/results{path}"));
    let mut lines = Vec::new();
    for (what, path) in [
        ("Starts with 100,000 messages", "/start/small/list"),
        ("Of that, until the page begins", "/start/small/page"),
        ("Starts with 1,000,000 messages", "/start/large/list"),
        ("Of that, until the page begins", "/start/large/page"),
        ("Sending", "/window/send"),
        ("Another conversation", "/window/switch"),
        ("Keys", "/window/key"),
        ("Searches", "/window/search"),
    ] {
        lines.extend(at(path).and_then(|found| spread(what, times(found))));
    }
    let mut kinds = BTreeMap::<&str, Vec<f64>>::new();
    for search in at("/window/search").and_then(Value::as_array).into_iter().flatten() {
        if let (Some(kind), Some(time)) = (search["kind"].as_str(), search["time"].as_f64()) {
            kinds.entry(kind).or_default().push(time);
        }
    }
    lines.extend(
        kinds.into_iter().filter_map(|(kind, times)| spread(&format!("Searches, {kind}"), times)),
    );
    if let Some(bytes) = at("/package/program_bytes").and_then(Value::as_f64) {
        lines.push(format!("The program in the package: {} MB.", number(bytes / 1e6)));
    }
    lines
}

fn spread(what: &str, mut times: Vec<f64>) -> Option<String> {
    let count = times.len();
    let mut at = |percent| percentile(&mut times, percent);
    let (p50, p95, longest) = (at(50.0)?, at(95.0)?, at(100.0)?);
    Some(format!("{what}: p50 {p50:.0}, p95 {p95:.0}, longest {longest:.0} ms, of {count}."))
}

/// The table for a terminal.
pub(super) fn text(report: &Value) -> String {
    let mut text = columns(&lines(report));
    for line in details(report) {
        text += &format!("\n{line}");
    }
    text + "\n"
}

/// Replace the desktop part of the page, and nothing else of it.
pub(super) fn write(page: &Path, report: &Value) -> Result<()> {
    PART.write(page, &markdown(report)?)
}

fn markdown(report: &Value) -> Result<String> {
    let mut page = format!(
        "## Desktop\n\n{}\
         The app that people get, on Linux with WebKitGTK and software rendering, on a screen of \
         1280 × 800 that nobody sees (Xvfb). Its messages are in 50 conversations between five people, \
         four tenths of them Chinese; it is offline with them. A start counts from the start of the \
         process to the moment at which the page has painted its list, the middle of seven, with the \
         disk's pages in memory. Sending, switching and keys count from the event of a key or the mouse, \
         at the time at which the web view's process took it from the system, to the first task after \
         the frame with what came of it, so that its painting is in it; the screen's own copy of the \
         picture is not. A search counts in the page, from the question to the answer: words, \
         beginnings of words, pairs, phrases, one and two Chinese characters, everywhere and in one \
         conversation. Messages are taken in as a connection brings them, 200 at a time. Idle is a \
         minute, connected to a server, with a conversation open and the keyboard in it; the tray is \
         the app after its window was closed. Memory is the proportional set size of the app's \
         processes together, with 1,000,000 messages and a conversation open. The package is for \
         Debian. A megabyte is a million bytes.\n\n",
        circumstances(&report["machine"], "cargo xtask bench-desktop --report")?,
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
    fn a_percentile_is_a_time_that_was_taken() {
        let mut hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        for (percent, time) in [(50.0, 50.0), (95.0, 95.0), (100.0, 100.0), (0.0, 1.0)] {
            assert_eq!(percentile(&mut hundred, percent), Some(time), "{percent}");
        }
        assert_eq!(percentile(&mut [3.0, 1.0, 2.0], 50.0), Some(2.0));
        assert_eq!(percentile(&mut [7.0], 95.0), Some(7.0));
        assert_eq!(percentile(&mut [], 95.0), None);
    }

    #[test]
    fn a_number_is_reached_up_to_its_limit_and_not_above() {
        let reached = |milliseconds: f64| {
            let results = json!({ "start": { "small": { "list": [1.0, milliseconds, 9000.0] } } });
            ROWS[0].cells(&json!({ "results": results })).unwrap()
        };
        assert_eq!(reached(800.0)[1..], ["0.80 s", "≤ 0.80 s", "yes"]);
        assert_eq!(reached(801.0)[3], "not yet");
    }

    #[test]
    fn only_what_was_measured_is_in_the_table() {
        let search = json!([{ "kind": "a word", "time": 4 }, { "kind": "a letter", "time": 60.0 }]);
        let report = json!({ "results": { "window": { "search": search } } });
        let table = text(&report);
        assert!(table.contains("60 ms") && table.contains("not yet"), "{table}");
        assert!(table.contains("Searches, a word: p50 4, p95 4, longest 4 ms, of 1."), "{table}");
        assert_eq!(table.matches("reach").count(), 2, "{table}");
    }
}
