//! Rows 25 to 27: too much, too slow, and clocks that are wrong.

use std::collections::BTreeSet;
use std::time::Duration;

use http::Method;
use protocol::{ClientRef, Code};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::live::{Live, authorization, code};
use crate::person::{code as code_of, greet, message, submit};
use crate::socket::End;

/// A server with the limits that it has when nobody sets others.
async fn limited() -> Live {
    Live::with(|config| {
        config.limits.send_burst = protocol::limits::SEND_BURST;
        config.limits.sends_per_second = protocol::limits::SENDS_PER_SECOND;
    })
    .await
}

#[tokio::test]
async fn row_25_a_flood_over_one_socket_is_told_to_slow_down_and_nothing_of_the_rest_is_lost() {
    let live = limited().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    let room = ada.with(grace.user);
    let refs: Vec<ClientRef> = (0..2_000).map(|_| live.client_ref()).collect();
    let (mut sent, mut taken, mut slowed) = (0, 0, 0);
    // Read on the way, as an app does.
    for some in refs.chunks(100) {
        for client_ref in some {
            ada.socket.says(&submit(room, *client_ref, &message("flood"))).await;
        }
        sent += some.len() as u64;
        while taken + slowed < sent {
            let frame = ada.socket.hears().await;
            if frame.get("event").is_some() {
                taken += 1;
            } else if frame.get("slow_down").is_some() {
                slowed += 1;
                assert!(frame["slow_down"]["retry_after_ms"].as_u64().unwrap() <= 100, "{frame}");
                assert_eq!(frame["slow_down"]["conversation"], json!(room.id));
            }
        }
    }
    live.api.pass(100);
    let again = *refs.last().unwrap();
    assert_eq!(ada.submits(room, again, &message("flood")).await, Ok(taken + 1), "sent again");
    assert_eq!(taken, u64::from(protocol::limits::SEND_BURST));
    assert!(grace.asks(grace.with(ada.user), &message("hi")).await.is_ok(), "nobody else waits");
}

#[tokio::test]
async fn row_25_a_frame_of_many_commands_costs_as_many() {
    let live = limited().await;
    let mut ada = live.person("ada").await;
    let room = ada.begins(&[]).await;
    live.api.pass(60_000);
    let commands: Vec<Value> = (0..50)
        .map(|_| json!({"client_ref": live.client_ref(), "command": message("x")}))
        .collect();
    let full = json!({"submit": {"conversation": room.id, "commands": commands}});
    ada.socket.says(&full).await;
    ada.socket.says(&full).await;
    let slow = ada.hears("slow_down").await;
    assert_eq!(slow["retry_after_ms"], json!(5_000), "the whole frame, unchanged, after that");
    live.api.pass(5_000);
    assert!(ada.asks(room, &message("y")).await.is_ok());
}

#[tokio::test]
async fn row_25_who_says_all_the_time_that_they_write_is_not_heard_all_the_time() {
    let live = limited().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    let room = ada.with(grace.user);
    ada.asks(room, &message("hi")).await.unwrap();
    grace.hears("event").await;
    let look = json!({"look": {"conversations": [room.id]}}).to_string();
    assert!(grace.answers(&look).await.is_empty());
    live.api.pass(60_000);
    for _ in 0..1_000 {
        ada.socket.says(&json!({"typing": {"conversation": room.id}})).await;
    }
    assert!(ada.answered().await.is_empty());
    let heard = grace.answered().await.iter().filter(|f| f.get("typing").is_some()).count();
    assert_eq!(heard, protocol::limits::SEND_BURST as usize);
}

#[tokio::test]
async fn row_25_in_a_group_of_more_than_a_hundred_nobody_is_told_who_writes() {
    let live = Live::new().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    let mut members = vec![grace.user];
    for n in 2..protocol::limits::TYPING_GROUP {
        members.push(live.tokens(&format!("member{n}")).await.user);
        // So many accounts from one address take their time.
        live.api.pass(1_000);
    }
    let room = ada.begins(&members).await;
    grace.hears("event").await;
    grace.answers(&json!({"look": {"conversations": [room.id]}}).to_string()).await;
    let typing = json!({"typing": {"conversation": room.id}}).to_string();
    ada.answers(&typing).await;
    assert_eq!(grace.hears("typing").await["user"], json!(ada.user), "a hundred are few enough");

    let one_more = live.tokens("onemore").await.user;
    let added = ada.asks(room, &json!({"add": {"users": [one_more]}})).await.unwrap();
    while grace.hears("event").await["event"]["seq"] != json!(added) {}
    ada.answers(&typing).await;
    let heard = grace.answered().await;
    assert!(heard.iter().all(|frame| frame.get("typing").is_none()), "{heard:?}");
}

