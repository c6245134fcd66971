//! docs/benchmarks.md: each command writes its own part of it.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// A part of the page, between two marks that nobody sees.
pub(crate) struct Part {
    /// The first mark, a comment.
    pub(crate) begin: &'static str,
    /// The last one.
    pub(crate) end: &'static str,
}

impl Part {
    /// Replace this part of the page, and nothing else of it.
    pub(crate) fn write(&self, page: &Path, text: &str) -> Result<()> {
        let old = std::fs::read_to_string(page).unwrap_or_default();
        std::fs::write(page, self.put_into(&old, text)).context("docs/benchmarks.md")
    }

    fn put_into(&self, page: &str, text: &str) -> String {
        let part = format!("{}\n{text}{}", self.begin, self.end);
        let parts = page.split_once(self.begin).and_then(|(before, rest)| {
            let (_, after) = rest.split_once(self.end)?;
            Some(format!("{before}{part}{after}"))
        });
        parts.unwrap_or_else(|| {
            let heading = if page.is_empty() { "# Benchmarks\n" } else { page };
            format!("{heading}\n{part}\n")
        })
    }
}

/// The lines that say where, when and how it was measured.
pub(crate) fn circumstances(machine: &Value, command: &str) -> Result<String> {
    let said = |field: &str| {
        let found = machine.get(field).map(|value| value.to_string().trim_matches('"').to_owned());
        found.with_context(|| format!("nothing says the {field}"))
    };
    Ok(format!(
        "- Machine: {}, {} cores, {} GiB, {}; 16 KiB become durable in {} ms (the middle of 200)\n\
         - Date: {}, commit {}\n\
         - Command: `{command}`\n\n",
        said("cpu")?,
        said("cores")?,
        said("memory_gib")?.trim_end_matches(".0"),
        said("system")?,
        said("fdatasync_millis")?,
        said("date")?,
        said("commit")?,
    ))
}

/// A table for the page; the first line is its head.
pub(crate) fn table<const N: usize>(lines: &[[String; N]]) -> String {
    let mut text = String::new();
    for (n, line) in lines.iter().enumerate() {
        text += &format!("| {} |\n", line.join(" | "));
        if n == 0 {
            text += &format!("|{}\n", "---|".repeat(N));
        }
    }
    text
}

/// The same for a terminal.
pub(crate) fn columns<const N: usize>(lines: &[[String; N]]) -> String {
    let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for line in lines {
        text += "\n";
        for (at, cell) in line.iter().enumerate() {
            let (cell, width) = (cell.as_str(), widths[at]);
            text += &if at == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
        }
    }
    text
}

/// As people write numbers: `12,345`, `4.2`, `0.05`.
pub(crate) fn number(value: f64) -> String {
    if value < 1.0 {
        return format!("{value:.2}");
    }
    if value < 100.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: Part = Part { begin: "<!-- mine: begin -->", end: "<!-- mine: end -->" };

    #[test]
    fn numbers_are_written_as_people_do() {
        for (value, text) in [(16_000.0, "16,000"), (3.456, "3.5"), (0.051, "0.05"), (30.0, "30")] {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(1_234_567.8), "1,234,568");
    }

    #[test]
    fn a_part_of_the_page_is_replaced_and_the_rest_is_left() {
        let Part { begin, end } = MINE;
        let first = MINE.put_into("", "one\n");
        assert_eq!(first, format!("# Benchmarks\n\n{begin}\none\n{end}\n"));
        let page = format!("# Mine\n\n{begin}\nold\n{end}\n\n## Other\n");
        assert_eq!(
            MINE.put_into(&page, "new\n"),
            format!("# Mine\n\n{begin}\nnew\n{end}\n\n## Other\n")
        );
        assert!(MINE.put_into("# Other\n", "new\n").starts_with("# Other\n\n<!-- mine"));
    }

    #[test]
    fn a_table_has_its_head_first() {
        let lines = [["", "a"], ["b", "c"]].map(|line| line.map(str::to_owned));
        assert_eq!(table(&lines), "|  | a |\n|---|---|\n| b | c |\n");
        assert_eq!(columns(&lines), "\n   a\nb  c");
    }
}
