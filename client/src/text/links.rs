//! Links: which may be one, and where text that is not marked up is one.

use super::preview;
use crate::view::Span;

const LONGEST: usize = 2048;
const SCHEMES: [&str; 3] = ["https:", "http:", "mailto:"];

/// The address, if it may be a link: `https`, `http` or `mailto`, and nothing hidden in it.
pub(super) fn safe(url: &str) -> Option<String> {
    let url = url.trim();
    let hidden = |c: char| c.is_control() || c.is_whitespace() || !protocol::name::is_visible(c);
    if url.len() > LONGEST || url.chars().any(hidden) {
        return None;
    }
    let scheme = SCHEMES.iter().find(|scheme| has_prefix(url, scheme))?;
    let rest = &url[scheme.len()..];
    let good = match *scheme {
        "mailto:" => rest.contains('@'),
        _ => rest
            .strip_prefix("//")
            .is_some_and(|host| host.starts_with(|c: char| c.is_alphanumeric() || c == '[')),
    };
    good.then(|| url.to_owned())
}

/// A link whose text cannot pretend to be another address: such a text is replaced by the address.
pub(super) fn honest(url: String, spans: Vec<Span>) -> Span {
    let shown = preview::plain_spans(&spans);
    let shown = shown.trim();
    let an_address =
        shown.contains("://") || has_prefix(shown, "www.") || has_prefix(shown, "mailto:");
    let visible = shown.chars().any(protocol::name::is_visible);
    if !visible || (an_address && shown != url) {
        let spans = vec![Span::Text { text: url.clone() }];
        return Span::Link { url, spans };
    }
    Span::Link { url, spans }
}

/// The spans of plain text: addresses in it become links.
pub(super) fn find(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut done = 0;
    let mut from = 0;
    while let Some(at) = next_address(text, from) {
        let length = address_length(&text[at..]);
        from = at + length.max(1);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        let Some(url) = safe(&text[at..at + length]) else { continue };
        if at > done {
            spans.push(Span::Text { text: text[done..at].to_owned() });
        }
        spans.push(Span::Link { spans: vec![Span::Text { text: url.clone() }], url });
        done = at + length;
    }
    if done < text.len() {
        spans.push(Span::Text { text: text[done..].to_owned() });
    }
    spans
}

/// Where the next `http://` or `https://` begins, not in the middle of a word.
fn next_address(text: &str, from: usize) -> Option<usize> {
    let mut from = from;
    loop {
        let mark = from + text.get(from..)?.find("://")?;
        let start = ["https", "http"]
            .iter()
            .filter_map(|scheme| mark.checked_sub(scheme.len()).map(|at| (at, scheme)))
            .find(|(at, scheme)| {
                text.get(*at..mark).is_some_and(|t| t.eq_ignore_ascii_case(scheme))
            })
            .map(|(at, _)| at)
            .filter(|&at| at >= from && !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric()));
        match start {
            Some(at) => return Some(at),
            None => from = mark + 3,
        }
    }
}

/// How long the address at the beginning is: up to white space or a bracket, without punctuation
/// that ends the sentence.
fn address_length(text: &str) -> usize {
    let end = text
        .find(|c: char| {
            c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | '，' | '。' | '）')
        })
        .unwrap_or(text.len());
    let mut address = &text[..end];
    loop {
        let opens = address.matches('(').count();
        let closes = address.matches(')').count();
        match address.chars().next_back() {
            Some('.' | ',' | ':' | ';' | '!' | '?' | '\'' | '*' | '_' | '~') => {}
            Some(')') if closes > opens => {}
            _ => return address.len(),
        }
        address = &address[..address.len() - 1];
    }
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}
