//! Keeps `docs/protocol.md` true: everything that the crate defines stands there, everything that the
//! page's tables name exists, and every example decodes without losing a field.

use std::collections::{BTreeMap, BTreeSet};

use protocol::wire::{decode_client, decode_server, encode};
use protocol::{ClientFrame, Code, Command, EventKind, ServerFrame, UserId};
use serde::de::DeserializeOwned;
use serde_json::Value;

const PAGE: &str = include_str!("../../docs/protocol.md");
const LIMITS: &str = include_str!("../src/limits.rs");

/// The part of the page under a heading, up to the next one of that rank or above.
fn section(heading: &str) -> &'static str {
    let begin = PAGE.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let rest = &PAGE[begin + heading.len() + 2..];
    let rank = heading.bytes().take_while(|byte| *byte == b'#').count();
    let ends = (1..=rank).filter_map(|n| rest.find(&format!("\n{} ", "#".repeat(n))));
    &rest[..ends.min().unwrap_or(rest.len())]
}

/// The cells of each row of the tables in a part of the page.
fn rows(part: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = part.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
}

/// What stands between a cell's first two back quotes.
fn code(cell: &str) -> &str {
    cell.split('`').nth(1).unwrap_or_default()
}

/// The names that an enum takes, as its decoder says when it is given another one.
fn variants<T: DeserializeOwned>() -> BTreeSet<String> {
    let Err(error) = serde_json::from_str::<T>(r#"{"\u0000":{}}"#) else {
        panic!("takes anything")
    };
    let said = error.to_string();
    let expected = said.split_once("expected one of ").unwrap_or_else(|| panic!("{said}")).1;
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// One list for the names of all kinds and for the name of one. A new kind does not compile until it
/// stands here.
macro_rules! kinds {
    ($($kind:ident = $name:literal),*) => {
        const KINDS: &[&str] = &[$($name),*];

        fn kind_name(kind: &EventKind) -> Option<&'static str> {
            match kind {
                $(EventKind::$kind { .. } => Some($name),)*
                EventKind::Unknown(_) => None,
            }
        }
    };
}

kinds!(
    Message = "message",
    Edited = "edited",
    Deleted = "deleted",
    Reacted = "reacted",
    Pinned = "pinned",
    Created = "created",
    Renamed = "renamed",
    Added = "added",
    Removed = "removed",
    Left = "left",
    RoleChanged = "role_changed"
);

/// The only field of an object.
fn op(value: &Value) -> String {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    assert_eq!(object.len(), 1, "one field: {value}");
    object.keys().next().cloned().unwrap_or_default()
}

/// The examples of a part of the page that are marked with `side`.
fn examples(part: &str, side: &str) -> Vec<String> {
    let fence = format!("```json {side}\n");
    part.split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

fn same_after_decoding(example: &str, again: &str) {
    let [example, again] =
        [example, again].map(|text| serde_json::from_str::<Value>(text).expect("JSON"));
    assert_eq!(example, again, "the example has a field that does not exist, or lacks one");
}

#[test]
fn every_op_of_an_app_is_described_with_an_example_that_decodes() {
    let part = section("## Frames an app sends");
    let mut shown = BTreeSet::new();
    for example in examples(part, "client") {
        let frame = decode_client(&example).unwrap_or_else(|e| panic!("{e:?}: {example}"));
        same_after_decoding(&example, &encode(&frame));
        if let ClientFrame::Submit(submit) = &frame {
            let ada: UserId = "0192a000-0000-7000-8000-0000000000a1".parse().unwrap();
            assert_eq!(submit.check(ada), Ok(()), "{example}");
            assert!(submit.commands.iter().all(|entry| entry.command.check().is_ok()), "{example}");
        }
        shown.insert(op(&serde_json::from_str(&example).unwrap()));
    }
    assert_eq!(shown, variants::<ClientFrame>());
    for op in shown {
        assert!(part.contains(&format!("\n### {op}\n")), "no heading for {op}");
    }
}

#[test]
fn every_op_of_a_server_is_described_with_an_example_that_decodes() {
    let part = section("## Frames a server sends");
    let mut shown = BTreeSet::new();
    for example in examples(part, "server") {
        let frame = decode_server(&example).unwrap_or_else(|e| panic!("{e}: {example}"));
        let frame: ServerFrame = frame.unwrap_or_else(|| panic!("an unknown op: {example}"));
        same_after_decoding(&example, &encode(&frame));
        shown.insert(op(&serde_json::from_str(&example).unwrap()));
    }
    assert_eq!(shown, variants::<ServerFrame>());
    for op in shown {
        let heading = format!("\n### {op}");
        assert!(part.contains(&heading), "no heading for {op}");
    }
}

#[test]
fn no_example_stands_outside_the_parts_that_are_checked() {
    let checked = examples(section("## Frames an app sends"), "client").len()
        + examples(section("## Frames a server sends"), "server").len();
    assert_eq!(PAGE.matches("```json").count(), checked);
}

#[test]
fn every_command_is_in_the_table_and_every_row_is_a_good_command() {
    let mut shown = BTreeSet::new();
    for row in rows(section("## Commands")) {
        let text = code(row[0]);
        let command: Command = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        assert_eq!(command.check(), Ok(()), "{text}");
        same_after_decoding(text, &encode(&command));
        shown.insert(op(&serde_json::from_str(text).unwrap()));
    }
    assert_eq!(shown, variants::<Command>());
}

#[test]
fn every_event_kind_is_in_the_table_and_every_row_is_one() {
    let mut shown = BTreeSet::new();
    for row in rows(section("## Events")).filter(|row| row[0].starts_with("`{")) {
        let text = code(row[0]);
        let kind: EventKind = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let name = kind_name(&kind).unwrap_or_else(|| panic!("an unknown kind: {text}"));
        same_after_decoding(text, &encode(&kind));
        shown.insert(name);
    }
    assert_eq!(shown, KINDS.iter().copied().collect());
}

#[test]
fn the_table_of_codes_is_the_list_of_codes() {
    let table: BTreeMap<&str, u16> = rows(section("## Error codes"))
        .map(|row| (code(row[0]), row[1].parse().unwrap_or_else(|e| panic!("{e}: {row:?}"))))
        .collect();
    let codes: BTreeMap<&str, u16> =
        Code::ALL.iter().map(|code| (code.as_str(), code.status())).collect();
    assert_eq!(table, codes);
}

#[test]
fn every_code_that_the_page_names_in_back_quotes_as_a_refusal_exists() {
    for row in rows(section("## Commands")) {
        for name in row[2].split('`').skip(1).step_by(2) {
            // Commands and fields are named in the same column.
            let known = Code::parse(name) != Code::Unknown || variants::<Command>().contains(name);
            assert!(known, "{name} in {row:?}");
        }
    }
}

#[test]
fn every_limit_is_in_the_table_with_its_value() {
    let part = section("## Limits");
    let mut found = 0;
    for line in LIMITS.lines().filter_map(|line| line.strip_prefix("pub const ")) {
        let (name, rest) = line.split_once(':').unwrap();
        let text = rest.split_once('=').unwrap().1.trim().trim_end_matches(';').replace('_', "");
        let value: u64 = text.split(" * ").map(|factor| factor.parse::<u64>().unwrap()).product();
        assert!(part.contains(&format!("| {value} | `{name}` |")), "{name} = {value}");
        found += 1;
    }
    assert!(found > 20, "the limits were not read");
}
