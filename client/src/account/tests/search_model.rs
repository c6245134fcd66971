//! Searching against a plain model: through random sends, edits, deletes, repeats and restarts every
//! message that has the words is found, and no other.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::search::{OTHER, changed, described, folder, found, said};
use super::*;

/// A piece of a text that is made for a test, and how to search for it.
const PIECES: [&str; 14] = [
    "moth",
    "Moths",
    "log",
    "Log-book",
    "café",
    "foo_bar",
    "42",
    "机房",
    "新机房",
    "明天见",
    "東京",
    "서울",
    "👍",
    "สวัสดี",
];
const QUERIES: [&str; 16] = [
    "moth",
    "\"moth\"",
    "log",
    "book",
    "cafe",
    "foo_bar",
    "bar",
    "42",
    "机房",
    "房",
    "天",
    "東京",
    "서울",
    "👍",
    "วัส",
    "moth 机房",
];

/// Whether a message made of these pieces has what is searched for, by reading it.
fn has(pieces: &[&str], typed: &str) -> bool {
    let last = typed.split(' ').next_back();
    typed.split(' ').all(|word| {
        let open = Some(word) == last && !word.starts_with('"');
        let word = word.trim_matches('"');
        pieces.iter().any(|piece| {
            let piece = piece.to_lowercase().replace('é', "e");
            let mut parts = piece.split('-').chain(piece.split('_'));
            match word.is_ascii() {
                true if open => parts.any(|part| part.starts_with(word)),
                true => parts.any(|part| part == word),
                false => piece.contains(word),
            }
        })
    })
}

#[derive(Clone, Debug)]
enum Step {
    Say(bool, Vec<usize>),
    Edit(usize, Vec<usize>),
    Delete(usize),
    Again(usize),
    Restart,
    Anew,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let words = || prop::collection::vec(0..PIECES.len(), 0..5);
    let step = prop_oneof![
        6 => (any::<bool>(), words()).prop_map(|(other, words)| Step::Say(other, words)),
        3 => (any::<usize>(), words()).prop_map(|(at, words)| Step::Edit(at, words)),
        2 => any::<usize>().prop_map(Step::Delete),
        1 => any::<usize>().prop_map(Step::Again),
        1 => Just(Step::Restart),
        1 => Just(Step::Anew),
    ];
    prop::collection::vec(step, 1..40)
}

fn pieces(words: &[usize]) -> Vec<&'static str> {
    words.iter().map(|&word| PIECES[word]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_message_that_has_the_words_is_found_and_no_other(steps in steps()) {
        let folder = folder();
        let mut account = open(folder.path());
        account.ingest(vec![described(ROOM, 0), described(OTHER, 0)]).unwrap();
        // What each message says now, by conversation and seq; and the heads.
        let mut model: BTreeMap<(bool, u64), Vec<&str>> = BTreeMap::new();
        let mut heads = [0u64; 2];
        for step in steps {
            let chosen = |at: usize| model.keys().nth(at % model.len().max(1)).copied();
            let mut next = |other: bool| {
                heads[usize::from(other)] += 1;
                (if other { OTHER } else { ROOM }, heads[usize::from(other)])
            };
            match step {
                Step::Say(other, words) => {
                    let (room, seq) = next(other);
                    let text = pieces(&words).join(" ");
                    account.ingest(vec![said(room, seq, &text)]).unwrap();
                    model.insert((other, seq), pieces(&words));
                }
                Step::Edit(at, words) => if let Some((other, target)) = chosen(at) {
                    let (room, seq) = next(other);
                    let text = pieces(&words).join(", ");
                    account.ingest(vec![changed(room, seq, target, Some(&text))]).unwrap();
                    model.insert((other, target), pieces(&words));
                },
                Step::Delete(at) => if let Some((other, target)) = chosen(at) {
                    let (room, seq) = next(other);
                    account.ingest(vec![changed(room, seq, target, None)]).unwrap();
                    model.insert((other, target), vec![]);
                },
                Step::Again(at) => if let Some((other, seq)) = chosen(at) {
                    let room = if other { OTHER } else { ROOM };
                    account.ingest(vec![said(room, seq, "moth 机房")]).unwrap();
                },
                Step::Restart => {
                    drop(account);
                    account = open(folder.path());
                }
                Step::Anew => {
                    account.cache.begin_index().unwrap();
                    while account.index_step().unwrap() {}
                }
            }
        }
        for typed in QUERIES {
            let wanted: Vec<(u64, bool)> = model
                .iter()
                .filter(|(_, pieces)| has(pieces, typed))
                .map(|(&(other, seq), _)| (seq, other))
                .collect();
            let mut all = found(&mut account, typed, None);
            all.sort_unstable_by_key(|&(seq, other)| (other, seq));
            prop_assert_eq!(&all, &wanted, "{}", typed);
            let mut here = found(&mut account, typed, Some(OTHER));
            here.reverse();
            let wanted: Vec<_> = wanted.into_iter().filter(|(_, other)| *other).collect();
            prop_assert_eq!(here, wanted, "{} in one conversation", typed);
        }
    }
}
