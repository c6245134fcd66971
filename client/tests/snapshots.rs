//! What crosses between the client and a UI, as it is written: every call with its arguments and its
//! result, everything that is told without being asked, and every form that a view can have.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use client::api::*;
use client::notify::Looking;
use client::view::*;
use protocol::model::{ConversationKind, Role};
use protocol::testing::{Snapshots, variants};
use protocol::{ClientRef, Code, ConversationId, SessionId, UserId};
use serde_json::json;
use uuid::Uuid;

fn uuid7(n: u128) -> Uuid {
    Uuid::from_u128(0x0190_a000_0000_7000_8000_0000_0000_0000 + n)
}

fn snapshots(group: &str) -> Snapshots {
    Snapshots::of(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots"), group, Vec::new())
}

const ADA: UserId = UserId(Uuid::from_u128(0x0190_a000_0000_7000_8000_0000_0000_0001));
const ROOM: ConversationId =
    ConversationId(Uuid::from_u128(0x0190_a000_0000_7000_8000_0000_0000_0003));
const AT: i64 = 1_700_000_000_000;

fn session() -> SessionId {
    SessionId(uuid7(5))
}

fn client_ref() -> ClientRef {
    ClientRef(uuid7(0x1001))
}

fn person() -> PersonView {
    PersonView {
        id: ADA,
        name: "ada".into(),
        display_name: "Ada Lovelace".into(),
        about: "engines".into(),
        online: true,
    }
}

fn settings() -> Settings {
    Settings {
        appearance: Appearance::Dark,
        notify: Notify::All,
        notify_content: false,
        language: "zh-CN".into(),
        typing: true,
        autostart: true,
        close_to_tray: false,
    }
}

fn state() -> AppState {
    AppState {
        account: Some(AccountView {
            person: person(),
            address: "https://kith.example".into(),
            session: session(),
            session_only: false,
        }),
        connection: Connection::Online,
        settings: settings(),
        notices: vec![Notice { code: "cache_rebuilt".into() }],
        desktop: true,
    }
}

fn item() -> ConversationItem {
    ConversationItem {
        id: ROOM,
        kind: ConversationKind::Direct,
        title: "Ada Lovelace".into(),
        peer: Some(person()),
        preview: "hi".into(),
        preview_sender: Some("Ada".into()),
        progress: Some(Progress::Delivered),
        draft: Some("hel".into()),
        at: AT,
        unread: 3,
        member: true,
        typing: vec!["Ada".into()],
        muted_until: Some(AT),
    }
}

fn message() -> MessageView {
    let text = |text: &str| Span::Text { text: text.into() };
    MessageView {
        sender: person(),
        mine: true,
        text: "hi *there*".into(),
        blocks: vec![
            Block::Paragraph {
                spans: vec![
                    text("hi "),
                    Span::Emphasis { spans: vec![text("there")] },
                    Span::Strong { spans: vec![text("bold")] },
                    Span::Struck { spans: vec![text("gone")] },
                    Span::Code { text: "x".into() },
                    Span::Break,
                    Span::Link { url: "https://kith.example".into(), spans: vec![text("link")] },
                ],
            },
            Block::Code { language: "rust".into(), text: "fn main() {}".into() },
            Block::Quote { blocks: vec![Block::Paragraph { spans: vec![text("said")] }] },
            Block::List { start: Some(1), items: vec![vec![]] },
        ],
        edited: true,
        deleted: false,
        pinned: true,
        reply: Some(quote()),
        reactions: vec![ReactionView {
            emoji: "👍".into(),
            count: 2,
            mine: true,
            names: vec!["Ada".into()],
        }],
        progress: Some(Progress::Read),
        error: Some(Code::NotAMember),
        queued: false,
    }
}

fn quote() -> Quote {
    Quote { seq: 7, sender: "Ada".into(), text: "hello".into(), deleted: false }
}

fn row(body: RowBody) -> Row {
    Row { key: client_ref().to_string(), seq: Some(9), at: AT, body }
}

fn timeline() -> Timeline {
    Timeline {
        conversation: ROOM,
        rows: vec![row(RowBody::Message(message()))],
        more_before: true,
        more_after: false,
        first_unread: Some(9),
        head: 9,
        draft: Some(DraftView { text: "hel".into(), reply: Some(quote()) }),
    }
}

fn details() -> ConversationDetails {
    ConversationDetails {
        id: ROOM,
        kind: ConversationKind::Group,
        title: "Engine room".into(),
        role: Role::Owner,
        member: true,
        member_count: 2,
        members: vec![MemberView { person: person(), role: Role::Owner }],
        pinned: vec![found()],
    }
}

fn found() -> FoundMessage {
    FoundMessage {
        conversation: ROOM,
        seq: 9,
        at: AT,
        sender: Some(person()),
        mine: true,
        pieces: vec![
            Piece { text: "say ".into(), hit: false },
            Piece { text: "hi".into(), hit: true },
        ],
    }
}

/// For each call the arguments and the result of an example: both are kept, and the call as it
/// crosses must be read as the same.
macro_rules! examples {
    ($($name:ident($args:expr) -> $result:expr;)*) => {{
        let (mut calls, mut results) = (snapshots("calls"), snapshots("results"));
        $({
            let (name, args) = (stringify!($name), $args);
            calls.add(name, &args);
            results.add(name, &$result);
            let call: Call = serde_json::from_value(json!({"call": name, "args": args})).unwrap();
            assert!(matches!(call, Call::$name(read) if read == args), "{name}");
        })*
        let mut known: Vec<_> = CALLS.iter().map(|name| (*name).to_owned()).collect();
        known.sort();
        assert_eq!(calls.names(""), known, "every call has an example");
        calls.close();
        results.close();
    }};
}

#[test]
fn every_call_is_written_as_it_always_was() {
    let (address, conversation) = (String::from("kith.example"), ROOM);
    let (name, password) = (String::from("ada"), String::from("correct horse"));
    let nothing = Nothing {};
    examples! {
        get_state(nothing.clone()) -> state();
        check_server(CheckServer { address: address.clone() }) -> ServerInfo {
            address: "https://kith.example".into(),
            name: "Kith".into(),
            registration: true,
            millis: 12,
        };
        register(RegisterArgs {
            address: address.clone(),
            name: name.clone(),
            display_name: "Ada Lovelace".into(),
            password: password.clone(),
            session_only: true,
        }) -> state();
        sign_in(SignInArgs { address, name, password, session_only: false }) -> state();
        sign_out(nothing.clone()) -> nothing.clone();
        list_conversations(nothing.clone()) -> ConversationList {
            conversations: vec![item()],
            unread: 3,
            complete: true,
        };
        open_conversation(OpenConversation { conversation, at: Some(9) }) -> timeline();
        load_rows(LoadRows { conversation, before: Some(9), after: None }) -> timeline();
        close_conversation(InConversation { conversation }) -> nothing.clone();
        open_direct(WithPerson { user: ADA }) -> ConversationRef { conversation };
        send_message(SendMessage { conversation, text: "hi".into(), reply_to: Some(7) })
            -> Sent { client_ref: client_ref() };
        edit_message(EditMessage {
            conversation,
            seq: Some(9),
            client_ref: None,
            text: "hello".into(),
        }) -> nothing.clone();
        delete_message(OneMessage { conversation, seq: 9 }) -> nothing.clone();
        react(React { conversation, seq: 9, emoji: "👍".into(), on: true }) -> nothing.clone();
        pin(Pin { conversation, seq: 9, on: true }) -> nothing.clone();
        cancel_pending(OnePending { conversation, client_ref: client_ref() }) -> nothing.clone();
        retry_pending(OnePending { conversation, client_ref: client_ref() })
            -> Sent { client_ref: client_ref() };
        save_draft(SaveDraft { conversation, text: "hel".into(), reply_to: Some(7) })
            -> nothing.clone();
        mark_read(MarkRead { conversation, seq: 9 }) -> nothing.clone();
        typing(InConversation { conversation }) -> nothing.clone();
        create_group(CreateGroup { title: "Engine room".into(), members: vec![ADA] })
            -> ConversationRef { conversation };
        rename_group(RenameGroup { conversation, title: "Bridge".into() }) -> nothing.clone();
        add_members(AddMembers { conversation, users: vec![ADA] }) -> nothing.clone();
        remove_member(OneMember { conversation, user: ADA }) -> nothing.clone();
        set_role(SetRole { conversation, user: ADA, role: Role::Admin }) -> nothing.clone();
        leave_group(InConversation { conversation }) -> nothing.clone();
        mute_conversation(MuteConversation { conversation, until: Some(AT) }) -> nothing.clone();
        conversation_details(InConversation { conversation }) -> details();
        message_readers(OneMessage { conversation, seq: 9 }) -> MessageReaders {
            read: vec![person()],
            delivered: vec![],
            waiting: vec![person()],
        };
        search(Search {
            query: "\"say hi\"".into(),
            conversation: Some(ROOM),
            before: Some("9".into()),
        }) -> SearchResults {
            messages: vec![found()],
            more: Some("9".into()),
            coverage: Coverage { complete: false, since: Some(AT), coming: true, indexing: true },
        };
        find_people(FindPeople { query: "ad".into() }) -> People { people: vec![person()] };
        change_profile(ChangeProfileArgs {
            display_name: Some("Countess".into()),
            about: None,
        }) -> person();
        change_password(ChangePasswordArgs {
            old: "correct horse".into(),
            new: "battery staple".into(),
        }) -> nothing.clone();
        list_sessions(nothing.clone()) -> Sessions {
            sessions: vec![SessionView {
                id: session(),
                device: "laptop".into(),
                platform: "linux".into(),
                used: AT,
                current: true,
            }],
        };
        end_session(OneSession { session: session() }) -> nothing.clone();
        change_settings(settings()) -> settings();
        looks_at(Looking { focused: true, conversation: Some(conversation) }) -> nothing.clone();
        take_target(nothing.clone()) -> TakenTarget {
            target: Some(Target { conversation, seq: Some(9) }),
        };
        quit(nothing.clone()) -> nothing;
    }
}

#[test]
fn every_notification_is_written_as_it_always_was() {
    let conversation = ROOM;
    let all = [
        ("state", Notification::State { state: state() }),
        (
            "conversations",
            Notification::Conversations {
                changed: vec![item()],
                order: Some(vec![ROOM]),
                unread: 3,
                complete: true,
            },
        ),
        (
            "rows",
            Notification::Rows {
                conversation,
                rows: vec![row(RowBody::Message(message()))],
                removed: vec!["gap-3".into()],
                head: 9,
            },
        ),
        ("details", Notification::Details { details: details() }),
        ("typing", Notification::Typing { conversation, names: vec!["Ada".into()] }),
        ("presence", Notification::Presence { user: ADA, online: true }),
        (
            "rejected",
            Notification::Rejected { conversation, client_ref: client_ref(), code: Code::NotYours },
        ),
        ("idle", Notification::Idle { idle: true }),
        ("target_waiting", Notification::TargetWaiting {}),
    ];
    let mut events = snapshots("events");
    for (name, event) in all {
        events.add(name, &event);
    }
    for name in variants::<Notification>(Some("event")) {
        assert!(events.names("").contains(&name), "{name}");
    }
    events.close();
}

#[test]
fn every_row_and_every_line_in_the_middle_is_written_as_it_always_was() {
    let mut rows = snapshots("rows");
    rows.add("message", &row(RowBody::Message(message())));
    rows.add("gap", &row(RowBody::Gap { missing: 12 }));
    rows.add("newer_app", &row(RowBody::NewerApp));
    let (by, title, name) = (String::from("Ada"), String::from("Bridge"), String::from("Grace"));
    for (of, change) in [
        ("created", ChangeView::Created { by: by.clone(), title: title.clone() }),
        ("renamed", ChangeView::Renamed { by: by.clone(), title }),
        ("added", ChangeView::Added { by: by.clone(), names: vec![name.clone()] }),
        ("removed", ChangeView::Removed { by: by.clone(), name: name.clone() }),
        ("left", ChangeView::Left { name: name.clone() }),
        ("role_changed", ChangeView::RoleChanged { by: by.clone(), name, role: Role::Admin }),
        ("pinned", ChangeView::Pinned { by, seq: 9 }),
    ] {
        rows.add(&format!("change, {of}"), &row(RowBody::Change { change }));
    }
    for name in variants::<RowBody>(Some("type")) {
        assert!(rows.names(&name).iter().any(|rest| rest.is_empty() || rest.starts_with(',')));
    }
    for name in variants::<ChangeView>(Some("what")) {
        assert!(rows.names("change, ").contains(&name), "{name}");
    }
    // The message above has every block and every span.
    let text = serde_json::to_string(&message()).unwrap();
    for name in [variants::<Block>(Some("type")), variants::<Span>(Some("type"))].concat() {
        assert!(text.contains(&format!(r#""type":"{name}""#)), "{name}");
    }
    rows.close();
}

#[test]
fn every_word_is_written_as_it_always_was() {
    let mut words = snapshots("words");
    words.add(
        "Connection",
        &[
            Connection::SignedOut,
            Connection::Offline,
            Connection::Connecting,
            Connection::Online,
            Connection::Polling,
        ],
    );
    words.add(
        "Progress",
        &[Progress::Sending, Progress::Sent, Progress::Delivered, Progress::Read, Progress::Failed],
    );
    words.add("Appearance", &[Appearance::System, Appearance::Light, Appearance::Dark]);
    words.add("Notify", &[Notify::All, Notify::Nothing]);
    let codes = [
        CallCode::BadCall,
        CallCode::SignedOut,
        CallCode::Offline,
        CallCode::NotAServer,
        CallCode::TooLate,
        CallCode::NoKeychain,
        CallCode::Storage,
        CallCode::Server(Code::NotYours),
    ];
    words.add("CallCode", &codes);
    let error = CallError {
        code: CallCode::Server(Code::SlowDown),
        detail: "too many".into(),
        retry_after_ms: Some(1_500),
    };
    words.add("CallError", &error);
    for (name, known) in [
        ("Connection", variants::<Connection>(None)),
        ("Progress", variants::<Progress>(None)),
        ("Appearance", variants::<Appearance>(None)),
        ("Notify", variants::<Notify>(None)),
    ] {
        assert!(known.len() > 1, "{name}: {known:?}");
        let all = words.value(name).as_array().unwrap().clone();
        assert_eq!(all, known.into_iter().map(|word| json!(word)).collect::<Vec<_>>(), "{name}");
    }
    words.close();
}

#[test]
fn settings_of_an_older_version_are_read_with_what_was_usual_then() {
    let mut older = serde_json::to_value(settings()).unwrap();
    older.as_object_mut().unwrap().retain(|name, _| name != "autostart" && name != "close_to_tray");
    let read: Settings = serde_json::from_value(older).unwrap();
    assert_eq!((read.autostart, read.close_to_tray), (false, true));
}
