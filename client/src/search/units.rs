//! Cuts a text into what can be searched for: words, single characters of scripts that put no space
//! between words, and pictures. Case, accents and forms of compatibility do not matter: `Café`,
//! `CAFE` and `ｃａｆｅ` are one word. It is done here, since SQLite's own tokenizers find no
//! Chinese word of two characters.

use std::borrow::Cow;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

/// Longer words are told apart by their beginning.
const WORD_CHARS: usize = 64;

/// A word, a character of a dense script, or a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Folded: what is compared.
    pub(crate) text: String,
    /// Whether it is one character of a script without spaces. Such characters are indexed in
    /// pairs, so that every stretch of them can be found.
    pub(crate) dense: bool,
    /// Whether it is dense and follows another dense one with nothing between.
    pub(crate) joined: bool,
    /// Where it stands in the text, in bytes; whole characters as people see them.
    pub(crate) at: Range<usize>,
}

/// What one folded character is.
enum Class {
    /// Part of a word.
    Letter,
    /// A character that stands for itself, in a script without spaces.
    Dense,
    /// A symbol that stands for itself.
    Picture,
    /// Not seen: it neither counts nor ends a word.
    Ignored,
    /// Ends a word.
    Separator,
}

/// The units of a text, in its order.
pub(crate) fn units(text: &str) -> Vec<Unit> {
    let mut cut = Cut { units: Vec::new(), in_word: None, after_dense: false };
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let from = text.len() - rest.len();
        let after = &rest[c.len_utf8()..];
        if is_plain(c) && after.chars().next().is_none_or(is_plain) {
            cut.take(c.to_ascii_lowercase(), from..from + c.len_utf8());
            rest = after;
            continue;
        }
        let cluster = rest.graphemes(true).next().unwrap_or(rest);
        for c in folded(cluster) {
            cut.take(c, from..from + cluster.len());
        }
        rest = &rest[cluster.len()..];
    }
    cut.units
}

/// Characters that are what they are folded to, and whole by themselves when another one follows.
/// Most of what is written is made of them, and nothing else has to be looked up for them.
fn is_plain(c: char) -> bool {
    c.is_ascii()
        || matches!(c,
            '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}' | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

struct Cut {
    units: Vec<Unit>,
    /// How many characters the word at the end has; `None` when no word is open.
    in_word: Option<usize>,
    after_dense: bool,
}

impl Cut {
    fn take(&mut self, c: char, at: Range<usize>) {
        match class(c) {
            Class::Ignored => return,
            Class::Letter => {
                match (self.in_word, self.units.last_mut()) {
                    (Some(length), Some(word)) => {
                        if length < WORD_CHARS {
                            word.text.push(c);
                        }
                        word.at.end = at.end;
                        self.in_word = Some(length + 1);
                    }
                    _ => {
                        self.push(c, false, at);
                        self.in_word = Some(1);
                    }
                }
                self.after_dense = false;
                return;
            }
            Class::Dense => {
                self.push(c, true, at);
                self.after_dense = true;
            }
            Class::Picture => {
                self.push(c, false, at);
                self.after_dense = false;
            }
            Class::Separator => self.after_dense = false,
        }
        self.in_word = None;
    }

    fn push(&mut self, c: char, dense: bool, at: Range<usize>) {
        let joined = dense && self.after_dense;
        self.units.push(Unit { text: c.to_string(), dense, joined, at });
    }
}

/// The characters that are compared instead of those of one cluster.
fn folded(cluster: &str) -> impl Iterator<Item = char> + '_ {
    cluster.nfkd().filter(|&c| !is_accent(c)).flat_map(char::to_lowercase).flat_map(plain).nfc()
}

/// Marks that people leave out when they type a search: accents, and the vowel signs of Hebrew and
/// Arabic. Those of other scripts are part of the spelling.
fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5c7}'
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{6ed}' | '\u{1ab0}'..='\u{1dff}')
        && is_combining_mark(c)
}

/// Letters that people type in another way, and that Unicode does not decompose.
fn plain(c: char) -> impl Iterator<Item = char> {
    let letters: Cow<'static, str> = match c {
        'ß' => "ss".into(),
        'æ' => "ae".into(),
        'œ' => "oe".into(),
        'ø' => "o".into(),
        'ł' => "l".into(),
        'đ' | 'ð' => "d".into(),
        'þ' => "th".into(),
        'ı' => "i".into(),
        'ς' => "σ".into(),
        'ى' | 'ی' => "ي".into(),
        'ک' => "ك".into(),
        'ة' => "ه".into(),
        other => return Letters::One(Some(other)),
    };
    Letters::Some(letters.chars().collect::<Vec<_>>().into_iter())
}

enum Letters {
    One(Option<char>),
    Some(std::vec::IntoIter<char>),
}

impl Iterator for Letters {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self {
            Self::One(one) => one.take(),
            Self::Some(some) => some.next(),
        }
    }
}

