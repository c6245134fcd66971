//! Logs that nobody would think of: several people in several conversations, every command, targets
//! that are not there, second copies of every kind, garbage.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use protocol::{Command, ConversationId, Role, direct_conversation};
use server::pipeline::record::Record;
use uuid::Uuid;

use super::records::{self, Log, START, group, record, reference, user};

/// `cases` logs, the same ones every time, unless the environment asks for others.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(2026);
    }
    config
}

/// One record, before its refs and positions are known.
#[derive(Clone, Debug)]
pub(crate) enum Move {
    /// Somebody sends commands. People are numbers, places one of [`place`].
    Send { place: u64, who: u64, commands: Vec<Command>, absent: Vec<u64>, blocked: Vec<u64> },
    /// An earlier record comes again.
    Again { of: usize, how: Repeat },
    /// Something that is no record.
    Garbage(Junk),
}

/// How a record comes again.
#[derive(Clone, Debug)]
pub(crate) enum Repeat {
    /// As it was.
    Whole,
    /// Taken later, when other people were there.
    Stamped(Vec<u64>, Vec<u64>),
    /// Its last command alone, before a new one.
    Last(Command),
    /// Another command under its first ref.
    Rewritten(Command),
}

#[derive(Clone, Debug)]
pub(crate) enum Junk {
    Bytes(Vec<u8>),
    /// A record of another version of the fold.
    Version(u32),
    /// A record one of whose commands no app may send.
    Malformed(Command),
    /// A ref twice in one record.
    Twice(Command, Command),
}

/// Most people of a generated log; the last is seldom in any group.
pub(crate) const PEOPLE: u64 = 5;

/// Where a record says that it belongs, and with which peer.
fn place(place: u64, who: u64) -> (ConversationId, Option<u64>) {
    match place {
        0..=4 => (group(1), None),
        5 => (group(2), None),
        // The two people of a direct conversation, and others who say that they are.
        6 | 7 => (direct_conversation(user(1), user(2)), Some(if who == 1 { 2 } else { 1 })),
        // Ids that are no group's, and a direct one without its peer.
        8 => (ConversationId(Uuid::from_u128(0x4000_8000_0000_0000_0000)), None),
        9 => (direct_conversation(user(1), user(2)), None),
        _ => (group(1), Some(2)),
    }
}

fn people() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(1..=PEOPLE, 0..4)
}

/// Mostly those who are in most conversations.
fn who() -> impl Strategy<Value = u64> {
    prop_oneof![6 => Just(1u64), 5 => Just(2u64), 3 => Just(3u64), 2 => 4..=PEOPLE]
}

/// Mostly nobody.
fn stamps() -> impl Strategy<Value = Vec<u64>> {
    prop_oneof![4 => Just(Vec::new()), 1 => people()]
}

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned)
}

/// Any seq that an app may name: mostly of a message, sometimes of no message or of none yet.
fn target() -> impl Strategy<Value = u64> {
    prop_oneof![9 => 1u64..6, 3 => 1u64..30, 1 => Just((1 << 53) - 1)]
}

/// Any command that an app may send.
pub(crate) fn command() -> impl Strategy<Value = Command> {
    let emoji = prop::sample::select(vec!["👍", "🎉"]);
    let role = prop::sample::select(vec![Role::Member, Role::Admin, Role::Owner]);
    prop_oneof![
        8 => text().prop_map(|text| Command::Message { text, reply_to: None }),
        3 => (text(), target()).prop_map(|(text, to)| Command::Message { text, reply_to: Some(to) }),
        5 => (target(), text()).prop_map(|(target, text)| Command::Edit { target, text }),
        3 => target().prop_map(|target| Command::Delete { target }),
        4 => (target(), emoji, any::<bool>()).prop_map(|(target, emoji, on)| {
            Command::React { target, emoji: emoji.to_owned(), on }
        }),
        3 => (target(), any::<bool>()).prop_map(|(target, on)| Command::Pin { target, on }),
        1 => (text(), people(), any::<bool>()).prop_map(|(title, members, history_open)| {
            Command::Create { title, members: records::users(&members), history_open }
        }),
        1 => text().prop_map(|title| Command::Rename { title }),
        3 => prop::collection::vec(1..=PEOPLE, 1..3).prop_map(|users| records::add(&users)),
        1 => (1..=PEOPLE).prop_map(records::remove),
        1 => Just(Command::Leave {}),
        2 => (1..=PEOPLE, role).prop_map(|(user, role)| records::give(user, role)),
    ]
}

