//! One statement to a node of the CQL store, in the words of its protocol: what an operator does with a
//! shell.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A node of the services.
const NODE: &str = "127.0.0.1:19042";
/// Kinds of frames.
const STARTUP: u8 = 0x01;
const READY: u8 = 0x02;
const QUERY: u8 = 0x07;
const RESULT: u8 = 0x08;

/// Run a statement that answers with no rows that matter.
pub(crate) async fn run(statement: &str) {
    let mut stream = TcpStream::connect(NODE).await.expect("the CQL store runs");
    let mut options = 1_u16.to_be_bytes().to_vec();
    for word in ["CQL_VERSION", "3.0.0"] {
        options.extend(u16::try_from(word.len()).unwrap().to_be_bytes());
        options.extend(word.as_bytes());
    }
    assert_eq!(ask(&mut stream, STARTUP, &options).await.0, READY);
    let mut query = u32::try_from(statement.len()).unwrap().to_be_bytes().to_vec();
    query.extend(statement.as_bytes());
    // Consistency QUORUM, no flags.
    query.extend([0, 4, 0]);
    let (kind, answer) = ask(&mut stream, QUERY, &query).await;
    assert_eq!(kind, RESULT, "{statement}: {}", String::from_utf8_lossy(&answer));
}

async fn ask(stream: &mut TcpStream, kind: u8, body: &[u8]) -> (u8, Vec<u8>) {
    let mut frame = vec![4, 0, 0, 0, kind];
    frame.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
    frame.extend(body);
    stream.write_all(&frame).await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    let length = u32::from_be_bytes(head[5..].try_into().unwrap());
    let mut answer = vec![0; length as usize];
    stream.read_exact(&mut answer).await.unwrap();
    (head[4], answer)
}
