//! The error codes. A code is stable for life; the words beside it are for a log.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal;)*) => {
        /// Why something was refused. The UI and every other program compare codes, never text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "ts", derive(ts_rs::TS))]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
            /// A code of a newer server.
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        impl Code {
            /// Every code that this version knows, for documents and tests.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];

            /// The code as it crosses.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* Code::Unknown => "unknown" }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Code::$name => $status,)* Code::Unknown => 500 }
            }

            /// The code with this text; [`Code::Unknown`] for one of a newer version.
            #[must_use]
            pub fn parse(text: &str) -> Code {
                match text { $($text => Code::$name,)* _ => Code::Unknown }
            }
        }
    };
}

codes! {
    // What is wrong with the form of a request or frame.
    /// Not JSON, or not of the shape that the op or route takes.
    Malformed = "malformed", 400;
    /// A number is outside its range, or an id is not of the version that it must have.
    BadValue = "bad_value", 400;
    /// The op of a frame is not known to this server.
    UnknownOp = "unknown_op", 400;
    /// `hello` named a protocol version that this server does not speak.
    UnsupportedVersion = "unsupported_version", 400;
    /// A frame came that has to follow `hello`, before it.
    HelloFirst = "hello_first", 400;
    /// A second `hello` came without a `resync` before it.
    HelloTwice = "hello_twice", 400;
    /// Larger than the limit for it.
    TooLarge = "too_large", 413;
    /// More commands, people, ids or looks than one request may name.
    TooMany = "too_many", 400;
    /// Only white space and invisible characters.
    EmptyText = "empty_text", 400;
    /// A character that may not stand there: NUL, control characters, in names also direction marks.
    BadText = "bad_text", 400;
    /// A name is too short or too long.
    BadName = "bad_name", 400;
    /// The name cannot be had: somebody has it, or it is reserved.
    NameTaken = "name_taken", 409;
    /// Not one emoji.
    BadEmoji = "bad_emoji", 400;
    /// The same `client_ref` twice in one frame, or one that is not a UUIDv7.
    BadRef = "bad_ref", 400;
    /// The `Content-Type` is missing, given twice, or not JSON.
    UnsupportedMediaType = "unsupported_media_type", 415;
    /// No such route, or something that the asker may not know of.
    NotFound = "not_found", 404;
    /// The route exists but not with this method.
    MethodNotAllowed = "method_not_allowed", 405;

    // Who may.
    /// No access token, or one that is not valid (any more).
    Unauthorized = "unauthorized", 401;
    /// The access token has expired; refresh it.
    TokenExpired = "token_expired", 401;
    /// The session was ended; sign in again.
    SessionEnded = "session_ended", 401;
    /// Name and password do not match.
    WrongPassword = "wrong_password", 401;
    /// The password is too short, too long, or has a NUL.
    BadPassword = "bad_password", 400;
    /// This server takes no new accounts.
    RegistrationClosed = "registration_closed", 403;
    /// The request came from a web page of another origin.
    ForeignOrigin = "foreign_origin", 403;
    /// Not allowed with the role that one has.
    NotAllowed = "not_allowed", 403;

    // How much.
    /// Too many; `retry_after_ms` says when.
    SlowDown = "slow_down", 429;
    /// More sockets than a device, person or address may have.
    TooManySockets = "too_many_sockets", 429;
    /// The server cannot take more right now.
    Busy = "busy", 503;
    /// The server is stopping; connect again.
    Stopping = "stopping", 503;
    /// Something broke inside the server. Its log says what.
    Internal = "internal", 500;
    /// Stored history failed its checksum: it is not served.
    Damaged = "damaged", 500;

    // Long-poll.
    /// The poll session is not known here (any more): open another and say `hello`.
    SessionUnknown = "session_unknown", 404;

    // What the fold rejects.
    /// Not a member (any more).
    NotAMember = "not_a_member", 403;
    /// No such conversation, or its id is not of the version that it must have.
    NoConversation = "no_conversation", 404;
    /// A direct conversation with oneself.
    NotWithYourself = "not_with_yourself", 400;
    /// A named person does not exist.
    NoPerson = "no_person", 404;
    /// One of the two has blocked the other.
    Blocked = "blocked", 403;
    /// The group exists already.
    AlreadyExists = "already_exists", 409;
    /// Everybody named is a member already.
    AlreadyAMember = "already_a_member", 409;
    /// The group is full.
    GroupFull = "group_full", 409;
    /// Only a group can do that.
    NotAGroup = "not_a_group", 400;
    /// The target is not a message of this conversation that one can see.
    NoMessage = "no_message", 404;
    /// The message was deleted.
    MessageDeleted = "message_deleted", 409;
    /// Only who wrote it may.
    NotYours = "not_yours", 403;
    /// It is so already: nothing would change.
    NoChange = "no_change", 409;
    /// More emoji or reactions on a message, pins in a conversation, or memberships of one person in a
    /// group than there may be.
    LimitReached = "limit_reached", 409;
    /// The last owner cannot be made less than that while others are there.
    LastOwner = "last_owner", 409;
    /// The `client_ref` was used before for something else.
    RefConflict = "ref_conflict", 409;
    /// A command that this server does not know.
    UnknownCommand = "unknown_command", 400;
}

/// The body of every HTTP error, as `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// What went wrong, for programs.
    pub code: Code,
    /// The HTTP status, again.
    pub status: u16,
    /// What went wrong, in English, for logs and developers.
    pub title: String,
    /// When to try again, in milliseconds, if that will help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Problem {
    /// The problem with this code and these words.
    #[must_use]
    pub fn new(code: Code, title: impl Into<String>) -> Self {
        Self { code, status: code.status(), title: title.into(), retry_after_ms: None }
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Code {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_crosses_as_its_text_and_comes_back() {
        for code in Code::ALL {
            let json = serde_json::to_string(code).unwrap();
            assert_eq!(json, format!("\"{code}\""));
            assert_eq!(serde_json::from_str::<Code>(&json).unwrap(), *code);
            assert_eq!(Code::parse(code.as_str()), *code);
        }
    }

    #[test]
    fn a_code_of_a_newer_server_is_unknown_and_not_an_error() {
        assert_eq!(serde_json::from_str::<Code>("\"from_2031\"").unwrap(), Code::Unknown);
    }
}
