//! What an app asks a conversation to become. Everything that changes a conversation is one
//! [`Submit`] frame and becomes one record of the conversation's log, so its order cannot break.

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use crate::id::{ClientRef, ConversationId, UserId};
use crate::model::Role;
use crate::{Code, limits, name};

/// Commands for one conversation, in the order in which they are to be decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submit {
    /// The conversation that they change.
    pub conversation: ConversationId,
    /// For a direct conversation: the other person. With the sender's own id it must give the
    /// conversation's id. Absent for groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<UserId>,
    /// 1 to [`limits::COMMANDS`] commands.
    pub commands: Vec<Entry>,
}

/// One command with the ref that makes it happen once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Given before the command is first sent, and kept by every resend.
    pub client_ref: ClientRef,
    /// What is to happen.
    pub command: Command,
}

/// One change of a conversation. Each accepted command gives exactly one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Say something.
    Message {
        /// 1 to [`limits::BODY_BYTES`] bytes, Markdown. Kept as it is.
        text: String,
        /// The seq of the message that this one answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<u64>,
    },
    /// Give one's own message another text.
    Edit {
        /// The seq of the message.
        target: u64,
        /// As for `Message`.
        text: String,
    },
    /// Empty a message for everybody: one's own, or anybody's for a group's owner and admins.
    Delete {
        /// The seq of the message.
        target: u64,
    },
    /// Add one's reaction to a message or take it back.
    React {
        /// The seq of the message.
        target: u64,
        /// One emoji (one grapheme).
        emoji: String,
        /// `true` adds it, `false` takes it back.
        on: bool,
    },
    /// Pin a message or unpin it: either person of a direct conversation, owner and admins of a group.
    Pin {
        /// The seq of the message.
        target: u64,
        /// `true` pins, `false` unpins.
        on: bool,
    },
    /// Begin a group whose owner is the sender. The first command of the group's first record.
    Create {
        /// The group's name.
        title: String,
        /// The first members beside the sender, at most [`limits::PEOPLE_PER_COMMAND`].
        members: Vec<UserId>,
        /// Whether later members may read from the start.
        #[serde(default)]
        history_open: bool,
    },
    /// Give a group another name. Owner and admins.
    Rename {
        /// The new name.
        title: String,
    },
    /// Make people members of a group. Owner and admins.
    Add {
        /// At most [`limits::PEOPLE_PER_COMMAND`].
        users: Vec<UserId>,
    },
    /// End somebody's membership. The owner, and admins for members without a role.
    Remove {
        /// Whom.
        user: UserId,
    },
    /// End one's own membership. An owner who leaves is followed by the earliest admin, else member.
    Leave {},
    /// Give a member another role. The owner only; making somebody the owner makes oneself an admin.
    Role {
        /// Whom.
        user: UserId,
        /// Which.
        role: Role,
    },
}

impl Submit {
    /// Whether the frame as a whole may be taken: number of commands, refs, the conversation's id.
    ///
    /// # Errors
    /// The code to refuse the whole frame with.
    pub fn check(&self, sender: UserId) -> Result<(), Code> {
        if self.commands.is_empty() {
            return Err(Code::Malformed);
        }
        if self.commands.len() > limits::COMMANDS {
            return Err(Code::TooMany);
        }
        for (at, entry) in self.commands.iter().enumerate() {
            if !entry.client_ref.is_valid()
                || self.commands[..at].iter().any(|e| e.client_ref == entry.client_ref)
            {
                return Err(Code::BadRef);
            }
        }
        match self.peer {
            Some(peer) if peer == sender => Err(Code::NotWithYourself),
            Some(peer) if crate::direct_conversation(sender, peer) != self.conversation => {
                Err(Code::NoConversation)
            }
            None if !self.conversation.is_group() => Err(Code::NoConversation),
            _ => Ok(()),
        }
    }
}

impl Command {
    /// Whether the command is well formed. What depends on the conversation is the fold's to decide.
    ///
    /// # Errors
    /// The code to reject this command with.
    pub fn check(&self) -> Result<(), Code> {
        match self {
            Self::Message { text, reply_to } => {
                text_check(text)?;
                reply_to.map_or(Ok(()), seq_check)
            }
            Self::Edit { target, text } => {
                text_check(text)?;
                seq_check(*target)
            }
            Self::Delete { target } | Self::Pin { target, .. } => seq_check(*target),
            Self::React { target, emoji, .. } => {
                seq_check(*target)?;
                emoji_check(emoji)
            }
            Self::Create { title, members, .. } => {
                name::check_title(title)?;
                people_check(members.len())
            }
            Self::Rename { title } => name::check_title(title),
            Self::Add { users } if users.is_empty() => Err(Code::BadValue),
            Self::Add { users } => people_check(users.len()),
            Self::Remove { .. } | Self::Leave {} | Self::Role { .. } => Ok(()),
        }
    }

    /// The people whom this command would make members.
    #[must_use]
    pub fn invites(&self) -> &[UserId] {
        match self {
            Self::Create { members, .. } => members,
            Self::Add { users } => users,
            _ => &[],
        }
    }