#[tokio::test]
async fn row_25_a_flood_of_garbage_is_answered_within_bounds() {
    let live = Live::new().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    let garbage = crate::socket::Raw::new(crate::socket::TEXT, "garbage").bytes().repeat(10_000);
    // Nobody reads the answers meanwhile; what cannot wait any more gives way to one `resync`.
    ada.socket.bytes(&garbage).await;
    let mut errors = 0;
    loop {
        let frame = ada.socket.hears().await;
        if frame.get("resync").is_some() {
            break;
        }
        errors += usize::from(frame.get("error").is_some());
        if errors == 10_000 {
            return;
        }
    }
    assert!(grace.answered().await.is_empty());
    greet(&mut ada.socket).await;
    assert!(ada.answered().await.iter().all(|frame| frame.get("error").is_some()));
}

#[tokio::test]
async fn row_25_many_sockets_of_one_person_are_refused_also_when_all_say_hello_at_once() {
    let live = Live::new().await;
    let ada = live.tokens("ada").await;
    let mut sockets = Vec::new();
    for _ in 0..40 {
        sockets.push(live.socket(&ada.access_token).await);
    }
    for socket in &mut sockets {
        socket.says(&json!({"hello": {"version": 1}})).await;
    }
    let mut greeted = Vec::new();
    for mut socket in sockets {
        let first = socket.hears().await;
        if first.get("page").is_some() {
            greeted.push(socket);
        } else {
            assert_eq!(code_of(&first["error"]), Code::TooManySockets);
        }
    }
    assert_eq!(greeted.len(), live.api.app.config.limits.sockets_per_device);
    let refused = live.upgrade(live.connect().await, &authorization(&ada.access_token)).await;
    assert_eq!(code(&refused.err().unwrap()), Code::TooManySockets);
    let poll = live.api.post("/v1/poll/open", &ada.access_token, json!({})).await;
    assert_eq!(poll.code(), Code::TooManySockets);
    // More devices have more, up to what a person may have.
    let mut more = Vec::new();
    loop {
        let device = live.api.sign_in("ada").await;
        let headers = authorization(&device.access_token);
        match live.upgrade(live.connect().await, &headers).await {
            Ok(mut socket) => {
                greet(&mut socket).await;
                more.push(socket);
            }
            Err(answer) => {
                assert_eq!(code(&answer), Code::TooManySockets);
                break;
            }
        }
    }
    let all = greeted.len() + more.len();
    assert_eq!(all, live.api.app.config.limits.sockets_per_user);
    drop(greeted);
    while live.api.app.delivery.sessions() > more.len() {
        tokio::task::yield_now().await;
    }
    greet(&mut live.socket(&ada.access_token).await).await;
}

#[tokio::test]
async fn row_25_a_storm_of_connections_leaves_the_server_and_those_who_are_there_alone() {
    let live = Live::with(|config| {
        config.limits.connections = 60;
        config.limits.connections_per_address = 60;
    });
    let live = live.await;
    let mut ada = live.person("ada").await;
    let mut storm = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let address = live.address;
        storm.spawn(async move {
            let mut stream = tokio::net::TcpStream::connect(address).await?;
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await?;
            let mut first = [0; 12];
            stream.read_exact(&mut first).await?;
            // Held until the others have been there.
            sleep(Duration::from_millis(1)).await;
            Ok::<_, std::io::Error>(&first == b"HTTP/1.1 200")
        });
    }
    let mut served = 0;
    while let Some(outcome) = storm.join_next().await {
        served += usize::from(outcome.unwrap().is_ok_and(|good| good));
    }
    assert!(served > 0);
    assert!(ada.answered().await.is_empty(), "who was there before stays");
    while !live.serves().await {}
}

