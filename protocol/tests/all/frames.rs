//! The frames of a live connection, both ways.

use protocol::frame::{
    Account, ConversationPage, Cursor, EventFrame, Goaway, Hello, Look, Mark, MarkStored, Marked,
    Page, Presence, Refused, Rejected, SlowDown, Typing, TypingNotice,
};
use protocol::model::{ConversationKind, Head, Marker, Member, Period};
use protocol::testing::variants;
use protocol::{ClientFrame, Code, Command, Entry, EventKind, Role, ServerFrame, Submit, wire};

use super::events::{event, state};
use super::{ada, client_ref, grace, group, snapshots};

fn from_the_app() -> Vec<(&'static str, ClientFrame)> {
    let hello = Hello { version: 1, account_version: 0, cursor: None };
    let command = Command::Message { text: "hi".into(), reply_to: None };
    let submit = Submit {
        conversation: group(),
        peer: None,
        commands: vec![Entry { client_ref: client_ref(1), command }],
    };
    vec![
        ("hello", ClientFrame::Hello(hello)),
        (
            "hello, again",
            ClientFrame::Hello(Hello {
                version: 1,
                account_version: 3,
                cursor: Some("AAECAwQFBgcICQoL".into()),
            }),
        ),
        ("submit", ClientFrame::Submit(submit)),
        ("mark", ClientFrame::Mark(Mark { conversation: group(), delivered: 9, read: 7 })),
        ("typing", ClientFrame::Typing(Typing { conversation: group() })),
        ("look", ClientFrame::Look(Look { conversations: vec![group()], users: vec![grace()] })),
    ]
}

fn page() -> ConversationPage {
    ConversationPage {
        conversation: group(),
        kind: ConversationKind::Group,
        title: "Engine room".into(),
        history_open: true,
        head: Head { seq: 9, ord: 4 },
        at: 1_700_000_000_000,
        role: Role::Owner,
        periods: vec![Period { joined_seq: 1, left_seq: None }],
        member_count: 2,
        members: vec![
            Member { user: ada(), role: Role::Owner },
            Member { user: grace(), role: Role::Member },
        ],
        markers: vec![Marker { user: ada(), delivered: 9, read: 9 }],
        read_ord: 4,
        events: vec![event(9, EventKind::Message { reply_to: None })],
        states: vec![state(9)],
    }
}

fn from_the_server() -> Vec<(&'static str, ServerFrame)> {
    let large = ConversationPage {
        title: String::new(),
        history_open: false,
        members: Vec::new(),
        events: Vec::new(),
        states: Vec::new(),
        ..page()
    };
    let (conversation, user) = (group(), grace());
    let marker = Marker { user, delivered: 9, read: 7 };
    let event = event(9, EventKind::Message { reply_to: None });
    let refused = |conversation| Refused {
        code: Code::Malformed,
        conversation,
        detail: "expected value at line 1 column 1".into(),
    };
    vec![
        (
            "page",
            ServerFrame::Page(Page {
                conversations: vec![page(), large],
                account_version: 3,
                last: true,
                whole: true,
            }),
        ),
        ("cursor", ServerFrame::Cursor(Cursor { cursor: "AAECAwQFBgcICQoL".into() })),
        ("event", ServerFrame::Event(EventFrame { conversation, event, states: vec![state(9)] })),
        (
            "rejected",
            ServerFrame::Rejected(Rejected {
                conversation,
                client_ref: client_ref(1),
                code: Code::NotAMember,
            }),
        ),
        ("slow_down", ServerFrame::SlowDown(SlowDown { conversation, retry_after_ms: 1_500 })),
        ("marked", ServerFrame::Marked(Marked { conversation, marker, read_ord: 3 })),
        (
            "mark_stored",
            ServerFrame::MarkStored(MarkStored {
                conversation,
                delivered: 9,
                read: 7,
                read_ord: 3,
            }),
        ),
        ("typing", ServerFrame::Typing(TypingNotice { conversation, user })),
        ("presence", ServerFrame::Presence(Presence { user, online: true })),
        ("account", ServerFrame::Account(Account { version: 3 })),
        ("resync", ServerFrame::Resync {}),
        (
            "goaway",
            ServerFrame::Goaway(Goaway {
                retry_after_ms: 900,
                prefer: vec!["https://b.example".into()],
            }),
        ),
        ("session_ended", ServerFrame::SessionEnded {}),
        ("error", ServerFrame::Error(refused(None))),
        ("error, about a conversation", ServerFrame::Error(refused(Some(conversation)))),
    ]
}

#[test]
fn every_frame_of_an_app_is_written_as_it_always_was() {
    let mut frames = snapshots("client-frames");
    for (name, frame) in from_the_app() {
        frames.add(name, &frame);
        assert_eq!(wire::decode_client(&wire::encode(&frame)), Ok(frame));
    }
    for op in variants::<ClientFrame>(None) {
        assert!(!frames.names(&op).is_empty(), "{op}");
    }
    frames.close();
}

#[test]
fn every_frame_of_a_server_is_written_as_it_always_was() {
    let mut frames = snapshots("server-frames");
    for (name, frame) in from_the_server() {
        frames.add(name, &frame);
        assert_eq!(wire::decode_server(&wire::encode(&frame)), Ok(Some(frame)));
    }
    for op in variants::<ServerFrame>(None) {
        assert!(!frames.names(&op).is_empty(), "{op}");
    }
    frames.close();
}

#[test]
fn an_op_of_a_newer_server_is_nothing_and_no_error() {
    assert_eq!(wire::decode_server(r#"{"call":{"from":1}}"#), Ok(None));
    for garbage in ["", "[]", "{}", "{\"event\":{}}", "{\"call\":{},\"resync\":{}}"] {
        assert_eq!(wire::decode_server(garbage), Err(Code::Malformed), "{garbage}");
    }
}
