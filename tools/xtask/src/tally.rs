//! Counts of tests, read from what each runner prints at its end.

use std::ops::AddAssign;

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Whose closing lines are to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    /// `test result: ok. 3 passed; 0 failed; …`, once for each binary.
    Cargo,
    /// `Tests  1 failed | 11 passed (12)`.
    Vitest,
    /// A plain `12 passed, 0 failed`.
    Plain,
    /// It counts nothing; ending well is one test that passed.
    Whole,
}

impl Runner {
    /// What a line says, if it is a closing line.
    pub(crate) fn read(self, line: &str) -> Option<Tally> {
        let line = plain(line);
        let counts = match self {
            Self::Cargo => line.trim_start().strip_prefix("test result: ")?,
            Self::Vitest => line.trim_start().strip_prefix("Tests ")?,
            Self::Plain if line.contains(" passed, ") && line.trim_end().ends_with(" failed") => {
                &line
            }
            Self::Plain | Self::Whole => return None,
        };
        Some(Tally { passed: before(counts, "passed"), failed: before(counts, "failed") })
    }
}

/// The number that stands before a word; 0 when the word is not there.
fn before(text: &str, word: &str) -> u64 {
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words
        .windows(2)
        .find(|pair| pair[1] == word)
        .and_then(|pair| pair[0].parse().ok())
        .unwrap_or_default()
}

/// The line without colours.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            let _ = characters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_each_runner_are_read() {
        let cargo =
            "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(Runner::Cargo.read(cargo), Some(Tally { passed: 3, failed: 1 }));
        let vitest = "\u{1b}[2m      Tests \u{1b}[22m \u{1b}[31m2 failed\u{1b}[39m | \u{1b}[32m11 passed\u{1b}[39m (13)";
        assert_eq!(Runner::Vitest.read(vitest), Some(Tally { passed: 11, failed: 2 }));
        assert_eq!(
            Runner::Vitest.read("  Tests  7 passed (7)"),
            Some(Tally { passed: 7, failed: 0 })
        );
        assert_eq!(Runner::Plain.read("9 passed, 1 failed"), Some(Tally { passed: 9, failed: 1 }));
    }

    #[test]
    fn other_lines_are_not_counted() {
        assert_eq!(Runner::Cargo.read("test a_result ... ok"), None);
        assert_eq!(Runner::Vitest.read(" Test Files  2 passed (2)"), None);
        assert_eq!(Runner::Plain.read("3 passed, and 2 more"), None);
        assert_eq!(Runner::Whole.read("9 passed, 1 failed"), None);
    }
}
