//! A WebSocket by hand, so that a test can send what no library would.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// What carries the bytes: TCP, or a pipe in memory.
pub trait Carrier: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Carrier for T {}

pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;

/// One frame of the wire.
#[derive(Clone, Debug)]
pub struct Raw {
    pub opcode: u8,
    pub fin: bool,
    pub rsv: u8,
    pub masked: bool,
    pub payload: Vec<u8>,
}

impl Raw {
    pub fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { opcode, fin: true, rsv: 0, masked: true, payload: payload.into() }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode];
        let mask = u8::from(self.masked) << 7;
        match self.payload.len() {
            short @ ..126 => bytes.push(mask | u8::try_from(short).unwrap()),
            long => {
                bytes.push(mask | 127);
                bytes.extend((long as u64).to_be_bytes());
            }
        }
        if self.masked {
            // A key of zeros is a key: the payload stays as it is.
            bytes.extend([0; 4]);
        }
        bytes.extend(&self.payload);
        bytes
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With this close code and reason.
    Closed(u16, String),
    /// Without a word.
    Gone,
}

/// A WebSocket after its upgrade.
pub struct Socket {
    carrier: Box<dyn Carrier>,
    read: Vec<u8>,
}

/// Long enough for any machine; only a test that fails waits for it.
const DEADLINE: Duration = Duration::from_secs(100);

impl Socket {
    pub fn new(carrier: impl Carrier + 'static) -> Self {
        Self { carrier: Box::new(carrier), read: Vec::new() }
    }

    /// Send bytes as they are. The other side may have gone meanwhile.
    pub async fn bytes(&mut self, bytes: &[u8]) {
        let _ = self.carrier.write_all(bytes).await;
        let _ = self.carrier.flush().await;
    }

    pub async fn raw(&mut self, raw: Raw) {
        self.bytes(&raw.bytes()).await;
    }

    pub async fn text(&mut self, text: &str) {
        self.raw(Raw::new(TEXT, text)).await;
    }

    pub async fn says(&mut self, frame: &Value) {
        self.text(&frame.to_string()).await;
    }

    /// The next frame of the protocol, or how the connection ended. Pings are passed over.
    pub async fn next(&mut self) -> Result<Value, End> {
        loop {
            let (opcode, payload) = self.frame().await.ok_or(End::Gone)?;
            match opcode {
                TEXT => return Ok(serde_json::from_slice(&payload).unwrap()),
                CLOSE => {
                    let (code, reason) = payload.split_at(2);
                    let code = u16::from_be_bytes(code.try_into().unwrap());
                    return Err(End::Closed(code, String::from_utf8(reason.to_vec()).unwrap()));
                }
                _ => {}
            }
        }
    }

    /// As [`Socket::next`], which must be a frame, soon.
    pub async fn hears(&mut self) -> Value {
        timeout(DEADLINE, self.next()).await.expect("no answer").expect("the connection ended")
    }

    /// How the connection ends, whatever comes before that.
    pub async fn end(&mut self) -> End {
        loop {
            if let Err(end) = self.next().await {
                return end;
            }
        }
    }

    /// Read one byte and no more, and leave it: how many came.
    pub async fn byte(&mut self) -> usize {
        let mut byte = [0];
        self.carrier.read(&mut byte).await.unwrap_or_default()
    }

    /// As [`Socket::end`], soon.
    pub async fn ends(&mut self) -> End {
        timeout(DEADLINE, self.end()).await.expect("it did not end")
    }

    async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let head = self.take(2).await?;
        assert_eq!(head[0] & 0xf0, 0x80, "servers send whole frames");
        assert_eq!(head[1] & 0x80, 0, "servers do not mask");
        let length = match head[1] {
            126 => u64::from(u16::from_be_bytes(self.take(2).await?.try_into().unwrap())),
            127 => u64::from_be_bytes(self.take(8).await?.try_into().unwrap()),
            short => u64::from(short),
        };
        assert!(length <= protocol::limits::SERVER_FRAME_BYTES as u64, "{length} bytes");
        let payload = self.take(usize::try_from(length).unwrap()).await?;
        Some((head[0] & 0xf, payload))
    }

    /// So many bytes. Nothing is lost when it is dropped before they are there.
    async fn take(&mut self, n: usize) -> Option<Vec<u8>> {
        while self.read.len() < n {
            match self.carrier.read_buf(&mut self.read).await {
                Ok(1..) => {}
                _ => return None,
            }
        }
        let rest = self.read.split_off(n);
        Some(std::mem::replace(&mut self.read, rest))
    }
}
