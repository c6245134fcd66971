//! The one place that turns frames into text and back.

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};

use crate::frame::{ClientFrame, Refused, ServerFrame};
use crate::{Code, limits};

/// The ops that an app may send.
const CLIENT_OPS: &[&str] = &["hello", "submit", "mark", "typing", "look"];

/// The text of a frame.
#[must_use]
pub fn encode<T: serde::Serialize>(frame: &T) -> String {
    // Strings as keys and no type that can fail: serialization of these types is total.
    serde_json::to_string(frame).unwrap_or_default()
}

/// The frame that an app sent.
///
/// # Errors
/// What to answer: `too_large`, `unknown_op` for an op of another version, `unknown_command` for a
/// submit with such a command, else `malformed`. The session goes on.
pub fn decode_client(text: &str) -> Result<ClientFrame, Refused> {
    if text.len() > limits::FRAME_BYTES {
        return Err(refused(Code::TooLarge, "frame"));
    }
    serde_json::from_str(text).map_err(|error| {
        let code = match serde_json::from_str::<Op>(text) {
            Ok(Op(op)) if !CLIENT_OPS.contains(&op.as_str()) => Code::UnknownOp,
            Ok(Op(op)) if op == "submit" && error.to_string().starts_with("unknown variant") => {
                Code::UnknownCommand
            }
            _ => Code::Malformed,
        };
        refused(code, &error.to_string())
    })
}

/// The frame that a server sent; `Ok(None)` for an op of a newer server, which an app ignores.
///
/// # Errors
/// [`Code::Malformed`] when it is not a frame at all.
pub fn decode_server(text: &str) -> Result<Option<ServerFrame>, Code> {
    match serde_json::from_str(text) {
        Ok(frame) => Ok(Some(frame)),
        Err(error) => match serde_json::from_str::<Op>(text) {
            Ok(_) if error.to_string().starts_with("unknown variant") => Ok(None),
            _ => Err(Code::Malformed),
        },
    }
}

/// The JSON value in `bytes`, for records and rows.
///
/// # Errors
/// [`Code::Malformed`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Code> {
    serde_json::from_slice(bytes).map_err(|_| Code::Malformed)
}

fn refused(code: Code, detail: &str) -> Refused {
    let mut detail = detail.to_owned();
    if let Some((cut, _)) = detail.char_indices().nth(200) {
        detail.truncate(cut);
    }
    Refused { code, conversation: None, detail }
}

/// The name of a frame's only field.
struct Op(String);

impl<'de> serde::Deserialize<'de> for Op {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Only;
        impl<'de> Visitor<'de> for Only {
            type Value = Op;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object with one field")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Op, A::Error> {
                let Some((op, _)) = map.next_entry::<String, IgnoredAny>()? else {
                    return Err(serde::de::Error::custom("no op"));
                };
                match map.next_key::<String>()? {
                    None => Ok(Op(op)),
                    Some(_) => Err(serde::de::Error::custom("more than one op")),
                }
            }
        }
        deserializer.deserialize_map(Only)
    }
}
