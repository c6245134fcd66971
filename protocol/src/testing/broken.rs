//! Broken text: JSON that was right once and then had something done to it, in its structure or in
//! its bytes. What was found to hurt other systems is the first corpus.

use std::fmt::Debug;

use proptest::collection::vec;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// Whole texts that are no frame, no request and no record, or only just are one.
pub const BAD: &[&str] = &[
    "",
    " ",
    "null",
    "NaN",
    "-0",
    "[]",
    "{}",
    "\"hello\"",
    "{\"hello\":",
    "{\"hello\":{}}",
    "{\"hello\":null}",
    "{\"hello\":{\"version\":-1}}",
    "{\"hello\":{\"version\":1.0}}",
    "{\"hello\":{\"version\":4294967296}}",
    "{\"hello\":{\"version\":1}}{\"hello\":{\"version\":1}}",
    "{\"hello\":{\"version\":1},\"hello\":{\"version\":1}}",
    "{\"hello\":{\"version\":1,\"version\":1}}",
    "\u{feff}{\"hello\":{\"version\":1}}",
    "{\"hel\\u0000lo\":{\"version\":1}}",
    "{\"hello\":{\"version\":1,\"cursor\":\"\\ud800\"}}",
    "{\"Hello\":{\"version\":1}}",
    "{\"wave\":{}}",
    "{\"mark\":{\"conversation\":\"0190a000-0000-7000-8000-000000000001\",\"read\":-1}}",
    "{\"mark\":{\"conversation\":\"0190a000-0000-7000-8000-000000000001\",\"read\":-0}}",
    "{\"mark\":{\"conversation\":\"0190a000-0000-7000-8000-000000000001\",\"read\":1e400}}",
    "{\"mark\":{\"conversation\":\"{0190a000-0000-7000-8000-000000000001}\",\"read\":1}}",
    "{\"mark\":{\"conversation\":\"../../etc/passwd\",\"read\":1}}",
    "{\"submit\":{\"conversation\":\"0190a000-0000-7000-8000-000000000001\",\"commands\":[]}}",
    "{\"look\":{\"conversations\":{\"0\":1}}}",
    "{\"typing\":[\"0190a000-0000-7000-8000-000000000001\"]}",
];

/// Pieces that are put where something else belongs.
fn evil(which: u64) -> Value {
    match which % 23 {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(-0.0),
        4 => json!(1.5),
        5 => json!(1e308),
        6 => json!(i64::MIN),
        7 => json!(u64::MAX),
        8 => json!((1_u64 << 53) + 1),
        9 => json!(u32::MAX),
        10 => json!(""),
        11 => json!("\0"),
        12 => json!("\u{feff}\u{202e}\u{200d}"),
        13 => json!("00000000-0000-0000-0000-000000000000"),
        14 => json!("0190a000-0000-4000-8000-000000000001"),
        15 => json!(format!("e{}", "\u{301}".repeat(1_000))),
        16 => json!("👨\u{200d}".repeat(100)),
        17 => json!("x".repeat(70_000)),
        18 => json!([]),
        19 => json!({}),
        20 => (0..200).fold(json!([]), |deep, _| json!([deep])),
        21 => (0..2_000).map(|n| (n.to_string(), Value::Null)).collect::<Map<_, _>>().into(),
        _ => json!({"unknown": {"x": 1}}),
    }
}

/// Bytes that are put anywhere.
const BYTES: &[&[u8]] = &[
    b"\0",
    b"\"",
    b"\\",
    b"\\ud800",
    b"\\u0000",
    b"{",
    b"}",
    b"]",
    b",",
    b":",
    b"-",
    b"1e999",
    b"NaN",
    b"\xc0\x80",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\n",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

/// One of `corpus`, or of [`BAD`], with up to six things done to it.
pub fn broken(corpus: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let corpus: Vec<String> =
        corpus.into_iter().chain(BAD.iter().map(|text| (*text).to_owned())).collect();
    (any::<prop::sample::Index>(), vec(any::<(u64, u64, u64)>(), 0..6)).prop_map(
        move |(start, deeds)| {
            let mut bytes = start.get(&corpus).clone().into_bytes();
            for (kind, place, what) in deeds {
                let structure = serde_json::from_slice::<Value>(&bytes).ok();
                bytes = match structure {
                    Some(value) if kind % 3 != 0 => break_structure(value, kind / 3, place, what),
                    _ => break_bytes(bytes, kind / 3, place, what, &corpus),
                };
                bytes.truncate(256 * 1024);
            }
            bytes
        },
    )
}

fn break_structure(mut value: Value, kind: u64, place: u64, what: u64) -> Vec<u8> {
    let count = count(&value);
    let Some(node) = find(&mut value, &mut (place % count)) else { return Vec::new() };
    match (kind % 6, &mut *node) {
        (0, Value::Object(fields)) => {
            let nth = usize::try_from(what).unwrap_or_default() % fields.len().max(1);
            let name = fields.keys().nth(nth).cloned().unwrap_or_default();
            fields.remove(&name);
        }
        (0 | 1, Value::Array(all)) => {
            let more = all.clone();
            (0..what % 80).for_each(|_| all.extend(more.iter().take(4).cloned()));
        }
        (1, Value::Object(fields)) => {
            fields.insert(format!("unknown_{what}"), evil(what));
        }
        (2, Value::Object(fields)) => {
            let renamed = std::mem::take(fields).into_iter().map(|(name, one)| (name + "x", one));
            *fields = renamed.collect();
        }
        (3, any) => *any = json!([any.take()]),
        (4, any) => *any = json!({ "message": any.take() }),
        (_, any) => *any = evil(what),
    }
    value.to_string().into_bytes()
}

fn break_bytes(mut bytes: Vec<u8>, kind: u64, place: u64, what: u64, corpus: &[String]) -> Vec<u8> {
    let index = |n: u64, of: usize| usize::try_from(n).unwrap_or_default() % of.max(1);
    let at = index(place, bytes.len() + 1);
    match kind % 5 {
        0 => bytes.truncate(at),
        1 => {
            bytes.splice(at..at, BYTES[index(what, BYTES.len())].iter().copied());
        }
        2 => {
            let end = at + index(what, bytes.len() - at + 1);
            bytes.drain(at..end);
        }
        3 => {
            let other = &corpus[index(what, corpus.len())];
            bytes.splice(at..at, other.bytes());
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << (what % 8);
            }
        }
    }
    bytes
}

/// How many values a value is made of, itself included.
fn count(value: &Value) -> u64 {
    1 + match value {
        Value::Array(all) => all.iter().map(count).sum::<u64>(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// The nth of them.
fn find<'v>(value: &'v mut Value, nth: &mut u64) -> Option<&'v mut Value> {
    if *nth == 0 {
        return Some(value);
    }
    *nth -= 1;
    match value {
        Value::Array(all) => all.iter_mut().find_map(|one| find(one, nth)),
        Value::Object(fields) => fields.values_mut().find_map(|one| find(one, nth)),
        _ => None,
    }
}

/// What was accepted must say the same after it was written and read again.
///
/// # Panics
/// When it does not.
pub fn read_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(accepted: &T) {
    let text = serde_json::to_string(accepted).unwrap();
    let again: T = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("accepted, and not again: {error}\n{text}"));
    assert_eq!(again, *accepted, "accepted, and read as something else");
    assert_eq!(serde_json::to_string(&again).unwrap(), text, "written in another way");
}
