//! What a conversation is made of: kinds of events, message states, members, markers.

use protocol::model::{
    ConversationKind, Head, Marker, Member, MessageState, Period, Range, Reaction, Text,
};
use protocol::{Event, EventKind, Role};
use serde_json::json;

use super::{ada, client_ref, grace, group, snapshots};

/// The name of each kind as it crosses.
pub(crate) const KINDS: &[&str] = &[
    "message",
    "edited",
    "deleted",
    "reacted",
    "pinned",
    "created",
    "renamed",
    "added",
    "removed",
    "left",
    "role_changed",
];

/// The name of a kind; a new kind does not compile before it has one.
fn name(kind: &EventKind) -> &'static str {
    let at = match kind {
        EventKind::Message { .. } => 0,
        EventKind::Edited { .. } => 1,
        EventKind::Deleted { .. } => 2,
        EventKind::Reacted { .. } => 3,
        EventKind::Pinned { .. } => 4,
        EventKind::Created { .. } => 5,
        EventKind::Renamed { .. } => 6,
        EventKind::Added { .. } => 7,
        EventKind::Removed { .. } => 8,
        EventKind::Left { .. } => 9,
        EventKind::RoleChanged { .. } => 10,
        EventKind::Unknown(_) => return "unknown",
    };
    KINDS[at]
}

pub(crate) fn event(seq: u64, kind: EventKind) -> Event {
    Event {
        seq,
        ord: 4,
        at: 1_700_000_000_000,
        sender: ada(),
        client_ref: client_ref(u128::from(seq)),
        kind,
    }
}

pub(crate) fn state(seq: u64) -> MessageState {
    let text = |text: &str, at| Text { text: text.into(), at };
    MessageState {
        seq,
        texts: vec![text("hi", 1_700_000_000_000), text("hello", 1_700_000_001_000)],
        reactions: vec![Reaction { emoji: "👍".into(), users: vec![ada(), grace()] }],
        pinned: true,
        state_seq: seq + 2,
    }
}

fn kinds() -> Vec<(&'static str, EventKind)> {
    vec![
        ("", EventKind::Message { reply_to: None }),
        (", a reply", EventKind::Message { reply_to: Some(7) }),
        ("", EventKind::Edited { target: 7 }),
        ("", EventKind::Deleted { target: 7 }),
        ("", EventKind::Reacted { target: 7, emoji: "👍".into(), on: true }),
        ("", EventKind::Pinned { target: 7, on: true }),
        (
            "",
            EventKind::Created {
                title: "Engine room".into(),
                members: vec![grace()],
                history_open: false,
            },
        ),
        ("", EventKind::Renamed { title: "Bridge".into() }),
        ("", EventKind::Added { users: vec![grace()] }),
        ("", EventKind::Removed { user: grace() }),
        ("", EventKind::Left { new_owner: None }),
        (", with a new owner", EventKind::Left { new_owner: Some(grace()) }),
        ("", EventKind::RoleChanged { user: grace(), role: Role::Admin }),
    ]
}

#[test]
fn every_kind_of_event_is_written_as_it_always_was() {
    let mut events = snapshots("events");
    for (more, kind) in kinds() {
        let name = format!("{}{more}", name(&kind));
        events.add(&name, &event(9, kind));
    }
    for kind in KINDS {
        assert!(!events.names(kind).is_empty(), "{kind}");
    }
    let newer = EventKind::Unknown(json!({"voted": {"target": 7, "for": ["tea"]}}));
    assert_eq!(name(&newer), "unknown");
    events.add_free("unknown, of a newer server", &event(9, newer));
    events.close();
}

#[test]
fn what_a_conversation_is_made_of_is_written_as_it_always_was() {
    let mut model = snapshots("model");
    model.add("MessageState", &state(7));
    let deleted =
        MessageState { texts: Vec::new(), reactions: Vec::new(), pinned: false, ..state(7) };
    model.add("MessageState, deleted", &deleted);
    for (name, role) in [("member", Role::Member), ("admin", Role::Admin), ("owner", Role::Owner)] {
        model.add(&format!("Role, {name}"), &role);
    }
    model.add("ConversationKind, direct", &ConversationKind::Direct);
    model.add("ConversationKind, group", &ConversationKind::Group);
    model.add("Member", &Member { user: ada(), role: Role::Owner });
    model.add("Marker", &Marker { user: ada(), delivered: 9, read: 7 });
    model.add("Head", &Head { seq: 9, ord: 4 });
    model.add("Period", &Period { joined_seq: 1, left_seq: None });
    model.add("Period, over", &Period { joined_seq: 1, left_seq: Some(5) });
    let range = Range {
        conversation: group(),
        from: 5,
        to: 9,
        events: vec![event(9, EventKind::Message { reply_to: None })],
        states: vec![state(9)],
        closed: vec![(5, 8)],
    };
    model.add("Range", &range);
    model.close();
}
