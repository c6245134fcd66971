//! What crosses over HTTP, both ways.

use protocol::model::{Marker, Member};
use protocol::push::*;
use protocol::request::*;
use protocol::{Code, ConversationId, DeviceId, Problem, Role, SessionId, SubscriptionId};
use serde_json::json;

use super::{ada, grace, snapshots, uuid7};

fn device() -> Device {
    Device { id: DeviceId(uuid7(4)), name: "Ada's laptop".into(), platform: "linux".into() }
}

fn person(about: &str) -> Person {
    Person {
        id: ada(),
        name: "ada".into(),
        display_name: "Ada Lovelace".into(),
        about: about.into(),
    }
}

fn session() -> SessionId {
    SessionId(uuid7(5))
}

#[test]
fn what_signs_in_is_written_as_it_always_was() {
    let mut all = snapshots("signing-in");
    all.add("Device", &device());
    let register = Register {
        name: "ada".into(),
        password: "correct horse".into(),
        display_name: "Ada Lovelace".into(),
        device: device(),
    };
    all.add("Register", &register);
    let sign_in = SignIn { name: "ada".into(), password: "correct horse".into(), device: device() };
    all.add("SignIn", &sign_in);
    let tokens = Tokens {
        user: ada(),
        session: session(),
        access_token: "ka1.AAEC".into(),
        refresh_token: "kr1.AAEC".into(),
        expires_in: 3_600,
    };
    all.add("Tokens", &tokens);
    all.add("Refresh", &Refresh { refresh_token: "kr1.AAEC".into(), device: device().id });
    let change = ChangePassword { old: "correct horse".into(), new: "battery staple".into() };
    all.add("ChangePassword", &change);
    let row = Session {
        id: session(),
        device: device(),
        created: 1_700_000_000_000,
        used: 1_700_000_060_000,
        current: true,
    };
    all.add("Session", &row);
    all.add("Sessions", &Sessions { sessions: vec![row] });
    all.close();
}

#[test]
fn what_is_about_pushes_is_written_as_it_always_was() {
    let mut all = snapshots("push");
    let id = SubscriptionId(uuid7(6));
    let webhook = PushTarget::Webhook { url: "https://192.0.2.7/kith".into() };
    let web_push = PushTarget::WebPush {
        endpoint: "https://push.example/ada".into(),
        p256dh: "BCVx".into(),
        auth: "BTBZ".into(),
    };
    for (name, target, says) in [
        ("SubscribePush", web_push, PushSays::Text),
        ("SubscribePush, a webhook", webhook.clone(), PushSays::Names),
        ("SubscribePush, ids only", webhook, PushSays::Ids),
    ] {
        all.add(name, &SubscribePush { target, says });
    }
    all.add("PushSubscribed", &PushSubscribed { id, secret: None });
    all.add("PushSubscribed, a webhook", &PushSubscribed { id, secret: Some("AAEC".into()) });
    let row = PushSubscription {
        id,
        session: session(),
        current: true,
        origin: "https://push.example".into(),
        says: PushSays::Text,
        created: 1_700_000_000_000,
    };
    all.add("PushSubscriptions", &PushSubscriptions { subscriptions: vec![row] });
    all.add("PushKey", &PushKey { key: "BCVx".into() });
    let pushed = Pushed {
        user: grace(),
        conversation: ConversationId(uuid7(3)),
        seq: 7,
        at: 1_700_000_000_000,
        sender: ada(),
        sender_name: Some("Ada Lovelace".into()),
        title: Some("Engines".into()),
        text: Some("hi".into()),
    };
    all.add("Pushed", &pushed);
    let ids = Pushed { sender_name: None, title: None, text: None, ..pushed };
    all.add("Pushed, ids only", &ids);
    all.close();
}

#[test]
fn what_is_about_people_is_written_as_it_always_was() {
    let mut all = snapshots("people");
    all.add("Person", &person("engines"));
    all.add("Person, who says nothing", &person(""));
    all.add("People", &People { people: vec![person("")] });
    all.add("Me", &Me { person: person("engines"), version: 3 });
    let change =
        ChangeProfile { display_name: Some("Countess".into()), about: Some("engines".into()) };
    all.add("ChangeProfile", &change);
    all.add("ChangeProfile, nothing", &ChangeProfile { display_name: None, about: None });
    let settings = Settings { settings: json!({"theme": "dark", "muted": [1, null]}) };
    all.add_free("Settings", &settings);
    let friends = Friends {
        friends: vec![person("")],
        incoming: vec![person("a")],
        outgoing: vec![person("b")],
        blocked: vec![person("c")],
    };
    all.add("Friends", &friends);
    all.close();
}

#[test]
fn what_is_about_conversations_and_the_server_is_written_as_it_always_was() {
    let mut all = snapshots("answers");
    let members = vec![Member { user: ada(), role: Role::Owner }];
    all.add("Members", &Members { members, more: true });
    let markers = vec![Marker { user: grace(), delivered: 9, read: 7 }];
    all.add("Markers", &Markers { markers, more: false });
    let about = About {
        name: "Kith".into(),
        version: "0.1.0".into(),
        protocol: vec![1],
        registration: true,
    };
    all.add("About", &about);
    let node = Node {
        id: "a".into(),
        address: "https://a.example".into(),
        region: "eu".into(),
        load: 12,
        capacity: 20_000,
    };
    all.add("Node", &node);
    all.add("Nodes", &Nodes { nodes: vec![node] });
    all.add("Problem", &Problem::new(Code::NotFound, "There is nothing at this address."));
    let later =
        Problem { retry_after_ms: Some(6_000), ..Problem::new(Code::SlowDown, "Too many.") };
    all.add("Problem, with a time", &later);
    all.close();
}

#[test]
fn what_polls_is_written_as_it_always_was() {
    let mut all = snapshots("polls");
    let session = || "kithd.0190a000000070008000000000000005".to_owned();
    all.add("PollOpened", &PollOpened { session: session() });
    all.add("Poll", &Poll { session: session(), n: 1 });
    all.add_free("Polled", &Polled { n: 1, frames: vec![json!({"resync": {}})] });
    let frames = vec![json!({"hello": {"version": 1}})];
    all.add_free("PollSend", &PollSend { session: session(), m: 1, frames });
    all.close();
}
