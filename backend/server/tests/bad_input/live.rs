//! A server that listens, and connections to it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use protocol::request::Tokens;
use server::config::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::api::Api;
use crate::socket::{Carrier, Socket};

pub struct Live {
    pub api: Api,
    pub address: SocketAddr,
}

/// What every upgrade carries.
const UPGRADE: &str = "host: kith.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

impl Live {
    /// A server that nobody is too fast for.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A server with other settings.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let api = Api::with(|config| {
            config.limits.send_burst = 100_000;
            config.limits.sends_per_second = 100_000;
            change(config);
        })
        .await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (router, config, stop) =
            (api.router.clone(), api.app.config.clone(), api.app.stop.clone());
        tokio::spawn(async move {
            server::http::serve::serve(listener, router, &config, stop).await;
        });
        Self { api, address }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A connection in memory, for tests of time: nothing but the server's own clocks moves it. The
    /// server can write so many bytes before it has to wait for the reader.
    pub fn pipe(&self, room: usize) -> tokio::io::DuplexStream {
        let (near, far) = tokio::io::duplex(room);
        let (router, stop) = (self.api.router.clone(), self.api.app.stop.clone());
        let header = Duration::from_secs(self.api.app.config.limits.header_seconds);
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        tokio::spawn(server::http::serve::serve_one(far, peer, router, header, stop));
        near
    }

    /// A socket with this token, over TCP.
    pub async fn socket(&self, token: &str) -> Socket {
        self.upgrade(self.connect().await, &authorization(token)).await.unwrap()
    }

    /// A socket over any carrier, with these headers; else the answer to its upgrade.
    pub async fn upgrade(
        &self,
        mut carrier: impl Carrier + 'static,
        headers: &str,
    ) -> Result<Socket, String> {
        let asked = format!("GET /v1/socket HTTP/1.1\r\n{UPGRADE}{headers}\r\n");
        let _ = carrier.write_all(asked.as_bytes()).await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match carrier.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return Err(String::from_utf8_lossy(&head).into_owned()),
            }
        }
        let mut answer = String::from_utf8(head).unwrap();
        if answer.starts_with("HTTP/1.1 101") {
            return Ok(Socket::new(carrier));
        }
        let length = answer.split("content-length: ").nth(1).and_then(|l| l.split('\r').next());
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        carrier.read_exact(&mut body).await.unwrap();
        answer.push_str(&String::from_utf8(body).unwrap());
        Err(answer)
    }

    /// Send these bytes over TCP and read until the server ends the connection.
    pub async fn exchange(&self, bytes: &[u8]) -> String {
        let (mut read, mut write) = self.connect().await.into_split();
        let mut answer = Vec::new();
        // It may end before all is sent, and then the rest of the answer is lost with what was not
        // read.
        let ((), ()) = tokio::join!(
            async {
                let _ = write.write_all(bytes).await;
            },
            async {
                let mut buffer = [0; 4096];
                while let Ok(n @ 1..) = read.read(&mut buffer).await {
                    answer.extend_from_slice(&buffer[..n]);
                }
            },
        );
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Whether somebody who comes now is served.
    pub async fn serves(&self) -> bool {
        let asked = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        self.exchange(asked).await.starts_with("HTTP/1.1 200")
    }

    /// Somebody with an account.
    pub async fn tokens(&self, name: &str) -> Tokens {
        self.api.person(name).await
    }
}

pub fn authorization(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

/// The code in an answer that refuses, with the status that goes with it.
pub fn code(answer: &str) -> protocol::Code {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}"));
    assert!(head.contains("content-type: application/problem+json"), "{answer}");
    let problem: protocol::Problem = serde_json::from_str(body).unwrap();
    assert!(head.starts_with(&format!("HTTP/1.1 {}", problem.status)), "{answer}");
    problem.code
}
