//! What nodes say to each other. One file encodes it, as JSON.
//!
//! Who asks is a gateway, who answers is an owner of inbox partitions: each pair of nodes has one link
//! in each direction. A frame for people is never encoded again: it goes as it stands in the inbox.

use bytes::Bytes;
use protocol::request::{Poll, PollSend};
use protocol::{ConversationId, DeviceId, Problem, SessionId, UserId, wire};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The version of these words; another one is not spoken to.
pub(super) const VERSION: u32 = 1;
/// Largest message, in bytes: a frame of the largest size with ten thousand recipients has room.
pub(super) const MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// Most sessions in one [`Ask::Attach`].
pub(super) const SESSIONS: usize = 1_000;

/// What a gateway asks of an owner.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// I am here: what do you hold? Answered with [`Say::Beat`].
    Beat {
        /// Grows with every beat of this link.
        number: u64,
    },
    /// Serve these sessions from now on. Answered with [`Say::Attached`] or [`Say::Refused`].
    Attach {
        /// Names the answer.
        number: u64,
        /// Of the inbox.
        partition: u32,
        /// People, and the gateway's numbers of their sessions; at most [`SESSIONS`].
        sessions: Vec<(UserId, u64)>,
    },
    /// A session has ended.
    Leave {
        /// Of the inbox.
        partition: u32,
        /// Whose.
        user: UserId,
        /// The gateway's number of it.
        session: u64,
    },
    /// Serve nobody of mine in this partition any more, and say nothing about whom I watch.
    Release {
        /// Of the inbox.
        partition: u32,
    },
    /// Say whether these people are there, now and whenever it changes.
    Watch {
        /// Of the inbox.
        partition: u32,
        /// Whom.
        users: Vec<UserId>,
    },
    /// Nobody looks at this person any more.
    Unwatch {
        /// Of the inbox.
        partition: u32,
        /// Whom.
        user: UserId,
    },
    /// Somebody is writing: tell those of these people who look.
    Typing(Typing),
    /// A request of a long-poll session that lives here. Answered with [`Say::Polled`].
    Poll {
        /// Names the answer.
        number: u64,
        /// Who asks, as their token said.
        from: Asker,
        /// What.
        request: PollRequest,
    },
}

/// Somebody is writing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Typing {
    /// Of the inbox.
    pub partition: u32,
    /// Where.
    pub conversation: ConversationId,
    /// Who.
    pub user: UserId,
    /// The members in this partition.
    pub to: Vec<UserId>,
}

/// Whose token a forwarded request had.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Asker {
    /// Who.
    pub user: UserId,
    /// Which sign-in.
    pub session: SessionId,
    /// Which device.
    pub device: DeviceId,
}

/// The body of a forwarded request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PollRequest {
    /// `POST /v1/poll`.
    Poll(Poll),
    /// `POST /v1/poll/send`.
    Send(PollSend),
}

/// What an owner says to a gateway.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Say {
    /// The leases of these partitions are renewed, from when that beat was sent.
    Beat {
        /// Of the beat that it answers.
        number: u64,
        /// Held, and heard of by their brokers.
        partitions: Vec<u32>,
    },
    /// The sessions are served.
    Attached {
        /// Of what it answers.
        number: u64,
        /// The place in the inbox from which on everything is handed over.
        position: u64,
        /// What of those people's lists is not stored yet.
        unstored: Vec<(UserId, Vec<ConversationId>)>,
    },
    /// This node does not hold the partition.
    Refused {
        /// Of what it answers.
        number: u64,
    },
    /// This node does not hold the partition any more.
    Ended {
        /// Of the inbox.
        partition: u32,
    },
    /// A record of the inbox. Encoded apart, see [`Say::encode`].
    #[serde(skip)]
    Handed(Handed),
    /// Somebody is writing.
    Typing(Typing),
    /// Whether somebody is there.
    Presence {
        /// Of the inbox.
        partition: u32,
        /// Who.
        user: UserId,
        /// Whether they are.
        online: bool,
    },
    /// The answer to [`Ask::Poll`].
    Polled {
        /// Of what it answers.
        number: u64,
        /// The body of the answer as it is, or the refusal.
        answer: Result<Box<RawValue>, Problem>,
    },
}

/// A record of the inbox on its way to a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handed {
    /// Of the inbox.
    pub partition: u32,
    /// The record's place.
    pub position: u64,
    /// The record as it stands in the inbox: JSON.
    pub record: Bytes,
}

#[derive(Deserialize)]
struct HandedWire<'a> {
    #[serde(borrow)]
    handed: HandedFields<'a>,
}

#[derive(Deserialize)]
struct HandedFields<'a> {
    partition: u32,
    position: u64,
    #[serde(borrow)]
    record: &'a RawValue,
}

/// How a handed record begins, so that it is known without being read.
const HANDED: &[u8] = b"{\"handed\":";