fn class(c: char) -> Class {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() { Class::Letter } else { Class::Separator };
    }
    if is_ignored(c) {
        Class::Ignored
    } else if is_dense(c) {
        Class::Dense
    } else if c.is_alphanumeric() || is_combining_mark(c) {
        Class::Letter
    } else if is_picture(c) {
        Class::Picture
    } else {
        Class::Separator
    }
}

/// Joiners, directions, variants, skin tones, and the stroke that makes Arabic words longer.
fn is_ignored(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{640}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0000}'..='\u{e0fff}')
}

/// Scripts that put no space between words, and Korean, whose words carry endings.
fn is_dense(c: char) -> bool {
    matches!(c,
        // Thai, Lao, Burmese, Khmer.
        '\u{e01}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}' | '\u{e81}'..='\u{ece}' | '\u{edc}'..='\u{edf}'
        | '\u{1000}'..='\u{103f}' | '\u{1050}'..='\u{109d}' | '\u{1780}'..='\u{17d3}'
        // Korean.
        | '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}'
        // Chinese and Japanese.
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}'
        | '\u{3041}'..='\u{309f}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}'
        | '\u{3100}'..='\u{312f}' | '\u{31a0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{a000}'..='\u{a48f}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

/// Emoji, arrows, signs of currency and the like. Punctuation is none.
fn is_picture(c: char) -> bool {
    matches!(c,
        '\u{a2}'..='\u{a5}' | '\u{a9}' | '\u{ae}' | '\u{20a0}'..='\u{20cf}' | '\u{2190}'..='\u{2bff}'
        | '\u{3030}' | '\u{303d}' | '\u{1f000}'..='\u{1fbff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        units(text).into_iter().map(|unit| unit.text).collect()
    }

    /// Units with a bar where one is joined to the one before.
    fn drawn(text: &str) -> String {
        let mut out = String::new();
        for unit in units(text) {
            out.push(if unit.joined { '|' } else { ' ' });
            out.push_str(&unit.text);
        }
        out.trim_start().to_owned()
    }

    #[test]
    fn texts_are_cut_into_what_people_search_for() {
        let golden = [
            ("Hello, World!", "hello world"),
            ("don't — don’t", "don t don t"),
            ("Crème brûlée ÅNGSTRÖM", "creme brulee angstrom"),
            ("İstanbul ISPARTA ısparta", "istanbul isparta isparta"),
            ("Straße STRASSE Łódź Ørsted", "strasse strasse lodz orsted"),
            ("ﬁne ｃａｆｅ ①②", "fine cafe 12"),
            ("Ἀθήνα ΘΕΌΣ θεός", "αθηνα θεοσ θεοσ"),
            ("ёлка Ёлка", "елка елка"),
            ("foo_bar fooBar foo-bar()", "foo bar foobar foo bar"),
            ("https://kith.example.org/a?b=2024", "https kith example org a b 2024"),
            ("3.14 1,000 v1.2.3", "3 14 1 000 v1 2 3"),
            ("机房", "机|房"),
            ("你好，世界", "你|好 世|界"),
            ("iPhone手机 ok", "iphone 手|机 ok"),
            ("東京タワーへ", "東|京|タ|ワ|ー|へ"),
            ("ﾊﾞﾅﾅ", "バ|ナ|ナ"),
            ("서울에서", "서|울|에|서"),
            ("\u{1109}\u{1165}\u{110b}\u{116e}\u{11af}", "서|울"),
            ("ที่นี่", "ท|ี|่|น|ี|่"),
            ("हिन्दी में", "हिन्दी में"),
            ("مُحَمَّد أحمد كتـــاب", "محمد احمد كتاب"),
            ("שָׁלוֹם", "שלום"),
            ("👍🏽 ❤️ 👩‍👩‍👧", "👍 ❤ 👩 👩 👧"),
            ("🇩🇪 5€ 100%", "🇩 🇪 5 € 100"),
            ("a\u{0}b\u{200b}c\u{ad}d", "a bcd"),
            ("?!… \t\n «»", ""),
            ("", ""),
        ];
        for (text, wanted) in golden {
            assert_eq!(drawn(text), wanted, "{text}");
        }
    }

    #[test]
    fn places_are_whole_characters_of_the_text() {
        let text = "Ｃａｆé ☕️ 机房 👩‍👩‍👧";
        for unit in units(text) {
            assert!(text.is_char_boundary(unit.at.start) && text.is_char_boundary(unit.at.end));
        }
        let places: Vec<&str> = units(text).into_iter().map(|unit| &text[unit.at]).collect();
        assert_eq!(places[..3], ["Ｃａｆé", "☕️", "机"]);
        assert_eq!(places[4..], ["👩‍👩‍👧"; 3]);
    }

    #[test]
    fn a_word_without_end_is_cut_and_marks_without_end_are_taken() {
        let long = "a".repeat(100_000);
        assert_eq!(texts(&long), ["a".repeat(WORD_CHARS)]);
        assert_eq!(units(&long)[0].at, 0..100_000);
        let zalgo = format!("z{}", "\u{301}".repeat(30_000));
        assert_eq!(texts(&zalgo), ["z"]);
    }
}
