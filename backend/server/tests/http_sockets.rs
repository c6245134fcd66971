//! The accept loop over real sockets: what comes before a request is understood.
//!
//! Where a limit of time is tested, the clock is tokio's paused one, which jumps ahead whenever
//! nobody has anything to do; elsewhere nothing waits for time.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod api;

use std::net::SocketAddr;
use std::time::Duration;

use api::Api;
use server::config::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

struct Server {
    api: Api,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Server {
    async fn new(change: impl FnOnce(&mut Config)) -> Self {
        let api = Api::with(change).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (router, config, stop) =
            (api.router.clone(), api.app.config.clone(), api.app.stop.clone());
        let serving = tokio::spawn(async move {
            server::http::serve::serve(listener, router, &config, stop).await;
        });
        Self { api, address, serving }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Send these bytes and read until the server closes the connection.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        // It may close before all is sent.
        let _ = stream.write_all(bytes).await;
        rest(&mut stream).await
    }

    /// Whether a whole request is answered.
    async fn answers(&self) -> bool {
        let asked = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        self.exchange(asked).await.starts_with("HTTP/1.1 200")
    }
}

/// Whatever comes until the connection ends, however it ends.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        bytes.extend_from_slice(&buffer[..n]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The answer's first part, up to the end of its headers.
async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test(start_paused = true)]
async fn row_6_who_connects_and_says_nothing_is_let_go_after_ten_seconds() {
    let server = Server::new(|_| {}).await;
    let begun = Instant::now();
    let mut stream = server.connect().await;
    assert_eq!(rest(&mut stream).await, "");
    assert!((10..12).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn row_6_a_byte_every_nine_seconds_does_not_keep_a_connection() {
    let server = Server::new(|_| {}).await;
    let begun = Instant::now();
    let (mut read, mut write) = server.connect().await.into_split();
    let drip = tokio::spawn(async move {
        for byte in b"GET /healthz HTTP/1.1\r\n" {
            if write.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(9)).await;
        }
    });
    let mut bytes = Vec::new();
    let _ = read.read_to_end(&mut bytes).await;
    assert!((10..12).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    drip.abort();
}

#[tokio::test(start_paused = true)]
async fn row_28_who_announces_a_body_and_stalls_is_refused_after_ten_seconds() {
    let server = Server::new(|_| {}).await;
    let begun = Instant::now();
    let mut stream = server.connect().await;
    let asked = b"POST /v1/refresh HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        content-length: 50\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(asked).await.unwrap();
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 100"));
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains(r#""code":"malformed""#), "{answer}");
    assert!((10..25).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn row_28_a_body_that_is_shorter_or_longer_than_announced_harms_nobody_else() {
    let server = Server::new(|_| {}).await;
    let post = |length: usize, body: &str| {
        format!(
            "POST /v1/refresh HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
    };
    let mut short = server.connect().await;
    short.write_all(post(50, "{}").as_bytes()).await.unwrap();
    short.shutdown().await.unwrap();
    let answer = rest(&mut short).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    let long = server.exchange(post(2, "{}GET is no request\r\n\r\n").as_bytes()).await;
    let statuses: Vec<_> = long.split("HTTP/1.1 ").skip(1).map(|part| &part[..3]).collect();
    assert_eq!(statuses, ["400", "400"], "the rest is read as a request of its own: {long}");
    assert!(server.answers().await);
}

#[tokio::test]
async fn row_28_nothing_is_smuggled_behind_a_body_with_two_lengths() {
    let server = Server::new(|_| {}).await;
    let lengths = [
        "content-length: 4\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 4",
    ];
    for lengths in lengths {
        let asked = format!(
            "POST /v1/refresh HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{lengths}\r\n\
             \r\n2\r\n{{}}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
        );
        let answer = server.exchange(asked.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    }
    for broken in [
        "content-length: 2\r\ncontent-length: 3",
        "content-length: +2",
        "content-length: -1",
        "transfer-encoding: gzip",
        "content-length : 2",
    ] {
        let asked = format!(
            "POST /v1/refresh HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{broken}\r\n\
             \r\n{{}}GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
        );
        let answer = server.exchange(asked.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{broken}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{broken}: {answer}");
    }
    assert!(server.answers().await);
}

#[tokio::test]
async fn row_29_headers_that_are_too_large_or_too_many_are_refused_unread() {
    let server = Server::new(|_| {}).await;
    let one = format!("GET /healthz HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(1024 * 1024));
    let many = format!("GET /healthz HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(1_000));
    let address = format!("GET /healthz?{} HTTP/1.1\r\n\r\n", "a=1&".repeat(100_000));
    for asked in [one, many, address] {
        let answer = server.exchange(asked.as_bytes()).await;
        // What is not read makes the system reset the connection, and the answer may go with it.
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        assert!(!answer.contains("200 OK"));
    }
    assert!(server.answers().await);
}

#[tokio::test]
async fn row_3_what_is_no_http_is_refused() {
    let server = Server::new(|_| {}).await;
    for rubbish in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\0\0\0\0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = server.exchange(rubbish).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    assert!(server.answers().await);
}

const UPGRADE: &str = "host: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[tokio::test]
async fn row_25_an_address_has_so_many_connections_and_a_socket_counts_until_it_is_closed() {
    let server = Server::new(|config| config.limits.connections_per_address = 2).await;
    let ada = server.api.person("ada").await;
    let idle = server.connect().await;
    let mut socket = server.connect().await;
    let asked = format!(
        "GET /v1/socket HTTP/1.1\r\nauthorization: Bearer {}\r\n{UPGRADE}",
        ada.access_token
    );
    socket.write_all(asked.as_bytes()).await.unwrap();
    assert!(head(&mut socket).await.starts_with("HTTP/1.1 101"));
    assert!(!server.answers().await, "both places are taken");
    drop(socket);
    // The server hears of it a moment later.
    while !server.answers().await {
        tokio::task::yield_now().await;
    }
    drop(idle);
}

#[tokio::test]
async fn a_stop_takes_no_new_connection_and_lets_a_request_that_has_begun_end() {
    let server = Server::new(|_| {}).await;
    let mut begun = server.connect().await;
    let asked = b"POST /v1/refresh HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        content-length: 2\r\nexpect: 100-continue\r\n\r\n";
    begun.write_all(asked).await.unwrap();
    assert!(head(&mut begun).await.starts_with("HTTP/1.1 100"));
    server.api.app.stop.cancel();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.serving.is_finished());
    begun.write_all(b"{}").await.unwrap();
    assert!(rest(&mut begun).await.starts_with("HTTP/1.1 400"));
    server.serving.await.unwrap();
}
