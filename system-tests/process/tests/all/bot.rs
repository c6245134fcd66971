//! `kith-bot` does what its README says, with a real server.

use programs::server::{Server, Setup};
use serde_json::{Value, json};

use crate::bots::{Bot, texts};

struct Scene {
    folder: tempfile::TempDir,
    server: Server,
    ada: Bot,
    grace: Bot,
}

async fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await.unwrap();
    let ada = Bot::registered("ada", folder.path(), &server.address()).await.unwrap();
    let grace = Bot::registered("grace", folder.path(), &server.address()).await.unwrap();
    Scene { folder, server, ada, grace }
}

#[tokio::test]
async fn a_message_is_sent_seen_and_answered() {
    let scene = scene().await;
    let (ada, grace) = (&scene.ada, &scene.grace);
    let mut listening = grace.begins(&["listen", "--read"], "").await.unwrap();
    listening.listens().await.unwrap();

    let sent = ada.does(&["send", "grace", "Does the compiler run?"]).await.unwrap();
    assert_eq!(sent[0]["type"], "queued");
    assert_eq!(sent[1]["key"], sent[0]["key"]);
    assert_eq!((&sent[1]["seq"], &sent[1]["mine"]), (&json!(1), &json!(true)));
    let seen = listening.message().await.unwrap();
    for (field, value) in [
        ("text", json!("Does the compiler run?")),
        ("sender", json!("ada")),
        ("seq", json!(1)),
        ("state", json!("received")),
        ("mine", json!(false)),
    ] {
        assert_eq!(seen[field], value, "{seen}");
    }

    // Who listens uses the folder; to answer at the same time takes a second device.
    let refused = grace.ends(&["send", "ada", "It does."], "").await.unwrap();
    assert_eq!(refused.code, Some(1));
    assert!(refused.complaint.starts_with("kith-bot: in_use: "), "{refused:?}");
    let second = grace.elsewhere();
    second.does(&["sign-in"]).await.unwrap();
    second.takes(&["send", "ada", "-"], "It does.\nIt took three tries.\n").await.unwrap();
    listening.reads(&["It does.", "It took three tries."]).await.unwrap();
    listening.kill().await.unwrap();

    let history = ada.does(&["history", "grace", "--last", "2"]).await.unwrap();
    assert_eq!(texts(&history), ["It does.", "It took three tries."]);
    let list = ada.does(&["list"]).await.unwrap();
    assert_eq!((&list[0]["name"], &list[0]["unread"]), (&json!("grace"), &json!(2)));
}

#[tokio::test]
async fn what_is_written_without_a_server_is_sent_once_by_a_later_run() {
    let Scene { folder, server, ada, grace } = scene().await;
    ada.does(&["send", "grace", "one"]).await.unwrap();
    let at = server.socket();
    server.kill().await.unwrap();

    let queued = ada.takes(&["send", "--no-wait", "grace", "-"], "two\nthree\n").await.unwrap();
    assert_eq!(queued.iter().map(|line| &line["type"]).collect::<Vec<_>>(), ["queued", "queued"]);
    let late = ada.ends(&["--timeout", "1", "send", "grace", "four"], "").await.unwrap();
    assert_eq!(late.code, Some(5));
    assert!(late.complaint.starts_with("kith-bot: not_in_time: "), "{late:?}");
    let here = ada.does(&["history", "grace"]).await.unwrap();
    assert_eq!(texts(&here), ["one", "two", "three", "four"]);
    assert_eq!(here[3]["state"], "sending");
    let unknown = ada.ends(&["--timeout", "1", "send", "linus", "hi"], "").await.unwrap();
    assert_eq!(unknown.code, Some(5), "{unknown:?}");
    assert!(unknown.complaint.starts_with("kith-bot: offline: "), "{unknown:?}");

    let _server = Server::start_at(folder.path(), at).await.unwrap();
    for _ in 0..2 {
        ada.does(&["flush"]).await.unwrap();
    }
    let there = grace.does(&["history", "ada"]).await.unwrap();
    assert_eq!(texts(&there), ["one", "two", "three", "four"]);
}

#[tokio::test]
async fn a_listener_who_was_away_long_reads_everything_in_order_and_goes_on_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = Setup::new(folder.path()).unwrap();
    setup.variables.push(("KITH__LIMITS__SENDS_PER_SECOND".into(), "1000000".into()));
    setup.variables.push(("KITH__LIMITS__SEND_BURST".into(), "1000000".into()));
    let server = setup.start().await.unwrap();
    let ada = Bot::registered("ada", folder.path(), &server.address()).await.unwrap();
    let grace = Bot::registered("grace", folder.path(), &server.address()).await.unwrap();
    // More than a page of the answer to hello, of history, and of rows.
    let words: Vec<String> = (1..=250).map(|n| format!("message {n}")).collect();
    ada.takes(&["send", "grace", "-"], &words.join("\n")).await.unwrap();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();

    let mut listening = grace.begins(&["listen"], "").await.unwrap();
    listening.reads(&words).await.unwrap();
    listening.kill().await.unwrap();
    // Nothing was marked as read, so all of it is still unread.
    let mut listening = grace.begins(&["listen", "--read"], "").await.unwrap();
    listening.reads(&words).await.unwrap();
    ada.does(&["send", "grace", "and one more"]).await.unwrap();
    listening.reads(&["and one more"]).await.unwrap();
    listening.kill().await.unwrap();
    ada.does(&["send", "grace", "the last"]).await.unwrap();
    let mut listening = grace.begins(&["listen", "--read"], "").await.unwrap();
    let mut next = listening.message().await.unwrap();
    // The mark of what was printed right before the kill may not have been written.
    if next["text"] == "and one more" {
        next = listening.message().await.unwrap();
    }
    assert_eq!(next["text"], "the last");
    listening.kill().await.unwrap();
    let history = grace.does(&["history", "ada", "--last", "1000"]).await.unwrap();
    assert_eq!(texts(&history).len(), 252);
}

