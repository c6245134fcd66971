//! What somebody searches for: all of the words, with `"…"` for words that follow each other, and
//! nothing else. Whatever is typed is a query or none; nothing is an error, and no sign has a
//! meaning for SQLite.

use std::ops::Range;

use protocol::ConversationId;

use super::units::{Unit, units};

/// What is typed beyond this many bytes is not looked at.
const QUERY_BYTES: usize = 4096;
/// Phrases and units that are looked for; those that follow are not.
const MOST_PHRASES: usize = 32;
const MOST_UNITS: usize = 128;
/// Begins the token that names the conversation. No unit of a text has it.
const CONVERSATION: char = '\u{e000}';

/// What is searched for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Query(Vec<Phrase>);

/// Units that follow each other.
#[derive(Debug, PartialEq, Eq)]
struct Phrase {
    units: Vec<Unit>,
    /// Whether the last word may go on: it is still being typed.
    open: bool,
}

impl Query {
    /// `None` when there is nothing in it to search for.
    pub(crate) fn parse(typed: &str) -> Option<Self> {
        let mut end = typed.len().min(QUERY_BYTES);
        while !typed.is_char_boundary(end) {
            end -= 1;
        }
        let mut room = MOST_UNITS;
        let mut phrases = Vec::new();
        for (text, open) in parts(&typed[..end]) {
            let mut units = units(text);
            units.truncate(room);
            room -= units.len();
            if !units.is_empty() && phrases.len() < MOST_PHRASES {
                phrases.push(Phrase { units, open });
            }
        }
        (!phrases.is_empty()).then_some(Self(phrases))
    }

    /// As an expression of FTS5 over [`tokens`].
    pub(crate) fn expression(&self, conversation: Option<ConversationId>) -> String {
        let place = conversation.map(|id| format!("\"{}\"", place(id)));
        let phrases = self.0.iter().map(Phrase::expression);
        place.into_iter().chain(phrases).collect::<Vec<_>>().join(" AND ")
    }

    /// Where in a text is what is searched for: ascending, none touching another. `of` are the
    /// text's units.
    pub(crate) fn hits(&self, of: &[Unit]) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> =
            self.0.iter().flat_map(|phrase| phrase.hits(of)).collect();
        found.sort_by_key(|range| (range.start, range.end));
        let mut hits: Vec<Range<usize>> = Vec::new();
        for range in found {
            match hits.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => hits.push(range),
            }
        }
        hits
    }
}

/// The parts between spaces or quotation marks, and whether the part is still being typed.
fn parts(typed: &str) -> Vec<(&str, bool)> {
    let is_quote = |c| matches!(c, '"' | '“' | '”' | '„');
    let mut parts = Vec::new();
    // Every second part stands between quotation marks; one that is not closed goes to the end.
    let mut quoted = false;
    let mut rest = typed;
    loop {
        let end = rest.find(is_quote);
        let part = &rest[..end.unwrap_or(rest.len())];
        if quoted {
            parts.push((part, end.is_none()));
        } else {
            let ended = end.is_some() || part.ends_with(char::is_whitespace);
            let mut words = part.split_whitespace().peekable();
            while let Some(word) = words.next() {
                parts.push((word, words.peek().is_none() && !ended));
            }
        }
        let Some(end) = end else { return parts };
        let mark = rest[end..].chars().next().map_or(0, char::len_utf8);
        rest = &rest[end + mark..];
        quoted = !quoted;
    }
}

impl Phrase {
    fn expression(&self) -> String {
        let mut words = String::new();
        let mut open = self.open;
        for (at, unit) in self.units.iter().enumerate() {
            let next = self.units.get(at + 1);
            if next.is_none() && unit.dense {
                // The last one of several is in the pair before; a single one begins some pair.
                open = !unit.joined;
                if unit.joined {
                    break;
                }
            }
            if at > 0 {
                words.push(' ');
            }
            push_token(&mut words, unit, next);
        }
        format!("\"{words}\"{}", if open { " *" } else { "" })
    }

    fn hits(&self, of: &[Unit]) -> Vec<Range<usize>> {
        of.windows(self.units.len())
            .filter(|window| self.is_at(window))
            .filter_map(|window| Some(window.first()?.at.start..window.last()?.at.end))
            .collect()
    }

