//! The line that a result shows: what stands around the hits, as pieces of plain text.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::found::Piece;
use super::query::Query;
use super::units::units;

/// Longest line, in characters as people count them.
const LONGEST: usize = 160;
/// How much of it stands before the first hit.
const BEFORE: usize = 32;
/// The same bounds in bytes, since a character of a text can be very long.
const LONGEST_BYTES: usize = 2048;
const BEFORE_BYTES: usize = 256;

/// The part of a text in which there is most of what is searched for.
pub(crate) fn snippet(text: &str, query: &Query) -> Vec<Piece> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let hits = query.hits(&units(&line));
    let shown = window(&line, &hits);
    let mut pieces = Vec::new();
    let mut push = |text: &str, hit: bool| {
        if !text.is_empty() {
            pieces.push(Piece { text: text.to_owned(), hit });
        }
    };
    if shown.start > 0 {
        push("…", false);
    }
    let mut done = shown.start;
    for hit in hits.iter().filter(|hit| hit.end > shown.start && hit.start < shown.end) {
        let end = hit.end.min(shown.end);
        push(&line[done..hit.start], false);
        push(&line[hit.start..end], true);
        done = end;
    }
    push(&line[done..shown.end], false);
    if shown.end < line.len() {
        push("…", false);
    }
    pieces
}

/// The stretch to show: it begins a little before the hit that has most hits after it.
fn window(line: &str, hits: &[Range<usize>]) -> Range<usize> {
    let mut best = (0, 0..forward(line, 0, LONGEST, LONGEST_BYTES));
    for (at, hit) in hits.iter().enumerate() {
        let start = backward(line, hit.start);
        let end = forward(line, start, LONGEST, LONGEST_BYTES);
        let inside = hits[at..].iter().take_while(|other| other.end <= end).count();
        if inside > best.0 {
            best = (inside, start..end);
        }
        if end == line.len() {
            break;
        }
    }
    best.1
}

/// The end of so many characters after `from`.
fn forward(line: &str, from: usize, characters: usize, bytes: usize) -> usize {
    let most = floor(line, from.saturating_add(bytes).min(line.len()));
    let rest = &line[from..most];
    rest.grapheme_indices(true).nth(characters).map_or(most, |(at, _)| from + at)
}

/// The beginning of a few characters before `to`; of a word, if there is one.
fn backward(line: &str, to: usize) -> usize {
    let least = floor(line, to.saturating_sub(BEFORE_BYTES));
    let before = &line[least..to];
    let start = before.grapheme_indices(true).rev().take(BEFORE).last().map_or(0, |(at, _)| at);
    if least + start == 0 {
        return 0;
    }
    let word = before[start..].find(' ').map_or(start, |space| start + space + 1);
    least + word
}

/// The character boundary at or before `at`.
fn floor(line: &str, mut at: usize) -> usize {
    while !line.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str, typed: &str) -> String {
        let query = Query::parse(typed).unwrap();
        let pieces = snippet(text, &query).into_iter();
        pieces
            .map(|piece| if piece.hit { format!("[{}]", piece.text) } else { piece.text })
            .collect()
    }

    #[test]
    fn a_short_text_is_shown_whole_in_one_line() {
        assert_eq!(drawn("The moth\nis  in the logbook", "log"), "The moth is in the [logbook]");
        assert_eq!(drawn("新的机房怎么样？", "机房"), "新的[机房]怎么样？");
        assert_eq!(drawn("nothing here", "else"), "nothing here");
    }

    #[test]
    fn of_a_long_text_the_part_with_most_hits_is_shown() {
        let text = format!("first {} second third {}", "x ".repeat(200), "y ".repeat(200));
        let shown = drawn(&text, "\"first\" second third");
        assert!(shown.starts_with("…x x "), "{shown}");
        assert!(shown.contains("x [second] [third] y") && shown.ends_with('…'), "{shown}");
        assert!(shown.chars().count() < LONGEST + 10);
    }

    #[test]
    fn a_text_without_spaces_or_of_endless_marks_is_cut_all_the_same() {
        let text = format!("{}目{}", "一".repeat(5000), "二".repeat(5000));
        let shown = drawn(&text, "目");
        assert_eq!(shown, format!("…{}[目]{}…", "一".repeat(BEFORE), "二".repeat(127)));
        let zalgo = format!("z{} end", "\u{301}".repeat(30_000));
        let bytes: usize = drawn(&zalgo, "z").len();
        assert!(bytes <= LONGEST_BYTES + 10, "{bytes}");
        assert!(drawn(&zalgo, "end").contains("[end]"));
    }
}
