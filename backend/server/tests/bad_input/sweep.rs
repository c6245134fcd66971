//! Row 36: another person's id, wherever an id can be given. It is answered like an id that nothing
//! has, so that nobody learns what there is.

use http::Method;
use protocol::UserId;
use serde_json::{Value, json};

use crate::live::Live;
use crate::person::{Person, Room, message, submit};

/// What a route says when `id` stands in its path.
async fn ask(who: &Person<'_>, method: &Method, path: &str, id: &str) -> (u16, String) {
    let (before, rest) = path.split_once('{').unwrap();
    let (_, after) = rest.split_once('}').unwrap();
    assert!(!after.contains('{'), "{path} takes two ids: sweep both");
    let path = format!("{before}{id}{after}");
    let answer = who.live.api.ask(method.clone(), &path, &who.tokens.access_token, None).await;
    (answer.status.as_u16(), answer.text())
}

#[tokio::test]
async fn row_36_every_route_with_an_id_answers_for_anothers_as_for_one_that_does_not_exist() {
    let live = Live::new().await;
    let (mut ada, grace) = (live.person("ada").await, live.person("grace").await);
    let eve = live.person("eve").await;
    let group = ada.begins(&[grace.user]).await;
    let direct = ada.with(grace.user);
    ada.asks(direct, &message("secret")).await.unwrap();
    let document = live.api.get("/v1/openapi.json", "").await.json();
    let target = json!({"target": {"webhook": {"url": "https://192.0.1.1/x"}}});
    let subscribed =
        live.api.post("/v1/push/subscriptions", &ada.tokens.access_token, target).await.json();
    let pushed = subscribed["id"].as_str().unwrap();
    let nothing = live.nothing().to_string();
    let mut swept = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some((_, name)) = path.split_once('{') else { continue };
        let name = name.split('}').next().unwrap();
        let foreign = match name {
            "conversation" => vec![group.id.to_string(), direct.id.to_string()],
            "subscription" => vec![pushed.to_owned()],
            "session" => vec![ada.tokens.session.to_string(), grace.tokens.session.to_string()],
            // Everybody may look for everybody: an id of a person is no secret.
            "user" => Vec::new(),
            other => panic!("{path}: say here whose id `{other}` is, so that the sweep has it"),
        };
        for method in item.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let reference = ask(&eve, &method, path, &nothing).await;
            assert_eq!(reference.0, 404, "{method} {path}");
            for id in foreign.iter().map(String::as_str).chain(["rubbish", "%00", "7"]) {
                assert_eq!(ask(&eve, &method, path, id).await, reference, "{method} {path} {id}");
                swept += 1;
            }
        }
    }
    assert!(swept >= 30, "{swept}");
    for mut person in [ada, grace] {
        let told = person.answered().await;
        assert!(told.iter().all(|frame| frame.get("session_ended").is_none()), "{told:?}");
    }
}

#[tokio::test]
async fn row_36_ids_of_people_change_only_ones_own_side() {
    let live = Live::new().await;
    let (ada, grace) = (live.person("ada").await, live.person("grace").await);
    let eve = live.person("eve").await;
    let call = async |who: &Person<'_>, method: Method, path: String| {
        let answer = live.api.ask(method, &path, &who.tokens.access_token, None).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
    };
    let of = |kind: &str, user: UserId| format!("/v1/{kind}/{user}");
    call(&ada, Method::PUT, of("friends", grace.user)).await;
    call(&grace, Method::PUT, of("friends", ada.user)).await;
    call(&ada, Method::PUT, of("blocks", eve.user)).await;
    let lists =
        async |who: &Person<'_>| live.api.get("/v1/friends", &who.tokens.access_token).await.json();
    let before = (lists(&ada).await, lists(&grace).await);
    for user in [ada.user, grace.user] {
        for kind in ["friends", "blocks"] {
            call(&eve, Method::DELETE, of(kind, user)).await;
        }
    }
    call(&eve, Method::PUT, of("blocks", grace.user)).await;
    assert_eq!((lists(&ada).await, lists(&grace).await), before);
}