#[tokio::test(start_paused = true)]
async fn row_26_who_never_reads_is_let_go_and_keeps_nobody_waiting() {
    let live = Live::new().await;
    let tokens = live.tokens("ada").await;
    let mut ada = live.session_over(live.pipe(1 << 20), tokens).await;
    let grace = live.tokens("grace").await;
    let begun = Instant::now();
    let mut deaf = live.session_over(live.pipe(1 << 16), grace.clone()).await;
    let room = ada.with(deaf.user);
    let text = "x".repeat(32 * 1024);
    for n in 1..=50 {
        assert_eq!(ada.asks(room, &message(&text)).await, Ok(n));
    }
    assert_eq!(begun.elapsed().as_secs(), 0, "nobody waited for her");
    while live.api.app.delivery.sessions() > 1 {
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(begun.elapsed().as_secs(), 10);
    assert_eq!(deaf.socket.end().await, End::Gone);
    let back = live.session_over(live.pipe(1 << 20), grace).await;
    assert_eq!(back.head(back.with(ada.user)).await, 50, "and nothing was lost");
}

#[tokio::test(start_paused = true)]
async fn row_26_who_reads_a_byte_a_second_is_let_go_too() {
    let live = Live::new().await;
    let (ada, grace) = (live.tokens("ada").await, live.tokens("grace").await);
    let mut ada = live.session_over(live.pipe(1 << 20), ada).await;
    let mut drop_by_drop = live.session_over(live.pipe(1 << 16), grace).await;
    let room = ada.with(drop_by_drop.user);
    for _ in 0..10 {
        ada.asks(room, &message(&"x".repeat(32 * 1024))).await.unwrap();
    }
    let begun = Instant::now();
    let mut read = 0;
    while live.api.app.delivery.sessions() > 1 {
        sleep(Duration::from_secs(1)).await;
        read += drop_by_drop.socket.byte().await;
    }
    assert!(read <= 11, "{read} bytes");
    assert!((9..12).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn row_26_who_falls_behind_is_told_resync_and_gets_everything_by_hello() {
    let live = Live::new().await;
    let (ada, grace) = (live.tokens("ada").await, live.tokens("grace").await);
    let mut ada = live.session_over(live.pipe(1 << 20), ada).await;
    let mut grace = live.session_over(live.pipe(1 << 16), grace).await;
    let room = ada.with(grace.user);
    for _ in 0..25 {
        ada.asks(room, &message(&"x".repeat(60 * 1024))).await.unwrap();
    }
    let mut last = 0;
    loop {
        let frame = grace.socket.hears().await;
        if frame.get("resync").is_some() {
            break;
        }
        if let Some(seq) = frame["event"]["event"]["seq"].as_u64() {
            assert_eq!(seq, last + 1);
            last = seq;
        }
    }
    assert!(last < 25);
    // What happens before she says hello comes with its answer.
    ada.asks(room, &message("meanwhile")).await.unwrap();
    grace.socket.says(&json!({"hello": {"version": 1}})).await;
    let page = grace.socket.hears().await;
    assert_eq!(page["page"]["conversations"][0]["head"]["seq"], json!(26), "{page:.200}");
    assert!(page["page"]["last"].as_bool().unwrap());
    assert!(grace.socket.hears().await.get("cursor").is_some());
    ada.asks(room, &message("live again")).await.unwrap();
    assert_eq!(grace.hears("event").await["event"]["seq"], json!(27));
}

#[tokio::test(start_paused = true)]
async fn row_26_a_long_list_holds_up_no_frame_and_no_cursor_overtakes_it() {
    let live = Live::new().await;
    let (ada, grace) = (live.tokens("ada").await, live.tokens("grace").await);
    let mut ada = live.session_over(live.pipe(1 << 20), ada).await;
    let mut groups = BTreeSet::new();
    for _ in 0..50 {
        let group = ada.begins(&[grace.user]).await;
        groups.insert(group.id.to_string());
        ada.asks(group, &message(&"x".repeat(20_000))).await.unwrap();
    }
    // The list is far larger than what may wait for a reader.
    let authorization = authorization(&grace.access_token);
    let mut socket = live.upgrade(live.pipe(1 << 12), &authorization).await.unwrap();
    socket.says(&json!({"hello": {"version": 1}})).await;
    let room = ada.with(grace.user);
    let back = crate::person::Room { peer: Some(ada.user), ..room };
    socket.says(&submit(back, live.client_ref(), &message("at once"))).await;
    let heard = ada.hears("event").await;
    assert_eq!(heard["states"][0]["texts"][0]["text"], "at once", "before the list was read");
    for n in 0..20 {
        ada.asks(room, &message(&format!("{n}"))).await.unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    let (mut named, mut events) = (BTreeSet::new(), Vec::new());
    loop {
        let frame = socket.hears().await;
        if frame.get("cursor").is_some() {
            break;
        }
        for conversation in frame["page"]["conversations"].as_array().into_iter().flatten() {
            named.insert(conversation["conversation"].as_str().unwrap().to_owned());
        }
        events.extend(frame["event"]["event"]["seq"].as_u64());
    }
    assert!(groups.is_subset(&named), "the first cursor comes behind the whole list");
    assert_eq!(events, (1..=21).collect::<Vec<_>>());
}

#[tokio::test]
async fn row_27_refs_with_any_time_in_them_are_taken_and_order_nothing() {
    let live = Live::new().await;
    let (mut ada, grace) = (live.person("ada").await, live.person("grace").await);
    let room = ada.with(grace.user);
    const YEARS: u64 = 10 * 365 * 24 * 60 * 60 * 1_000;
    let now = 1_700_000_000_000_u64;
    for (n, millis) in [now + YEARS, now - YEARS, 0, (1 << 48) - 1, now].into_iter().enumerate() {
        let bytes = [u8::try_from(n).unwrap(); 10];
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid();
        let sent = ada.submits(room, ClientRef(id), &message("hi")).await;
        assert_eq!(sent, Ok(n as u64 + 1), "{millis}");
    }
    assert!(Uuid::max().get_version_num() != 7, "the largest id of all is no ref");
}

#[tokio::test]
async fn row_27_a_clock_that_jumps_moves_no_order_and_locks_nobody_out() {
    let live = limited().await;
    let (mut ada, grace) = (live.person("ada").await, live.person("grace").await);
    let room = ada.with(grace.user);
    const HOUR: i64 = 60 * 60 * 1_000;
    let mut seq = 0;
    for jump in [-HOUR, HOUR, HOUR, -2 * HOUR, -1, 0] {
        live.api.pass(jump);
        seq += 1;
        assert_eq!(ada.asks(room, &message("hi")).await, Ok(seq), "{jump}");
    }
    // All that may be sent at once is sent, and the clock goes back: the pause is no longer for it.
    while ada.asks(room, &message("hi")).await.is_ok() {}
    live.api.pass(-HOUR);
    assert_eq!(ada.asks(room, &message("hi")).await, Err(Code::SlowDown));
    live.api.pass(100);
    assert!(ada.asks(room, &message("hi")).await.is_ok());
    let range = ada.range(room, "from=1").await;
    let at = |n: usize| range["events"][n]["at"].as_i64().unwrap();
    assert!(at(3) < at(2), "the time is shown as it was, and the order is another thing");
}

#[tokio::test]
async fn row_27_a_clock_before_1970_or_at_the_end_of_time_stops_nothing() {
    let live = Live::new().await;
    let (mut ada, grace) = (live.person("ada").await, live.person("grace").await);
    let room = ada.with(grace.user);
    for (n, at) in [(1, -1), (2, i64::from(i32::MIN)), (3, 1 << 52)] {
        live.api.clock.store(at, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(ada.asks(room, &message("hi")).await, Ok(n), "{at}");
    }
    let device = live.api.device();
    let asked = json!({"name": "eve", "password": crate::api::PASSWORD, "device": device});
    let eve = live.api.post("/v1/register", "", asked).await.tokens();
    let me = live.api.ask(Method::GET, "/v1/me", &eve.access_token, None).await;
    assert!(me.status.is_success(), "{}", me.text());
}