/// A command that is not well formed.
pub(crate) fn malformed() -> impl Strategy<Value = Command> {
    prop_oneof![
        prop::sample::select(vec![0, 1 << 53, u64::MAX]).prop_map(records::delete),
        prop::sample::select(vec![0, u64::MAX]).prop_map(|seq| records::reply(seq, "a")),
        Just(records::say("")),
        Just(records::react(1, "x", true)),
        Just(records::add(&[])),
    ]
}

fn one_move() -> impl Strategy<Value = Move> {
    let commands = prop::collection::vec(command(), 1..4);
    let at = prop_oneof![20 => 0..8u64, 1 => 8..11u64];
    let send = (at, who(), commands, stamps(), stamps());
    let copy = prop_oneof![
        3 => Just(Repeat::Whole),
        2 => (stamps(), stamps()).prop_map(|(absent, blocked)| Repeat::Stamped(absent, blocked)),
        2 => command().prop_map(Repeat::Last),
        1 => command().prop_map(Repeat::Rewritten),
    ];
    let junk = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..9).prop_map(Junk::Bytes),
        prop::sample::select(vec![0, 2, u32::MAX]).prop_map(Junk::Version),
        malformed().prop_map(Junk::Malformed),
        (command(), command()).prop_map(|(one, other)| Junk::Twice(one, other)),
    ];
    prop_oneof![
        12 => send.prop_map(|(place, who, commands, absent, blocked)| {
            Move::Send { place, who, commands, absent, blocked }
        }),
        3 => (any::<prop::sample::Index>(), copy)
            .prop_map(|(of, how)| Move::Again { of: of.index(1_000), how }),
        1 => junk.prop_map(Move::Garbage),
    ]
}

/// A log of up to `records` records. Mostly its groups are there from the start.
pub(crate) fn history(records: usize) -> impl Strategy<Value = Log> {
    (prop::bool::weighted(0.9), prop::collection::vec(one_move(), 1..=records))
        .prop_map(|(begun, moves)| build(begun, moves))
}

/// Batch sizes.
pub(crate) fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1usize..6, 1..6)
}

fn build(begun: bool, moves: Vec<Move>) -> Log {
    let mut refs = 0..;
    let mut number = |commands: Vec<Command>| -> Vec<(u64, Command)> {
        commands.into_iter().map(|command| (refs.next().unwrap(), command)).collect()
    };
    let mut sent: Vec<Record> = Vec::new();
    let mut log = Log::new();
    let mut moves = moves;
    if begun {
        let begin = |place, members: &[u64]| Move::Send {
            place,
            who: 1,
            commands: vec![records::create("a", members), records::say("a"), records::say("b")],
            absent: Vec::new(),
            blocked: Vec::new(),
        };
        moves.splice(0..0, [begin(0, &[2, 3]), begin(5, &[2, 4])]);
    }
    for (position, one) in (START..).zip(moves) {
        let at = 1_700_000_000_000 + i64::try_from(position - START).unwrap() * 1_000;
        let bytes = match one {
            Move::Send { place: at_place, who, commands, absent, blocked } => {
                let (conversation, peer) = place(at_place, who);
                let mut new = record(conversation, who, number(commands));
                new.at = at;
                new.peer = peer.map(user);
                new.absent = records::users(&absent);
                new.blocked = records::users(&blocked);
                sent.push(new.clone());
                new.encode()
            }
            Move::Again { of, how } if !sent.is_empty() => {
                let mut again = sent[of % sent.len()].clone();
                again.at = at;
                match how {
                    Repeat::Whole => {}
                    Repeat::Stamped(absent, blocked) => {
                        again.absent = records::users(&absent);
                        again.blocked = records::users(&blocked);
                    }
                    Repeat::Last(command) => {
                        let new = number(vec![command]).remove(0);
                        again.commands.drain(..again.commands.len() - 1);
                        again.commands.extend(record(again.conversation, 1, [new]).commands);
                    }
                    Repeat::Rewritten(command) => again.commands[0].command = command,
                }
                again.encode()
            }
            Move::Again { .. } => bytes::Bytes::new(),
            Move::Garbage(junk) => garbage(junk),
        };
        log.push((position, bytes));
    }
    log
}

fn garbage(junk: Junk) -> bytes::Bytes {
    // Its refs are its own: nothing of it may ever be seen.
    let of = |commands: Vec<Command>| record(group(1), 1, (900_000..).zip(commands));
    match junk {
        Junk::Bytes(bytes) => bytes.into(),
        Junk::Version(version) => Record { version, ..of(vec![records::say("a")]) }.encode(),
        Junk::Malformed(command) => of(vec![records::say("a"), command]).encode(),
        Junk::Twice(one, other) => {
            let mut record = of(vec![one, other]);
            record.commands[1].client_ref = reference(900_000);
            record.encode()
        }
    }
}