#[tokio::test]
async fn row_36_ids_in_queries_and_bodies_are_ones_own_too() {
    let live = Live::new().await;
    let (mut ada, eve) = (live.person("ada").await, live.person("eve").await);
    let group = ada.begins(&[eve.user]).await;
    let token = &ada.tokens.access_token;
    let opened = live.api.post("/v1/poll/open", token, json!({})).await.json();
    let session = opened["session"].as_str().unwrap();
    let nothing = format!("kithd.{}", live.nothing().0.simple());
    for (path, body) in [
        ("/v1/poll", json!({"session": "S", "n": 1})),
        ("/v1/poll/send", json!({"session": "S", "m": 1, "frames": [{"hello": {"version": 1}}]})),
    ] {
        let with = async |id: &str| {
            let body =
                serde_json::from_str(&body.to_string().replace("\"S\"", &json!(id).to_string()));
            let answer = live.api.post(path, &eve.tokens.access_token, body.unwrap()).await;
            (answer.status.as_u16(), answer.text())
        };
        let reference = with(&nothing).await;
        assert!(reference.0 == 404 && reference.1.contains("session_unknown"), "{reference:?}");
        for foreign in [session, "", "rubbish", "../x", "\0"] {
            assert_eq!(with(foreign).await, reference, "{path} {foreign}");
        }
    }
    let send = json!({"session": session, "m": 1, "frames": []});
    assert!(live.api.post("/v1/poll/send", token, send).await.status.is_success(), "it is hers");
    // A member who does not exist, or is of another group, is only a place to begin behind.
    for after in [ada.user.to_string(), live.nothing().to_string(), uuid::Uuid::max().to_string()] {
        let path = format!("/v1/conversations/{}/members?after={after}", group.id);
        assert!(live.api.get(&path, &eve.tokens.access_token).await.status.is_success());
    }
}

/// What a frame about `room` is answered with, with the room's id taken out.
async fn answers(who: &mut Person<'_>, room: Room, frame: &Value) -> Vec<String> {
    let id = room.id.to_string();
    let answers = who.answers(&frame.to_string()).await;
    answers.into_iter().map(|answer| answer.to_string().replace(&id, "ROOM")).collect()
}

#[tokio::test]
async fn row_36_every_frame_about_anothers_conversation_is_answered_as_about_none() {
    let live = Live::new().await;
    let (mut ada, grace) = (live.person("ada").await, live.person("grace").await);
    let mut eve = live.person("eve").await;
    let theirs = ada.begins(&[grace.user]).await;
    let said = ada.asks(theirs, &message("secret")).await.unwrap();
    let nothing = Room { id: live.nothing(), peer: None };
    let direct = Room { peer: None, ..ada.with(grace.user) };
    ada.asks(ada.with(grace.user), &message("secret")).await.unwrap();
    let v5 = Room { id: eve.with(UserId(live.nothing().0)).id, peer: None };
    let client_ref = live.client_ref();
    let commands = [
        message("hi"),
        json!({"message": {"text": "hi", "reply_to": said}}),
        json!({"edit": {"target": said, "text": "x"}}),
        json!({"delete": {"target": said}}),
        json!({"react": {"target": said, "emoji": "👍", "on": true}}),
        json!({"pin": {"target": said, "on": true}}),
        json!({"rename": {"title": "Mine"}}),
        json!({"add": {"users": [eve.user]}}),
        json!({"remove": {"user": ada.user}}),
        json!({"leave": {}}),
        json!({"role": {"user": eve.user, "role": "owner"}}),
    ];
    // Every command but `create`, which needs to know whether the id is free.
    let known = protocol::testing::variants::<protocol::Command>(None);
    for name in known.iter().filter(|name| *name != "create") {
        assert!(commands.iter().any(|command| command.get(name).is_some()), "{name}");
    }
    let mut frames: Vec<Box<dyn Fn(Room) -> Value>> = vec![
        Box::new(|room| json!({"mark": {"conversation": room.id, "delivered": 1, "read": 1}})),
        Box::new(|room| json!({"typing": {"conversation": room.id}})),
        Box::new(|room| json!({"look": {"conversations": [room.id]}})),
    ];
    for command in commands {
        frames.push(Box::new(move |room| submit(room, client_ref, &command)));
    }
    for frame in frames {
        for (foreign, none) in [(theirs, nothing), (direct, v5)] {
            let reference = answers(&mut eve, none, &frame(none)).await;
            let given = answers(&mut eve, foreign, &frame(foreign)).await;
            assert_eq!(given, reference, "{}", frame(foreign));
        }
    }
    assert_eq!(ada.head(theirs).await, said);
    // And what she looks at in vain is not told to her.
    let typing = json!({"typing": {"conversation": theirs.id}}).to_string();
    assert!(ada.answers(&typing).await.is_empty());
    assert!(eve.answered().await.is_empty());
}
