//! Rows 13 and 14: texts that are empty, large or odd.

use protocol::{Code, limits};
use serde_json::json;

use crate::live::Live;
use crate::person::{code, message, submit};
use crate::socket::{End, Raw, TEXT};

#[tokio::test]
async fn row_13_a_text_that_shows_nothing_is_rejected_and_what_follows_goes_on() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let room = ada.begins(&[]).await;
    let said = ada.asks(room, &message("hi")).await.unwrap();
    for text in ["", " ", "\n\t\r\n", "\u{200b}", "\u{200d}\u{2060}\u{feff}", "\u{3000}\u{a0}"] {
        assert_eq!(ada.asks(room, &message(text)).await, Err(Code::EmptyText), "{text:?}");
        let edit = json!({"edit": {"target": said, "text": text}});
        assert_eq!(ada.asks(room, &edit).await, Err(Code::EmptyText), "{text:?}");
        let rename = json!({"rename": {"title": text}});
        assert!(ada.asks(room, &rename).await.is_err(), "{text:?}");
    }
    let (bad, good) = (live.client_ref(), live.client_ref());
    let both = json!({"submit": {"conversation": room.id, "commands": [
        {"client_ref": bad, "command": message("")},
        {"client_ref": good, "command": message("goes on")},
    ]}});
    ada.socket.says(&both).await;
    assert_eq!(ada.outcome(room, bad).await, Err(Code::EmptyText));
    assert_eq!(ada.outcome(room, good).await, Ok(said + 1));
}

#[tokio::test]
async fn row_13_a_text_of_64_kib_is_kept_and_one_byte_more_is_rejected() {
    let live = Live::new().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    let room = ada.with(grace.user);
    let back = grace.with(ada.user);
    for letter in ["x", "é", "🐎"] {
        let whole = letter.repeat(limits::BODY_BYTES / letter.len());
        let seq = ada.asks(room, &message(&whole)).await.unwrap();
        let heard = grace.hears("event").await;
        assert_eq!(heard["states"][0]["texts"][0]["text"], json!(whole));
        assert_eq!(grace.reads(back, seq).await.as_ref(), Some(&whole));
        let more = format!("{whole}x");
        assert_eq!(ada.asks(room, &message(&more)).await, Err(Code::TooLarge));
        let edit = json!({"edit": {"target": seq, "text": more}});
        assert_eq!(ada.asks(room, &edit).await, Err(Code::TooLarge));
        assert_eq!(ada.head(room).await, seq);
    }
    // Every quote takes two bytes of the frame, and the frame is what is limited then.
    let quotes = message(&"\"".repeat(limits::BODY_BYTES));
    assert_eq!(ada.asks(room, &quotes).await, Err(Code::TooLarge));
    assert!(ada.asks(room, &message(&"\"".repeat(60_000))).await.is_ok());
}

#[tokio::test]
async fn row_13_large_texts_that_are_edited_and_quoted_still_reach_everybody_in_one_frame() {
    let live = Live::new().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    let room = ada.with(grace.user);
    let large = |first: &str| format!("{first}{}", "\n".repeat(limits::BODY_BYTES - 1_000));
    let mut said = Vec::new();
    for n in 0..2 {
        let seq = ada.asks(room, &message(&large(&format!("a{n}")))).await.unwrap();
        for edits in 0..3 {
            let edit = json!({"edit": {"target": seq, "text": large(&format!("{n} {edits}"))}});
            ada.asks(room, &edit).await.unwrap();
        }
        said.push(seq);
    }
    let reply = json!({"message": {"text": large("reply"), "reply_to": said[0]}});
    let last = ada.asks(room, &reply).await.unwrap();
    loop {
        if grace.hears("event").await["event"]["seq"] == json!(last) {
            break;
        }
    }
    for n in 0..30 {
        ada.asks(room, &message(&large(&format!("more {n}")))).await.unwrap();
    }
    // And hello is answered with a page that has as many of them as fit.
    let again = live.api.sign_in("grace").await;
    let mut socket = live.socket(&again.access_token).await;
    socket.says(&json!({"hello": {"version": 1}})).await;
    let page = socket.hears().await;
    let page = &page["page"]["conversations"][0];
    assert_eq!(page["head"]["seq"], json!(last + 30));
    assert!(page.to_string().len() <= limits::FIRST_PAGE_BYTES, "{}", page.to_string().len());
}