    /// The seq of the message that this command is about, a reply's quoted one included.
    #[must_use]
    pub fn target(&self) -> Option<u64> {
        match self {
            Self::Message { reply_to, .. } => *reply_to,
            Self::Edit { target, .. }
            | Self::Delete { target }
            | Self::React { target, .. }
            | Self::Pin { target, .. } => Some(*target),
            _ => None,
        }
    }
}

fn people_check(n: usize) -> Result<(), Code> {
    if n > limits::PEOPLE_PER_COMMAND { Err(Code::TooMany) } else { Ok(()) }
}

/// Seqs cross as JSON numbers, so they stay below 2^53.
fn seq_check(seq: u64) -> Result<(), Code> {
    if seq == 0 || seq >= 1 << 53 { Err(Code::BadValue) } else { Ok(()) }
}

fn text_check(text: &str) -> Result<(), Code> {
    if text.len() > limits::BODY_BYTES {
        Err(Code::TooLarge)
    } else if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        Err(Code::BadText)
    } else if !text.chars().any(name::is_visible) {
        Err(Code::EmptyText)
    } else {
        Ok(())
    }
}

fn emoji_check(emoji: &str) -> Result<(), Code> {
    let one = emoji.len() <= limits::EMOJI_BYTES && emoji.graphemes(true).count() == 1;
    // Letters, digits and marks alone are text; a keycap ("1️⃣") has its enclosing mark.
    let picture = emoji.chars().any(|c| {
        matches!(u32::from(c), 0x20E3 | 0x203C | 0x2049 | 0x2122 | 0x2139 | 0x2190..=0x2BFF
            | 0x3030 | 0x303D | 0x3297 | 0x3299 | 0x00A9 | 0x00AE | 0x1F000..=0x1FAFF)
    });
    if one && picture { Ok(()) } else { Err(Code::BadEmoji) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Result<(), Code> {
        Command::Message { text: text.into(), reply_to: None }.check()
    }

    #[test]
    fn row_13_an_invisible_text_is_refused_and_64_kib_is_the_last_size_taken() {
        for text in ["", "  \n\t", "\u{200b}\u{200d}\u{2060}\u{feff}", "\u{a0}\u{3000}"] {
            assert_eq!(message(text), Err(Code::EmptyText), "{text:?}");
        }
        assert_eq!(message(&"x".repeat(limits::BODY_BYTES)), Ok(()));
        assert_eq!(message(&"x".repeat(limits::BODY_BYTES + 1)), Err(Code::TooLarge));
    }

    #[test]
    fn row_14_control_characters_are_refused_and_odd_but_visible_text_is_kept() {
        assert_eq!(message("a\0b"), Err(Code::BadText));
        assert_eq!(message("a\u{1b}[31mb"), Err(Code::BadText));
        let marks = format!("e{}", "\u{301}".repeat(10_000));
        for text in ["\u{feff}hi", "\u{202e}gpj.exe", marks.as_str(), "你好", "line\nline\ttab"] {
            assert_eq!(message(text), Ok(()), "{text:?}");
        }
    }

    #[test]
    fn row_20_a_reaction_is_one_emoji() {
        let react =
            |emoji: &str| Command::React { target: 1, emoji: emoji.into(), on: true }.check();
        for emoji in ["👍", "❤️", "👨‍👩‍👧‍👦", "🇨🇭", "1️⃣", "👍🏽"]
        {
            assert_eq!(react(emoji), Ok(()), "{emoji}");
        }
        let bomb = format!("👨{}", "\u{200d}👨".repeat(200));
        for emoji in ["", "a", "1", "👍👍", "\u{200d}", bomb.as_str(), "<b>"] {
            assert_eq!(react(emoji), Err(Code::BadEmoji), "{emoji}");
        }
    }

    #[test]
    fn row_12_a_seq_outside_its_range_is_refused() {
        for target in [0, 1 << 53, u64::MAX] {
            assert_eq!(Command::Delete { target }.check(), Err(Code::BadValue));
        }
    }

    #[test]
    fn row_15_a_ref_twice_in_a_frame_or_of_another_version_is_refused() {
        let (me, you) = (UserId(uuid::Uuid::from_u128(1)), UserId(uuid::Uuid::from_u128(2)));
        let entry = |client_ref| Entry {
            client_ref,
            command: Command::Message { text: "hi".into(), reply_to: None },
        };
        let submit = |refs: &[ClientRef]| Submit {
            conversation: crate::direct_conversation(me, you),
            peer: Some(you),
            commands: refs.iter().copied().map(entry).collect(),
        };
        let good = ClientRef(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));
        assert_eq!(submit(&[good]).check(me), Ok(()));
        assert_eq!(submit(&[good, good]).check(me), Err(Code::BadRef));
        assert_eq!(submit(&[ClientRef(uuid::Uuid::nil())]).check(me), Err(Code::BadRef));
        assert_eq!(submit(&[]).check(me), Err(Code::Malformed));
        assert_eq!(submit(&[good]).check(you), Err(Code::NotWithYourself));
    }
}
