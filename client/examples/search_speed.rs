//! Measures how long it takes to take in messages with their index, and to search them:
//! `cargo run --release -p client --example search_speed [MESSAGES]`, by default 1,000,000. Numbers
//! of a debug build say nothing.

#![allow(clippy::print_stdout)] // It is a tool; what it prints is its result.

use std::sync::Arc;
use std::time::{Duration, Instant};

use client::account::{Account, Arrival};
use client::store::Identity;
use client::{Blocking, Environment};
use protocol::frame::{ConversationPage, Page};
use protocol::model::{
    ConversationKind, Event, EventKind, Head, MessageState, Period, Range, Role, Text,
};
use protocol::request::Person;
use protocol::{ClientRef, ConversationId, DeviceId, SessionId, UserId};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

const CONVERSATIONS: u64 = 50;
const FIRST_PART: u64 = 100_000;
const PER_RANGE: u64 = 200;
const ME: UserId = UserId(Uuid::from_u128(1));
/// A message every twenty seconds, over all conversations.
const BETWEEN: i64 = 20_000;
const BEGAN: i64 = 1_650_000_000_000;
const PER_KIND: usize = 40;

fn main() {
    let total: u64 = std::env::args().nth(1).map_or(1_000_000, |n| n.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("a folder");
    let mut account = open(folder.path());
    let mut source = Source::new();

    let first = source.ranges(total.min(FIRST_PART));
    let began = Instant::now();
    take_in(&mut account, first);
    println!("ingest of the first {}: {:.2?}", total.min(FIRST_PART), began.elapsed());
    let mut done = total.min(FIRST_PART);
    let mut spent = Duration::ZERO;
    while done < total {
        let some = source.ranges(FIRST_PART.min(total - done));
        done += FIRST_PART.min(total - done);
        let began = Instant::now();
        take_in(&mut account, some);
        spent += began.elapsed();
    }
    println!("ingest of the rest: {spent:.2?}");
    let bytes = std::fs::metadata(folder.path().join("cache.db")).map_or(0, |meta| meta.len());
    println!("cache.db: {} MiB", bytes >> 20);
    drop(account);

    let began = Instant::now();
    let mut account = open(folder.path());
    println!("open: {:.2?}", began.elapsed());
    let mut all = Vec::new();
    for (kind, queries, conversation) in source.queries() {
        let mut times: Vec<Duration> = queries
            .iter()
            .map(|query| {
                let began = Instant::now();
                let now = tokio::time::Instant::now();
                let found = account.search(query, conversation, None, now).expect("an answer");
                std::hint::black_box(found);
                began.elapsed()
            })
            .collect();
        report(kind, &mut times);
        // What never ends early is shown, and is no typical search.
        if !kind.starts_with("worst") {
            all.append(&mut times);
        }
    }
    report("all but the worst", &mut all);
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!("{what:>34}: p50 {:>9.2?}  p95 {:>9.2?}  max {:>9.2?}", at(50), at(95), at(100));
}

fn open(folder: &std::path::Path) -> Account {
    let identity = Identity {
        address: "http://127.0.0.1:1".into(),
        person: person(ME, "me"),
        device: DeviceId(Uuid::from_u128(9)),
        session: SessionId(Uuid::from_u128(8)),
        session_only: false,
    };
    let environment = Environment::new(Arc::new(|| BEGAN), [7; 32], Blocking::Inline);
    let opened = Account::open(folder, Some(identity), environment, false);
    opened.expect("it opens").expect("somebody is signed in")
}

fn person(id: UserId, name: &str) -> Person {
    Person { id, name: name.into(), display_name: String::new(), about: String::new() }
}

fn take_in(account: &mut Account, arrivals: Vec<Arrival>) {
    for arrival in arrivals {
        account.ingest(vec![arrival]).expect("it is taken in");
    }
}

/// Makes messages and queries, always the same ones.
struct Source {
    random: StdRng,
    latin: Vec<String>,
    chinese: Vec<String>,
    heads: Vec<u64>,
    at: i64,
}

impl Source {
    fn new() -> Self {
        let mut random = StdRng::seed_from_u64(1);
        let syllables = [
            "ka", "to", "mi", "ser", "lon", "ver", "ad", "in", "pra", "ex", "ou", "th", "ing",
            "be", "st", "al",
        ];
        let mut latin: Vec<String> = (0..30_000)
            .map(|_| {
                let n = random.random_range(1..5);
                (0..n).map(|_| syllables[random.random_range(0..syllables.len())]).collect()
            })
            .collect();
        latin.sort_unstable();
        latin.dedup();
        // The words that are said most are short ones.
        latin.sort_by_cached_key(|word| word.len() * 3 + random.random_range(0..12));
        let chinese = (0..8_000)
            .map(|_| {
                let n = if random.random_range(0..10) < 7 { 2 } else { random.random_range(1..4) };
                (0..n).filter_map(|_| char::from_u32(0x4e00 + often(&mut random, 3000))).collect()
            })
            .collect();
        let heads = vec![0; CONVERSATIONS as usize];
        Self { random, latin, chinese, heads, at: BEGAN }
    }

    fn word(&mut self, chinese: bool) -> String {
        let words = if chinese { &self.chinese } else { &self.latin };
        words[often(&mut self.random, words.len() as u32) as usize].clone()
    }

    fn text(&mut self) -> String {
        let chinese = self.random.random_range(0..10) < 4;
        let words = self.random.random_range(3..16);
        let words: Vec<String> = (0..words).map(|_| self.word(chinese)).collect();
        words.join(if chinese { "" } else { " " })
    }

    /// So many more messages, as the answers to requests for history, with pages that name them.
    fn ranges(&mut self, messages: u64) -> Vec<Arrival> {
        let mut out = Vec::new();
        let mut left = messages;
        while left > 0 {
            let some = left.min(PER_RANGE);
            left -= some;
            let room = often(&mut self.random, CONVERSATIONS as u32);
            let from = self.heads[room as usize] + 1;
            let to = from + some - 1;
            self.heads[room as usize] = to;
            let (mut events, mut states) = (Vec::new(), Vec::new());
            for seq in from..=to {
                self.at += BETWEEN;
                let sender = UserId(Uuid::from_u128(1 + u128::from(seq % 5)));
                let client_ref = ClientRef(Uuid::from_u128(self.random.random()));
                let kind = EventKind::Message { reply_to: None };
                events.push(Event { seq, ord: seq, at: self.at, sender, client_ref, kind });
                let texts = vec![Text { text: self.text(), at: self.at }];
                let (reactions, pinned) = (Vec::new(), false);
                states.push(MessageState { seq, texts, reactions, pinned, state_seq: seq });
            }
            let conversation = conversation(room);
            out.push(Arrival::Page(Page {
                conversations: vec![page(conversation, to, self.at)],
                account_version: 0,
                last: false,
                whole: false,
            }));
            out.push(Arrival::Range(Range {
                conversation,
                from,
                to,
                events,
                states,
                closed: Vec::new(),
            }));
        }
        out
    }

    /// What people type: kinds of queries with some of each.
    fn queries(&mut self) -> Vec<(&'static str, Vec<String>, Option<ConversationId>)> {
        let busy = Some(conversation(0));
        let heads = self.heads.iter().zip(0..).filter(|(head, _)| **head > 0);
        let quiet = heads.min().map(|(_, room)| conversation(room));
        let mut many = |make: &mut dyn FnMut(&mut Self) -> String| -> Vec<String> {
            (0..PER_KIND).map(|_| make(self)).collect()
        };
        let latin = many(&mut |s| s.word(false));
        let two = many(&mut |s| loop {
            let word = s.word(true);
            if word.chars().count() == 2 {
                return word;
            }
        });
        let one = many(&mut |s| s.word(true).chars().take(1).collect());
        let long = many(&mut |s| format!("{}{}", s.word(true), s.word(true)));
        let begun = |n: usize| move |s: &mut Self| s.word(false).chars().take(n).collect();
        let pairs = many(&mut |s| format!("{} {}", s.word(false), s.word(false)));
        let phrase = many(&mut |s| format!("\"{} {}\"", s.word(false), s.word(false)));
        let (b1, b2, b3, b4) =
            (many(&mut begun(1)), many(&mut begun(2)), many(&mut begun(3)), many(&mut begun(4)));
        let common = vec![format!("\"{} {}\"", self.latin[0], self.latin[1]); 5];
        let apart = vec![format!("\"{}\" \"{}\"", self.latin[0], self.chinese[0]); 5];
        vec![
            ("a word", latin.clone(), None),
            ("two Chinese characters", two.clone(), None),
            ("one Chinese character", one, None),
            ("two Chinese words, joined", long, None),
            ("the first letter of a word", b1, None),
            ("the first two letters", b2, None),
            ("the first three letters", b3, None),
            ("the first four letters", b4, None),
            ("two words", pairs, None),
            ("two words in a row", phrase, None),
            ("a word, in a busy conversation", latin.clone(), busy),
            ("a word, in a quiet conversation", latin, quiet),
            ("two characters, in a quiet one", two, quiet),
            ("nothing that is there", vec!["zzzz qqqq".into(); 5], None),
            ("worst: two common words in a row", common, None),
            ("worst: common, never together", apart, None),
        ]
    }
}

/// A number below `most`; small ones come much more often, as words do.
fn often(random: &mut StdRng, most: u32) -> u32 {
    let x: f64 = random.random();
    let n = f64::from(most).powf(x) - 1.0;
    (n as u32).min(most - 1)
}

fn conversation(n: u32) -> ConversationId {
    ConversationId(Uuid::from_u128(
        0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(n) * 0x1_0001_0001,
    ))
}

fn page(conversation: ConversationId, head: u64, at: i64) -> ConversationPage {
    ConversationPage {
        conversation,
        kind: ConversationKind::Group,
        title: "Group".into(),
        history_open: false,
        head: Head { seq: head, ord: head },
        at,
        role: Role::Member,
        periods: vec![Period { joined_seq: 1, left_seq: None }],
        member_count: 5,
        members: Vec::new(),
        markers: Vec::new(),
        read_ord: 0,
        events: Vec::new(),
        states: Vec::new(),
    }
}
