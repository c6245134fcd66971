//! Whether a message is pushed to somebody, and what the push says. Pure.

use protocol::limits::PUSH_CHARS;
use protocol::push::{PushSays, Pushed};
use protocol::{ConversationId, Millis, UserId};

/// How long an app has to say that it has a message, in milliseconds.
pub const WAIT: Millis = 5_000;
/// What is older than this is not pushed any more, in milliseconds: a day.
pub const LATEST: Millis = 24 * 60 * 60 * 1_000;

/// Who may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Who.
    pub user: UserId,
    /// Whether they have a session.
    pub active: bool,
    /// Whether a membership of theirs covers the message.
    pub member: bool,
    /// Up to where one of their apps has the conversation.
    pub delivered: u64,
    /// How much pushes to this place say.
    pub says: PushSays,
}

/// What they may be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it was said.
    pub conversation: ConversationId,
    /// Its place there.
    pub seq: u64,
    /// When it was said.
    pub at: Millis,
    /// Who said it.
    pub sender: UserId,
    /// Their name.
    pub sender_name: String,
    /// The group's name; none in a direct conversation.
    pub title: Option<String>,
    /// Its current text; `None` when it was deleted.
    pub text: Option<String>,
}

/// Why a message is not pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// One's own.
    Own,
    /// They may not read it.
    NoMember,
    /// They have a session, and hear of it there.
    Active,
    /// One of their apps has it.
    Delivered,
    /// It was deleted.
    Deleted,
    /// It was said too long ago.
    Late,
}

impl Silence {
    /// In one word, for metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::NoMember => "no_member",
            Self::Active => "active",
            Self::Delivered => "delivered",
            Self::Deleted => "deleted",
            Self::Late => "late",
        }
    }
}

/// When to decide about what was said at `at` and is heard of now. Another node's clock may be ahead of
/// this one's, and makes nobody wait longer.
#[must_use]
pub fn due(at: Millis, now: Millis) -> Millis {
    at.min(now).saturating_add(WAIT)
}

/// What to push, or why nothing is.
///
/// # Errors
/// The first [`Silence`] that holds.
pub fn decide(to: &Recipient, message: &Message, now: Millis) -> Result<Pushed, Silence> {
    let silences = [
        (to.user == message.sender, Silence::Own),
        (!to.member, Silence::NoMember),
        (to.active, Silence::Active),
        (to.delivered >= message.seq, Silence::Delivered),
        (message.text.is_none(), Silence::Deleted),
        (now.saturating_sub(message.at) > LATEST, Silence::Late),
    ];
    if let Some((_, why)) = silences.into_iter().find(|(holds, _)| *holds) {
        return Err(why);
    }
    let names = to.says != PushSays::Ids;
    Ok(Pushed {
        user: to.user,
        conversation: message.conversation,
        seq: message.seq,
        at: message.at,
        sender: message.sender,
        sender_name: names.then(|| message.sender_name.clone()),
        title: message.title.clone().filter(|_| names),
        text: message.text.as_deref().filter(|_| to.says == PushSays::Text).map(beginning),
    })
}

/// Its first characters, and a sign that it goes on.
fn beginning(text: &str) -> String {
    match text.char_indices().nth(PUSH_CHARS) {
        None => text.to_owned(),
        Some(_) => text.chars().take(PUSH_CHARS - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const NOW: Millis = 1_700_000_000_000;

    fn user(n: u128) -> UserId {
        UserId(Uuid::from_u128(n))
    }

    fn recipient() -> Recipient {
        let user = user(2);
        Recipient { user, active: false, member: true, delivered: 6, says: PushSays::Text }
    }

    fn message() -> Message {
        Message {
            conversation: ConversationId(Uuid::from_u128(3)),
            seq: 7,
            at: NOW - WAIT,
            sender: user(1),
            sender_name: "Ada".into(),
            title: Some("Engines".into()),
            text: Some("hi".into()),
        }
    }

    #[test]
    fn the_first_reason_for_silence_is_the_one_that_is_given_and_without_any_it_is_pushed() {
        let order = [
            Silence::Own,
            Silence::NoMember,
            Silence::Active,
            Silence::Delivered,
            Silence::Deleted,
            Silence::Late,
        ];
        // Every combination of what may hold.
        for bits in 0..1_u32 << order.len() {
            let holds = |n: usize| bits & (1 << n) != 0;
            let (mut to, mut message) = (recipient(), message());
            if holds(0) {
                message.sender = to.user;
            }
            to.member = !holds(1);
            to.active = holds(2);
            to.delivered = if holds(3) { message.seq } else { message.seq - 1 };
            message.text = (!holds(4)).then(|| "hi".into());
            message.at = if holds(5) { NOW - LATEST - 1 } else { NOW - LATEST };
            let wanted = (0..order.len()).find(|n| holds(*n)).map(|n| order[n]);
            assert_eq!(decide(&to, &message, NOW).err(), wanted, "{bits:#b}");
        }
    }

    #[test]
    fn a_push_says_as_much_as_its_person_wants() {
        for (says, name, title, text) in [
            (PushSays::Text, Some("Ada"), Some("Engines"), Some("hi")),
            (PushSays::Names, Some("Ada"), Some("Engines"), None),
            (PushSays::Ids, None, None, None),
        ] {
            let pushed = decide(&Recipient { says, ..recipient() }, &message(), NOW).unwrap();
            assert_eq!((pushed.user, pushed.sender, pushed.seq), (user(2), user(1), 7));
            assert_eq!(pushed.sender_name.as_deref(), name, "{says:?}");
            assert_eq!(pushed.title.as_deref(), title, "{says:?}");
            assert_eq!(pushed.text.as_deref(), text, "{says:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = |n: usize| Some("ü".repeat(n));
        let said = |n: usize| {
            decide(&recipient(), &Message { text: text(n), ..message() }, NOW).unwrap().text
        };
        assert_eq!(said(PUSH_CHARS), text(PUSH_CHARS));
        let cut = said(PUSH_CHARS + 1).unwrap();
        assert_eq!(cut.chars().count(), PUSH_CHARS);
        assert!(cut.ends_with("ü…"));
    }

    #[test]
    fn it_is_decided_five_seconds_after_it_was_said_and_no_clock_makes_it_later() {
        assert_eq!(due(NOW, NOW), NOW + WAIT);
        assert_eq!(due(NOW - 60_000, NOW), NOW - 60_000 + WAIT, "at once");
        assert_eq!(due(NOW + 3_600_000, NOW), NOW + WAIT);
        assert_eq!(due(Millis::MAX, Millis::MAX), Millis::MAX);
    }
}