#[tokio::test]
async fn row_14_what_cannot_be_shown_is_rejected() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let room = ada.begins(&[]).await;
    for text in ["a\0b", "\0", "a\u{1b}[31m", "a\u{7f}", "a\u{85}b", "a\u{8}\u{8}"] {
        assert_eq!(ada.asks(room, &message(text)).await, Err(Code::BadText), "{text:?}");
    }
    for (title, expected) in [
        ("a\0b", Code::BadText),
        ("a\nb", Code::BadText),
        ("a\u{202e}b", Code::BadText),
        ("a\u{2066}b", Code::BadText),
        ("\u{feff}", Code::EmptyText),
    ] {
        let rename = json!({"rename": {"title": title}});
        assert_eq!(ada.asks(room, &rename).await, Err(expected), "{title:?}");
    }
}

#[tokio::test]
async fn row_14_odd_text_comes_back_as_it_was_written() {
    let live = Live::new().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    let room = ada.with(grace.user);
    for text in [
        "\u{feff}a mark in front",
        "invoice\u{202e}gpj.exe",
        &format!("e{}", "\u{301}".repeat(10_000)),
        &"w".repeat(60_000),
        "👨\u{200d}👩\u{200d}👧\u{200d}👦 \u{1f3f3}\u{fe0f}",
        "line\r\nline\ttab",
        "\u{fffd}\u{ffff}\u{10ffff}",
        "\\u0000 \"quoted\" \\ {\"json\":1}",
        "x' OR 1=1; --",
    ] {
        let seq = ada.asks(room, &message(text)).await.unwrap();
        let heard = grace.hears("event").await;
        assert_eq!(heard["states"][0]["texts"][0]["text"], text);
        assert_eq!(grace.reads(grace.with(ada.user), seq).await.as_deref(), Some(text));
    }
}

#[tokio::test]
async fn row_14_half_characters_are_no_text() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let room = ada.begins(&[]).await;
    let good = submit(room, live.client_ref(), &message("HERE")).to_string();
    for escape in [r"\ud800", r"\udfff", r"\ud800\u0041", r"\ud800\ud800", r"\u12", r"\x41"] {
        let text = good.replace("HERE", escape);
        assert_eq!(ada.refusal(&text).await, Code::Malformed, "{escape}");
    }
    let pair = good.replace("HERE", r"\ud83d\udc4d");
    ada.socket.text(&pair).await;
    ada.hears("event").await;
    let bom = format!("\u{feff}{good}");
    assert_eq!(ada.refusal(&bom).await, Code::Malformed, "a mark before the frame");
    // Overlong forms of characters are no UTF-8 at all.
    let (before, after) = good.split_once("HERE").unwrap();
    let overlong = [before.as_bytes(), b"\xc0\xaf", after.as_bytes()].concat();
    ada.socket.raw(Raw::new(TEXT, overlong)).await;
    assert_eq!(ada.socket.ends().await, End::Closed(1007, "malformed".into()));
}

#[tokio::test]
async fn row_14_a_word_of_a_megabyte_ends_its_connection_and_nothing_of_it_is_kept() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let room = ada.begins(&[]).await;
    let word = submit(room, live.client_ref(), &message(&"w".repeat(1024 * 1024)));
    let mut other = live.session(ada.tokens.clone()).await;
    other.socket.says(&word).await;
    let end = other.socket.ends().await;
    assert!(matches!(&end, End::Closed(1009, _) | End::Gone), "{end:?}");
    assert_eq!(ada.head(room).await, 1);
    // A word that is read at all gets its code, and names its conversation.
    let word = submit(room, live.client_ref(), &message(&"w".repeat(200_000)));
    let answers = ada.answers(&word.to_string()).await;
    assert_eq!(code(&answers[0]["error"]), Code::TooLarge);
    assert_eq!(answers[0]["error"]["conversation"], json!(room.id));
}
