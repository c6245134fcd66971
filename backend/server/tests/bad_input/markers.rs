//! Rows 19 and 20: markers and reactions that cannot be.

use protocol::{Code, limits};
use serde_json::{Value, json};

use crate::live::Live;
use crate::person::{Person, Room, code, message, submit};

/// Move one's markers: the values as stored, or why not.
async fn mark(who: &mut Person<'_>, room: Room, delivered: u64, read: u64) -> Result<Value, Code> {
    let mark = json!({"conversation": room.id, "delivered": delivered, "read": read});
    who.socket.says(&json!({ "mark": mark })).await;
    loop {
        let mut frame = who.socket.hears().await;
        if frame["error"]["conversation"] == json!(room.id) {
            return Err(code(&frame["error"]));
        }
        if let Some(stored) = frame.get_mut("mark_stored") {
            return Ok(stored.take());
        }
    }
}

#[tokio::test]
async fn row_19_a_marker_beyond_the_head_is_the_head_and_moves_on_with_it() {
    let live = Live::new().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    let (room, back) = (ada.with(grace.user), grace.with(ada.user));
    for n in 1..=3 {
        ada.asks(room, &message("hi")).await.unwrap();
        for beyond in [n + 1, (1 << 53) + 1, u64::try_from(i64::MAX).unwrap(), u64::MAX] {
            let stored = mark(&mut grace, back, beyond, beyond).await.unwrap();
            assert_eq!((&stored["read"], &stored["delivered"]), (&json!(n), &json!(n)));
            assert_eq!(stored["read_ord"], json!(n));
        }
    }
    let lower = mark(&mut grace, back, 1, 1).await.unwrap();
    assert_eq!((&lower["read"], &lower["delivered"]), (&json!(3), &json!(3)), "never backwards");
    let nothing = mark(&mut grace, back, 0, 0).await.unwrap();
    assert_eq!(nothing["read"], json!(3));
    let one = mark(&mut ada, room, 0, 2).await.unwrap();
    assert_eq!((&one["read"], &one["delivered"]), (&json!(2), &json!(2)), "read is delivered");
}

#[tokio::test]
async fn row_19_a_marker_where_one_never_was_is_refused_and_where_one_left_it_ends_there() {
    let live = Live::new().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    let group = ada.begins(&[]).await;
    let nothing = Room { id: live.nothing(), peer: None };
    for foreign in [group, nothing, ada.with(live.client_ref().0.into())] {
        assert_eq!(mark(&mut grace, foreign, 1, 1).await, Err(Code::NotAMember));
    }
    ada.asks(group, &json!({"add": {"users": [grace.user]}})).await.unwrap();
    let left = grace.asks(group, &json!({"leave": {}})).await.unwrap();
    ada.asks(group, &message("after")).await.unwrap();
    let stored = mark(&mut grace, group, u64::MAX, u64::MAX).await.unwrap();
    assert_eq!(stored["read"], json!(left));
}

fn react(target: u64, emoji: &str, on: bool) -> Value {
    json!({"react": {"target": target, "emoji": emoji, "on": on}})
}

#[tokio::test]
async fn row_20_a_thousand_different_reactions_are_bounded() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let group = ada.begins(&[]).await;
    let said = ada.asks(group, &message("hi")).await.unwrap();
    let all: Vec<String> =
        (0x1f300..0x1f300 + 1_000).filter_map(char::from_u32).map(|c| c.to_string()).collect();
    let mut taken = 0;
    for some in all.chunks(limits::COMMANDS) {
        let refs: Vec<_> = some.iter().map(|_| live.client_ref()).collect();
        let commands: Vec<Value> = some
            .iter()
            .zip(&refs)
            .map(|(emoji, client_ref)| {
                json!({"client_ref": client_ref, "command": react(said, emoji, true)})
            })
            .collect();
        let frame = json!({"submit": {"conversation": group.id, "commands": commands}});
        ada.socket.says(&frame).await;
        let mut open: std::collections::BTreeSet<_> = refs.into_iter().collect();
        while !open.is_empty() {
            let frame = ada.socket.hears().await;
            let of = |part: &Value| serde_json::from_value(part["client_ref"].clone()).ok();
            if let Some(client_ref) = of(&frame["event"]["event"]) {
                taken += usize::from(open.remove(&client_ref));
            } else if let Some(client_ref) = of(&frame["rejected"]) {
                assert_eq!(code(&frame["rejected"]), Code::LimitReached, "{frame}");
                open.remove(&client_ref);
            }
        }
    }
    assert_eq!(taken, limits::EMOJI_PER_MESSAGE);
    assert!(ada.asks(group, &react(said, "\u{1f300}", false)).await.is_ok());
    assert!(ada.asks(group, &react(said, "👍", true)).await.is_ok(), "there is room again");
}

#[tokio::test]
async fn row_20_a_reaction_is_one_emoji_that_is_not_there_yet() {
    let live = Live::new().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    let (room, back) = (ada.with(grace.user), grace.with(ada.user));
    let said = ada.asks(room, &message("hi")).await.unwrap();
    let bomb = format!("👨{}", "\u{200d}👨".repeat(10_000));
    for bad in ["", " ", "a", "ab", "1", "👍👍", "\u{200d}", "\u{fe0f}", &bomb, "<b>", "\0", "é"]
    {
        assert_eq!(ada.asks(room, &react(said, bad, true)).await, Err(Code::BadEmoji), "{bad:.20}");
    }
    for (target, expected) in [(0, Code::BadValue), (99, Code::NoMessage)] {
        assert_eq!(ada.asks(room, &react(target, "👍", true)).await, Err(expected));
    }
    assert!(ada.asks(room, &react(said, "👍", true)).await.is_ok());
    assert_eq!(ada.asks(room, &react(said, "👍", true)).await, Err(Code::NoChange), "twice");
    assert_eq!(grace.asks(back, &react(said, "👍", false)).await, Err(Code::NoChange), "not hers");
    assert!(grace.asks(back, &react(said, "👍", true)).await.is_ok());
    assert!(ada.asks(room, &react(said, "👍", false)).await.is_ok());
    assert_eq!(ada.asks(room, &react(said, "👍", false)).await, Err(Code::NoChange));
    ada.asks(room, &json!({"delete": {"target": said}})).await.unwrap();
    assert_eq!(ada.asks(room, &react(said, "👍", true)).await, Err(Code::MessageDeleted));
}

#[tokio::test]
async fn row_20_adding_and_taking_back_at_once_leaves_what_the_last_one_said() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let mut other = live.session(live.api.sign_in("ada").await).await;
    let group = ada.begins(&[]).await;
    let said = ada.asks(group, &message("hi")).await.unwrap();
    for _ in 0..8 {
        let (on, off) = (live.client_ref(), live.client_ref());
        let (add, take) = (
            submit(group, on, &react(said, "👍", true)),
            submit(group, off, &react(said, "👍", false)),
        );
        tokio::join!(ada.socket.says(&add), other.socket.says(&take));
        let outcomes = (ada.outcome(group, on).await, other.outcome(group, off).await);
        let there = match outcomes {
            (Ok(on), Ok(off)) => on > off,
            (Ok(_), Err(Code::NoChange)) => true,
            (Err(Code::NoChange), Ok(_)) => false,
            other => panic!("{other:?}"),
        };
        let range = ada.range(group, &format!("from={said}&to={said}")).await;
        let reactions = range["states"][0]["reactions"].as_array().map_or(0, Vec::len);
        assert_eq!(reactions, usize::from(there), "{range}");
    }
}