#[tokio::test]
async fn a_group_is_begun_and_everybody_in_it_reads_it() {
    let scene = scene().await;
    let (ada, grace) = (&scene.ada, &scene.grace);
    let made = ada.does(&["group", "create", "Engine room", "grace"]).await.unwrap();
    let id = made[0]["conversation"].as_str().unwrap();
    grace.does(&["send", id, "I am here."]).await.unwrap();
    let history = ada.does(&["history", id]).await.unwrap();
    assert_eq!(history[0]["change"]["what"], "created");
    assert_eq!((&history[1]["text"], &history[1]["seq"]), (&json!("I am here."), &json!(2)));
    let list = grace.does(&["list"]).await.unwrap();
    assert_eq!((&list[0]["kind"], &list[0]["title"]), (&json!("group"), &json!("Engine room")));
}

#[tokio::test]
async fn what_one_said_is_told_again_when_it_is_delivered_and_read() {
    let scene = scene().await;
    let (ada, grace) = (&scene.ada, &scene.grace);
    ada.does(&["send", "grace", "hello"]).await.unwrap();
    let mut listening = ada.begins(&["listen"], "").await.unwrap();
    listening.listens().await.unwrap();
    let reading = grace.begins(&["listen", "--read"], "").await.unwrap();
    let mut states: Vec<Value> = Vec::new();
    while states.last() != Some(&json!("read")) {
        let message = listening.message().await.unwrap();
        assert_eq!(message["text"], "hello");
        states.push(message["state"].clone());
    }
    let all = [json!("delivered"), json!("read")];
    assert!(states.iter().all(|state| all.contains(state)), "{states:?}");
    reading.kill().await.unwrap();
}

#[tokio::test]
async fn a_failure_has_an_exit_code_and_a_stable_code_and_no_secret() {
    let scene = scene().await;
    let (folder, server, ada) = (&scene.folder, &scene.server, &scene.ada);
    let linus = Bot::new("linus", folder.path(), &server.address());
    let nobody = Bot::new("nobody", folder.path(), "http://127.0.0.1:1");
    let long = "x".repeat(64 * 1024 + 1);
    for (bot, words, input, code, complaint) in [
        (ada, &["send", "linus", "hi"][..], "", 3, "no_person"),
        (ada, &["send", "no name", "hi"], "", 3, "bad_name"),
        (ada, &["send", "grace", ""], "", 3, "empty_text"),
        (ada, &["send", "grace", "-"], &long, 3, "too_large"),
        (ada, &["send", "018bcfe5-6800-7000-8000-000000000000", "x"], "", 3, "no_conversation"),
        (ada, &["group", "create", "", "grace"], "", 3, "empty_text"),
        (ada, &["register"], "", 1, "already_signed_in"),
        (&linus, &["list"], "", 4, "signed_out"),
        (&linus, &["sign-in"], "", 3, "wrong_password"),
        (&nobody, &["sign-in"], "", 5, "offline"),
    ] {
        let ended = bot.ends(words, input).await.unwrap();
        assert_eq!(ended.code, Some(code), "{words:?}: {ended:?}");
        let begins = format!("kith-bot: {complaint}: ");
        assert!(ended.complaint.starts_with(&begins), "{words:?}: {ended:?}");
        assert!(!ended.complaint.contains("correct horse"), "{ended:?}");
    }
    let wrong = ada.ends(&["sing"], "").await.unwrap();
    assert_eq!(wrong.code, Some(2));
}

#[tokio::test]
async fn signing_out_leaves_nothing_of_the_account_behind() {
    let scene = scene().await;
    let (folder, ada) = (&scene.folder, &scene.ada);
    ada.does(&["send", "grace", "hello"]).await.unwrap();
    let accounts = folder.path().join("bots/ada/accounts");
    assert_eq!(std::fs::read_dir(&accounts).unwrap().count(), 1);
    ada.does(&["sign-out"]).await.unwrap();
    assert_eq!(std::fs::read_dir(&accounts).unwrap().count(), 0);
    let secrets = std::fs::read_to_string(folder.path().join("bots/ada/secrets.json")).unwrap();
    assert!(!secrets.contains("kr1."), "no refresh token is left");
    ada.does(&["sign-in"]).await.unwrap();
    assert_eq!(texts(&ada.does(&["history", "grace"]).await.unwrap()), ["hello"]);
}
