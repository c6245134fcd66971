//! Rows 1 to 4: what is wrong below the frames, in the bytes of the WebSocket.

use std::time::Duration;

use tokio::time::Instant;

use crate::live::{Live, authorization};
use crate::person::greet;
use crate::socket::{BINARY, CLOSE, CONTINUATION, End, PING, Raw, Socket, TEXT};

fn closed(code: u16, reason: &str) -> End {
    End::Closed(code, reason.to_owned())
}

/// A part of a message: neither its last one nor, for a continuation, its first.
fn part(opcode: u8, payload: &[u8]) -> Raw {
    Raw { fin: false, ..Raw::new(opcode, payload) }
}

#[tokio::test]
async fn row_1_a_frame_that_announces_64_mib_ends_its_connection_unread() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    for announced in [64_u64 << 20, (1 << 63) - 1, u64::MAX] {
        let mut socket = live.socket(&ada.tokens.access_token).await;
        greet(&mut socket).await;
        let mut header = vec![0x81, 0xff];
        header.extend(announced.to_be_bytes());
        header.extend([0; 4]);
        socket.bytes(&header).await;
        let end = socket.ends().await;
        assert!(matches!(end, End::Closed(1009 | 1002, _)), "{announced}: {end:?}");
    }
    assert!(ada.answered().await.is_empty(), "her other session goes on");
}

#[tokio::test]
async fn row_1_a_frame_that_is_somewhat_too_large_gets_its_code_and_the_session_goes_on() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let large = |bytes: usize| format!(r#"{{"look":{{"x":"{}"}}}}"#, "y".repeat(bytes - 17));
    let limit = protocol::limits::FRAME_BYTES;
    assert!(ada.answers(&large(limit)).await.is_empty());
    assert_eq!(ada.refusal(&large(limit + 1)).await, protocol::Code::TooLarge);
    assert_eq!(ada.refusal(&large(2 * limit)).await, protocol::Code::TooLarge);
    ada.socket.text(&large(2 * limit + 1)).await;
    assert_eq!(ada.socket.ends().await, closed(1009, "too_large"));
}

#[tokio::test]
async fn row_2_a_million_parts_of_one_byte_are_not_collected() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let mut socket = live.socket(&ada.tokens.access_token).await;
    greet(&mut socket).await;
    socket.raw(part(TEXT, b"x")).await;
    let thousand = part(CONTINUATION, b"x").bytes().repeat(1_000);
    // Sent from beside, since the server stops reading on the way.
    for _ in 0..300 {
        socket.bytes(&thousand).await;
    }
    let end = socket.ends().await;
    assert!(end == closed(1009, "too_large") || end == End::Gone, "{end:?}");
    assert!(ada.answered().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn row_2_parts_that_never_end_keep_a_connection_no_longer_than_silence() {
    let live = Live::new().await;
    let ada = live.tokens("ada").await;
    for (greeted, seconds, how) in [(false, 5, closed(1008, "hello_first")), (true, 60, End::Gone)]
    {
        let authorization = authorization(&ada.access_token);
        let mut socket = live.upgrade(live.pipe(1 << 20), &authorization).await.unwrap();
        if greeted {
            greet(&mut socket).await;
        }
        let begun = Instant::now();
        socket.raw(part(TEXT, b"")).await;
        let end = loop {
            tokio::select! {
                biased;
                end = socket.end() => break end,
                () = tokio::time::sleep(Duration::from_millis(1_100)) => {}
            }
            socket.raw(part(CONTINUATION, b"")).await;
        };
        assert_eq!((end, begun.elapsed().as_secs()), (how, seconds));
    }
}

#[tokio::test]
async fn row_3_bytes_that_are_no_websocket_end_their_connection_with_a_word() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let hello = br#"{"hello":{"version":1}}"#.as_slice();
    let ping = |length: usize| Raw::new(PING, vec![b'x'; length]);
    let mut cases = vec![
        ("not masked", vec![Raw { masked: false, ..Raw::new(TEXT, hello) }]),
        ("a ping in parts", vec![Raw { fin: false, ..ping(1) }]),
        ("a ping of 126 bytes", vec![ping(126)]),
        ("a continuation of nothing", vec![Raw::new(CONTINUATION, hello)]),
        ("a message inside another", vec![part(TEXT, b"{"), Raw::new(TEXT, hello)]),
        ("a close of one byte", vec![Raw::new(CLOSE, [3])]),
    ];
    for opcode in (3..8).chain(11..16) {
        cases.push(("a reserved opcode", vec![Raw::new(opcode, hello)]));
    }
    for rsv in 1..8 {
        cases.push(("a reserved bit", vec![Raw { rsv, ..Raw::new(TEXT, hello) }]));
    }
    for (what, frames) in cases {
        let mut socket = live.socket(&ada.tokens.access_token).await;
        for frame in frames {
            socket.raw(frame).await;
        }
        assert_eq!(socket.ends().await, closed(1002, "malformed"), "{what}");
    }
    assert!(ada.answered().await.is_empty());
}

#[tokio::test]
async fn row_3_pings_are_answered_between_the_parts_of_a_message() {
    let live = Live::new().await;
    let tokens = live.tokens("ada").await;
    let mut socket: Socket = live.socket(&tokens.access_token).await;
    socket.raw(part(TEXT, br#"{"hello":"#)).await;
    socket.raw(Raw::new(PING, vec![b'x'; 125])).await;
    socket.raw(part(CONTINUATION, b"")).await;
    socket.raw(Raw::new(CONTINUATION, br#"{"version":1}}"#)).await;
    assert!(socket.hears().await.get("page").is_some());
}

#[tokio::test]
async fn row_4_text_that_is_not_utf_8_ends_its_connection_with_a_word() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let bad: [&[u8]; 5] =
        [b"\xff", b"{\"x\":\"\xc0\x80\"}", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\"\xe2\x82"];
    for bytes in bad {
        let mut socket = live.socket(&ada.tokens.access_token).await;
        socket.raw(Raw::new(TEXT, bytes)).await;
        assert_eq!(socket.ends().await, closed(1007, "malformed"), "{bytes:?}");
    }
    assert!(ada.answered().await.is_empty());
}

#[tokio::test]
async fn row_4_a_binary_message_is_no_frame_whatever_is_in_it() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    for bytes in [&b""[..], b"\xff\xfe", br#"{"look":{}}"#] {
        ada.socket.raw(Raw::new(BINARY, bytes)).await;
        let answers = ada.answered().await;
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0]["error"]["code"], "malformed");
    }
}
