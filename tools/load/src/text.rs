//! What a client has to see in a frame, found in its text. A frame is looked at a million times a
//! second here, so no value is built; that the fields are found is tested against `protocol`.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use protocol::{ClientFrame, ClientRef, Command, ConversationId, Entry, Submit, UserId, wire};
use uuid::Uuid;

static REF: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(r#""client_ref":""#));
static SEQ: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(r#""seq":"#));
static SENDER: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(r#""sender":""#));
static CURSOR: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(r#""cursor":""#));

/// What kind of frame it is, as far as a client here cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen<'t> {
    /// An event.
    Event(Event<'t>),
    /// Somebody's markers.
    Marked,
    /// The answer to one's own `mark`.
    MarkStored,
    /// Part of the answer to hello, with so many events.
    Page(usize),
    /// A cursor.
    Cursor(&'t str),
    /// The queue overflowed: say hello again.
    Resync,
    /// Everything else: refusals, and frames that nothing here asks for.
    Other,
}

/// The fields of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event<'t> {
    /// Its seq.
    pub(crate) seq: u64,
    /// Its sender's id, as text.
    pub(crate) sender: &'t str,
    /// Its ref.
    pub(crate) client_ref: ClientRef,
}

/// What this frame is.
pub(crate) fn see(text: &str) -> Seen<'_> {
    let Some(op) = text.strip_prefix("{\"") else { return Seen::Other };
    if op.starts_with("event\"") {
        event(text).map_or(Seen::Other, Seen::Event)
    } else if op.starts_with("marked\"") {
        Seen::Marked
    } else if op.starts_with("mark_stored\"") {
        Seen::MarkStored
    } else if op.starts_with("page\"") {
        Seen::Page(REF.find_iter(text.as_bytes()).count())
    } else if op.starts_with("cursor\"") {
        after(&CURSOR, text, '"').map_or(Seen::Other, Seen::Cursor)
    } else if op.starts_with("resync\"") {
        Seen::Resync
    } else {
        Seen::Other
    }
}

/// The fields stand in this order; each is looked for behind the one before.
fn event(text: &str) -> Option<Event<'_>> {
    let begin = SEQ.find(text.as_bytes())? + SEQ.needle().len();
    let rest = text.get(begin..)?;
    let seq = rest.get(..rest.find(',')?)?.parse().ok()?;
    let begin = SENDER.find(rest.as_bytes())? + SENDER.needle().len();
    let (sender, rest) = (rest.get(begin..begin + 36)?, rest.get(begin + 36..)?);
    let begin = REF.find(rest.as_bytes())? + REF.needle().len();
    let client_ref =
        ClientRef(Uuid::try_parse_ascii(rest.as_bytes().get(begin..begin + 36)?).ok()?);
    Some(Event { seq, sender, client_ref })
}

fn after<'t>(field: &Finder<'_>, text: &'t str, end: char) -> Option<&'t str> {
    let rest = text.get(field.find(text.as_bytes())? + field.needle().len()..)?;
    rest.get(..rest.find(end)?)
}

/// A `submit` that differs from one message to the next only in its ref.
pub(crate) struct Template {
    before: String,
    after: String,
}

impl Template {
    /// Messages of this text in this conversation; `peer` is the other person of a direct one.
    pub(crate) fn new(conversation: ConversationId, peer: Option<UserId>, text: &str) -> Self {
        let nobody = ClientRef(Uuid::nil());
        let message = Command::Message { text: text.to_owned(), reply_to: None };
        let commands = vec![Entry { client_ref: nobody, command: message }];
        let frame = wire::encode(&ClientFrame::Submit(Submit { conversation, peer, commands }));
        let (before, after) = frame.split_once(&nobody.to_string()).unwrap_or((&frame, ""));
        Self { before: before.to_owned(), after: after.to_owned() }
    }

    /// The frame with this ref.
    pub(crate) fn with(&self, client_ref: ClientRef) -> String {
        let mut id = Uuid::encode_buffer();
        let id = client_ref.0.hyphenated().encode_lower(&mut id);
        let mut frame = String::with_capacity(self.before.len() + 36 + self.after.len());
        frame.push_str(&self.before);
        frame.push_str(id);
        frame.push_str(&self.after);
        frame
    }
}

/// A text of 256 bytes, as the numbers to reach ask for.
pub(crate) fn body() -> String {
    "Shall we meet at the usual place, or somewhere new this time? ".repeat(5)[..256].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::frame::{Cursor, EventFrame, MarkStored, Page, Refused};
    use protocol::model::Text;
    use protocol::{Code, EventKind, MessageState, ServerFrame};

    fn user(n: u128) -> UserId {
        UserId(Uuid::from_u128(n))
    }

    #[test]
    fn the_fields_of_an_event_are_those_that_were_encoded() {
        let client_ref = ClientRef(Uuid::from_u128(77));
        let event = protocol::Event {
            seq: 1234,
            ord: 99,
            at: 1,
            sender: user(3),
            client_ref,
            kind: EventKind::Message { reply_to: Some(7) },
        };
        let state = MessageState {
            seq: 1234,
            texts: vec![Text { text: r#""seq":9,"client_ref":"x"#.into(), at: 1 }],
            reactions: Vec::new(),
            pinned: false,
            state_seq: 1234,
        };
        let conversation = ConversationId(Uuid::from_u128(5));
        let frame = EventFrame { conversation, event, states: vec![state] };
        let text = wire::encode(&ServerFrame::Event(frame));
        let sender = user(3).to_string();
        assert_eq!(see(&text), Seen::Event(Event { seq: 1234, sender: &sender, client_ref }));
    }

    #[test]
    fn other_frames_are_told_apart() {
        let conversation = ConversationId(Uuid::from_u128(5));
        let stored = MarkStored { conversation, delivered: 1, read: 0, read_ord: 0 };
        let page = Page { conversations: Vec::new(), account_version: 1, last: true, whole: true };
        let refused = Refused { code: Code::Malformed, conversation: None, detail: "x".into() };
        for (frame, seen) in [
            (ServerFrame::MarkStored(stored), Seen::MarkStored),
            (ServerFrame::Page(page), Seen::Page(0)),
            (ServerFrame::Cursor(Cursor { cursor: "abc".into() }), Seen::Cursor("abc")),
            (ServerFrame::Resync {}, Seen::Resync),
            (ServerFrame::Error(refused), Seen::Other),
        ] {
            assert_eq!(see(&wire::encode(&frame)), seen);
        }
    }

    #[test]
    fn a_filled_template_is_the_frame_with_that_ref() {
        let conversation = protocol::direct_conversation(user(1), user(2));
        let client_ref = ClientRef(Uuid::from_u128(9));
        let text = Template::new(conversation, Some(user(2)), &body()).with(client_ref);
        let Ok(ClientFrame::Submit(submit)) = wire::decode_client(&text) else { panic!("{text}") };
        assert_eq!((submit.conversation, submit.peer), (conversation, Some(user(2))));
        let message = Command::Message { text: body(), reply_to: None };
        assert_eq!(submit.commands, [Entry { client_ref, command: message }]);
        assert_eq!(body().len(), 256);
    }
}
