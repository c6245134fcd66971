//! The one place that turns frames into text and back.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};

use crate::frame::{ClientFrame, Refused, ServerFrame};
use crate::{Code, ConversationId, limits};

/// The ops that an app may send.
const CLIENT_OPS: &[&str] = &["hello", "submit", "mark", "typing", "look"];

/// So many bytes hold most frames: they are written without moving what is written already.
const USUAL: usize = 512;

/// The text of a frame.
#[must_use]
pub fn encode<T: serde::Serialize>(frame: &T) -> String {
    let mut text = Vec::with_capacity(USUAL);
    // Strings as keys and no type that can fail: serialization of these types is total.
    serde_json::to_writer(&mut text, frame).unwrap_or_default();
    String::from_utf8(text).unwrap_or_default()
}

/// The frame that an app sent.
///
/// # Errors
/// What to answer: `too_large`, `unknown_op` for an op of another version, `unknown_command` for a
/// submit with such a command, else `malformed`. The session goes on.
pub fn decode_client(text: &str) -> Result<ClientFrame, Refused> {
    if text.len() > limits::FRAME_BYTES {
        return Err(Refused { conversation: about(text), ..refused(Code::TooLarge, "frame") });
    }
    serde_json::from_str(text).map_err(|error| {
        let detail = error.to_string();
        let code = match serde_json::from_str::<Op>(text) {
            Ok(Op(op)) if !CLIENT_OPS.contains(&op.as_str()) => Code::UnknownOp,
            Ok(Op(op)) if op == "submit" && detail.contains("expected one of `message`") => {
                Code::UnknownCommand
            }
            _ => Code::Malformed,
        };
        Refused { conversation: about(text), ..refused(code, &detail) }
    })
}

/// The conversation that a frame names which cannot be read as a whole: the app then knows which of
/// its frames it was.
fn about(text: &str) -> Option<ConversationId> {
    #[derive(serde::Deserialize)]
    struct About {
        conversation: ConversationId,
    }
    let ops: BTreeMap<String, About> = serde_json::from_str(text).ok()?;
    ops.into_values().next().map(|about| about.conversation)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_10_a_frame_that_cannot_be_read_is_refused_with_the_conversation_that_it_names() {
        let room = "0190a000-0000-7000-8000-000000000001";
        let submit = |command: &str| {
            let client_ref = "0190a000-0000-7000-8000-000000000002";
            let entry = format!(r#"{{"client_ref":"{client_ref}","command":{command}}}"#);
            let text = format!(r#"{{"submit":{{"conversation":"{room}","commands":[{entry}]}}}}"#);
            decode_client(&text).map_err(|refused| (refused.code, refused.conversation))
        };
        assert!(submit(r#"{"leave":{},"x":1}"#).is_err());
        assert!(submit(r#"{"leave":{"x":1}}"#).is_ok(), "unknown fields are ignored");
        let named = Some(room.parse().unwrap());
        assert_eq!(submit(r#"{"vote":{"on":1}}"#), Err((Code::UnknownCommand, named)));
        let user = "0190a000-0000-7000-8000-000000000003";
        let king = format!(r#"{{"role":{{"user":"{user}","role":"king"}}}}"#);
        assert_eq!(submit(&king), Err((Code::Malformed, named)));
        let of = |text: &str| decode_client(text).unwrap_err();
        assert_eq!((of("{}").code, of("{}").conversation), (Code::Malformed, None));
        let newer = of(&format!(r#"{{"wave":{{"conversation":"{room}"}}}}"#));
        assert_eq!((newer.code, newer.conversation), (Code::UnknownOp, named));
        let large = format!(r#"{{"look":"{}"}}"#, "x".repeat(limits::FRAME_BYTES));
        assert_eq!(of(&large).code, Code::TooLarge);
        assert!(of(&format!(r#"{{"{}":0}}"#, "é".repeat(1_000))).detail.chars().count() <= 200);
    }
}