/// What cannot be understood. The link ends.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("garbage on the link, at byte {at}")]
pub struct Garbage {
    /// Where it stops to make sense. What stands there is nobody's business.
    pub at: usize,
}

impl Ask {
    /// As text.
    #[must_use]
    pub fn encode(&self) -> String {
        wire::encode(self)
    }

    /// Out of text.
    ///
    /// # Errors
    /// [`Garbage`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Garbage> {
        let ask = serde_json::from_slice(bytes).map_err(garbage)?;
        match &ask {
            Self::Attach { sessions, .. } if sessions.len() > SESSIONS => Err(Garbage { at: 0 }),
            _ => Ok(ask),
        }
    }
}

impl Say {
    /// As text. A handed record is copied and not read.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let Self::Handed(Handed { partition, position, record }) = self else {
            return wire::encode(self).into_bytes();
        };
        let mut bytes = Vec::with_capacity(record.len() + 80);
        let place = format!("{{\"partition\":{partition},\"position\":{position},\"record\":");
        bytes.extend_from_slice(HANDED);
        bytes.extend_from_slice(place.as_bytes());
        bytes.extend_from_slice(record);
        bytes.extend_from_slice(b"}}");
        bytes
    }

    /// Out of text; a handed record shares its bytes.
    ///
    /// # Errors
    /// [`Garbage`].
    pub fn decode(bytes: &Bytes) -> Result<Self, Garbage> {
        if !bytes.starts_with(HANDED) {
            return serde_json::from_slice(bytes).map_err(garbage);
        }
        let HandedWire { handed } = serde_json::from_slice(bytes).map_err(garbage)?;
        let HandedFields { partition, position, record } = handed;
        let record = bytes.slice_ref(record.get().as_bytes());
        Ok(Self::Handed(Handed { partition, position, record }))
    }

    /// About how many bytes it takes.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Handed(handed) => handed.record.len(),
            Self::Polled { answer: Ok(body), .. } => body.get().len(),
            Self::Attached { unstored, .. } => {
                unstored.iter().map(|(_, ids)| 40 * (1 + ids.len())).sum()
            }
            Self::Typing(typing) => 40 * typing.to.len(),
            _ => 64,
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given by value where it is mapped")]
fn garbage(error: serde_json::Error) -> Garbage {
    Garbage { at: error.column() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handed_record_goes_as_it_is() {
        let record = Bytes::from_static(br#"{"to":[],"frame":{"resync":{}}}"#);
        let handed = Handed { partition: 3, position: 1 << 43, record };
        let text = Bytes::from(Say::Handed(handed.clone()).encode());
        assert_eq!(
            String::from_utf8_lossy(&text),
            r#"{"handed":{"partition":3,"position":8796093022208,"record":{"to":[],"frame":{"resync":{}}}}}"#
        );
        assert!(matches!(Say::decode(&text), Ok(Say::Handed(got)) if got == handed));
    }

    #[test]
    fn garbage_is_said_to_be_that_and_never_repeated() {
        for garbage in ["", "{", "[]", "{\"handed\":{}}", "{\"secret\":1}", "\u{0}"] {
            let bytes = Bytes::from(garbage);
            let error = Say::decode(&bytes).unwrap_err();
            assert!(!error.to_string().contains("secret"));
            assert!(Ask::decode(&bytes).is_err());
        }
        let many = (0..=SESSIONS as u64).map(|n| (UserId(uuid::Uuid::from_u128(1)), n)).collect();
        let attach = Ask::Attach { number: 1, partition: 0, sessions: many };
        assert!(Ask::decode(attach.encode().as_bytes()).is_err(), "more than may be in one");
    }

    #[test]
    fn every_word_comes_back_as_it_went() {
        let user = UserId(uuid::Uuid::from_u128(7));
        let asks = [
            Ask::Beat { number: 1 },
            Ask::Attach { number: 2, partition: 3, sessions: vec![(user, 4)] },
            Ask::Leave { partition: 3, user, session: 4 },
            Ask::Watch { partition: 3, users: vec![user] },
            Ask::Unwatch { partition: 3, user },
        ];
        for ask in asks {
            let text = ask.encode();
            assert_eq!(Ask::decode(text.as_bytes()).unwrap().encode(), text);
        }
        let says = [
            Say::Beat { number: 1, partitions: vec![1, 2] },
            Say::Attached { number: 2, position: 9, unstored: vec![(user, Vec::new())] },
            Say::Refused { number: 2 },
            Say::Ended { partition: 3 },
            Say::Presence { partition: 3, user, online: true },
            Say::Polled {
                number: 5,
                answer: Err(Problem::new(protocol::Code::SessionUnknown, "x")),
            },
            Say::Polled { number: 5, answer: Ok(RawValue::from_string("{}".into()).unwrap()) },
        ];
        for say in says {
            let text = Bytes::from(say.encode());
            assert_eq!(Say::decode(&text).unwrap().encode(), text);
        }
    }
}