    fn is_at(&self, window: &[Unit]) -> bool {
        let last = self.units.len() - 1;
        self.units.iter().zip(window).enumerate().all(|(at, (wanted, unit))| {
            let same = if at == last && self.open && !wanted.dense {
                unit.text.starts_with(&wanted.text)
            } else {
                unit.text == wanted.text
            };
            same && unit.dense == wanted.dense && (at == 0 || unit.joined == wanted.joined)
        })
    }
}

/// What is indexed of a text: its conversation, then one token for each unit. A dense character's
/// token is the pair that it begins.
pub(crate) fn tokens(conversation: ConversationId, of: &[Unit]) -> String {
    let mut out = place(conversation);
    for (at, unit) in of.iter().enumerate() {
        out.push(' ');
        push_token(&mut out, unit, of.get(at + 1));
    }
    out
}

fn push_token(out: &mut String, unit: &Unit, next: Option<&Unit>) {
    out.push_str(&unit.text);
    if let Some(next) = next.filter(|next| next.joined) {
        out.push_str(&next.text);
    }
}

fn place(conversation: ConversationId) -> String {
    format!("{CONVERSATION}{}", conversation.0.simple())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: ConversationId =
        ConversationId(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_00aa));

    fn expression(typed: &str) -> String {
        Query::parse(typed).map_or_else(String::new, |query| query.expression(None))
    }

    #[test]
    fn words_are_all_wanted_and_the_last_one_may_go_on() {
        let golden = [
            ("Hello Wor", r#""hello" AND "wor" *"#),
            ("hello ", r#""hello""#),
            (r#""hello wor" x"#, r#""hello wor" AND "x" *"#),
            (r#""hello wor"#, r#""hello wor" *"#),
            ("“你好 世界”", r#""你好 好 世界""#),
            ("foo_bar", r#""foo bar" *"#),
            ("机房", r#""机房""#),
            ("机", r#""机" *"#),
            ("新机房 怎么样", r#""新机 机房" AND "怎么 么样""#),
            ("iPhone手", r#""iphone 手" *"#),
            ("手机iPhone", r#""手机 机 iphone" *"#),
            ("👍🏽", r#""👍" *"#),
        ];
        for (typed, wanted) in golden {
            assert_eq!(expression(typed), wanted, "{typed}");
        }
        let inside = Query::parse("hi").unwrap().expression(Some(ROOM));
        assert_eq!(inside, "\"\u{e000}019000000000700080000000000000aa\" AND \"hi\" *");
    }

    #[test]
    fn no_sign_has_a_meaning_and_what_has_no_word_is_no_query() {
        assert_eq!(expression("a AND NOT b*"), r#""a" AND "and" AND "not" AND "b" *"#);
        assert_eq!(expression("words:^x + NEAR(y, 3)"), r#""words x" AND "near y" AND "3" *"#);
        for empty in ["", "  ", "?!…", "\"\"", "\"", "\u{0}", "* ( ) : ^ - +", "\u{e000}"] {
            assert_eq!(Query::parse(empty), None, "{empty:?}");
        }
        let endless = "word ".repeat(1 << 18);
        assert_eq!(Query::parse(&endless).unwrap().0.len(), MOST_PHRASES);
        let one = "字".repeat(1 << 18);
        assert_eq!(Query::parse(&one).unwrap().0[0].units.len(), MOST_UNITS);
    }

    #[test]
    fn what_is_found_is_where_it_stands_in_the_text() {
        let golden = [
            ("hop", "Grace Hopper hopes; a hop", &["Hopper", "hopes", "hop"][..]),
            ("hop ", "Grace Hopper hopes; a hop", &["hop"]),
            ("机房", "新的机房怎么样？机。房", &["机房"]),
            ("机", "新的机房怎么样？机", &["机", "机"]),
            ("foo_bar", "foo bar, foo_bars", &["foo bar", "foo_bars"]),
            ("\"b c\" c", "a b c d c", &["b c", "c"]),
            ("cafe", "CAFÉ ｃａｆｅ", &["CAFÉ", "ｃａｆｅ"]),
            ("a b", "ab a-b", &["a", "b"]),
        ];
        for (typed, text, wanted) in golden {
            let hits = Query::parse(typed).unwrap().hits(&units(text));
            let found: Vec<&str> = hits.into_iter().map(|hit| &text[hit]).collect();
            assert_eq!(found, wanted, "{typed} in {text}");
        }
    }
}
