//! A message as plain text: in one line, for the list, quotes and notifications; or all of it, for
//! search.

use unicode_segmentation::UnicodeSegmentation;

use super::blocks;
use crate::view::{Block, Span};

/// Longest preview, in characters as people count them.
const LONGEST: usize = 160;
/// How much of a long text is looked at.
const LOOKED_AT: usize = 2048;

/// The text without its markup, in one line, cut when it is long.
#[must_use]
pub fn preview(markdown: &str) -> String {
    let mut cut = markdown.len().min(LOOKED_AT);
    while !markdown.is_char_boundary(cut) {
        cut -= 1;
    }
    let mut text = String::new();
    plain_blocks(&blocks(&markdown[..cut]), &mut text);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.grapheme_indices(true).nth(LONGEST) {
        // A grapheme can be very long; marks without end are cut as well.
        Some((end, _)) if end < LOOKED_AT => format!("{}…", &line[..end]),
        _ => line,
    }
}

/// All that can be searched for in a text: what is shown of it, and where its links lead.
#[must_use]
pub fn searchable(markdown: &str) -> String {
    let mut text = String::new();
    let mut addresses = Vec::new();
    let blocks = blocks(markdown);
    plain_blocks(&blocks, &mut text);
    hidden_addresses(&blocks, &mut addresses);
    for address in addresses {
        text.push_str(address);
        text.push(' ');
    }
    text
}

/// Addresses of links that are not their own text.
fn hidden_addresses<'a>(blocks: &'a [Block], out: &mut Vec<&'a str>) {
    for block in blocks {
        match block {
            Block::Paragraph { spans } => hidden_in_spans(spans, out),
            Block::Code { .. } => {}
            Block::Quote { blocks } => hidden_addresses(blocks, out),
            Block::List { items, .. } => items.iter().for_each(|item| hidden_addresses(item, out)),
        }
    }
}

fn hidden_in_spans<'a>(spans: &'a [Span], out: &mut Vec<&'a str>) {
    for span in spans {
        match span {
            Span::Emphasis { spans } | Span::Strong { spans } | Span::Struck { spans } => {
                hidden_in_spans(spans, out);
            }
            Span::Link { url, spans } => {
                let shown = plain_spans(spans);
                if *url != shown && url.strip_prefix("mailto:") != Some(shown.as_str()) {
                    out.push(url);
                }
            }
            Span::Text { .. } | Span::Code { .. } | Span::Break => {}
        }
    }
}

fn plain_blocks(blocks: &[Block], out: &mut String) {
    for block in blocks {
        match block {
            Block::Paragraph { spans } => out.push_str(&plain_spans(spans)),
            Block::Code { text, .. } => out.push_str(text),
            Block::Quote { blocks } => plain_blocks(blocks, out),
            Block::List { items, .. } => items.iter().for_each(|item| plain_blocks(item, out)),
        }
        out.push(' ');
    }
}

/// The text of some spans.
pub(super) fn plain_spans(spans: &[Span]) -> String {
    let mut out = String::new();
    for span in spans {
        match span {
            Span::Text { text } | Span::Code { text } => out.push_str(text),
            Span::Emphasis { spans }
            | Span::Strong { spans }
            | Span::Struck { spans }
            | Span::Link { spans, .. } => out.push_str(&plain_spans(spans)),
            Span::Break => out.push(' '),
        }
    }
    out
}
