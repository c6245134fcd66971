//! Messages, people and searches, always the same ones: half a year of a talkative office.

use client::account::Arrival;
use protocol::frame::{ConversationPage, Page};
use protocol::model::{
    ConversationKind, Event, EventKind, Head, Marker, Member, MessageState, Period, Range, Role,
    Text,
};
use protocol::request::Person;
use protocol::{ClientRef, ConversationId, UserId};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

/// Who has them.
pub(crate) const ME: UserId = user(0);
/// When the first one was written.
pub(crate) const BEGAN: i64 = 1_650_000_000_000;
const CONVERSATIONS: u64 = 50;
const PER_RANGE: u64 = 200;
/// A message every twenty seconds, over all conversations.
const BETWEEN: i64 = 20_000;
const PER_KIND: usize = 40;
const NAMES: [&str; 5] = ["Ada", "Grace", "Linus", "Margaret", "小明"];

/// A kind of searches, what is typed, and in which conversation if only there.
pub(crate) type Queries = (&'static str, Vec<String>, Option<ConversationId>);

const fn user(n: u64) -> UserId {
    UserId(Uuid::from_u128(1 + n as u128))
}

/// One of those who write.
pub(crate) fn person(n: u64) -> Person {
    let display_name = NAMES.get(n as usize).map(|name| (*name).to_owned()).unwrap_or_default();
    Person { id: user(n), name: format!("person-{n}"), display_name, about: String::new() }
}

/// Makes messages and queries, always the same ones.
pub(crate) struct Source {
    random: StdRng,
    latin: Vec<String>,
    chinese: Vec<String>,
    heads: Vec<u64>,
    at: i64,
}

impl Source {
    pub(crate) fn new() -> Self {
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

    /// Who they all are.
    pub(crate) fn people(&self) -> Arrival {
        let people: Vec<Person> = (0..NAMES.len() as u64).map(person).collect();
        Arrival::People { asked: people.iter().map(|person| person.id).collect(), people }
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
    pub(crate) fn ranges(&mut self, messages: u64) -> Vec<Arrival> {
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
                let sender = user(seq % NAMES.len() as u64);
                let client_ref = ClientRef(Uuid::from_u128(self.random.random()));
                let kind = EventKind::Message { reply_to: None };
                events.push(Event { seq, ord: seq, at: self.at, sender, client_ref, kind });
                let texts = vec![Text { text: self.text(), at: self.at }];
                let (reactions, pinned) = (Vec::new(), false);
                states.push(MessageState { seq, texts, reactions, pinned, state_seq: seq });
            }
            let conversation = conversation(room);
            out.push(Arrival::Page(Page {
                conversations: vec![page(room, to, self.at)],
                account_version: 0,
                last: true,
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

    /// The link to the newest message of the busiest conversation.
    pub(crate) fn newest(&self) -> String {
        format!("kith://conversation/{}/{}", conversation(0), self.heads[0])
    }

    /// What people type: kinds of queries with some of each.
    pub(crate) fn queries(&mut self) -> Vec<Queries> {
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

/// Everything in it was read.
fn page(room: u32, head: u64, at: i64) -> ConversationPage {
    let everybody = (0..NAMES.len() as u64).map(user);
    ConversationPage {
        conversation: conversation(room),
        kind: ConversationKind::Group,
        title: format!("Room {}", room + 1),
        history_open: false,
        head: Head { seq: head, ord: head },
        at,
        role: Role::Member,
        periods: vec![Period { joined_seq: 1, left_seq: None }],
        member_count: NAMES.len() as u64,
        members: everybody.clone().map(|user| Member { user, role: Role::Member }).collect(),
        markers: everybody.map(|user| Marker { user, delivered: head, read: head }).collect(),
        read_ord: head,
        events: Vec::new(),
        states: Vec::new(),
    }
}
