//! Whether a service answers, asked with the smallest question of its own protocol: an open port
//! alone does not say that anybody is behind it.

use std::io::{Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::{Kind, Service};

/// A service that takes longer does not answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether it answers.
pub(super) fn answers(service: &Service) -> bool {
    let ask = || -> Result<bool> {
        match service.kind {
            Kind::Kafka => Ok(brokers(service)? > 0),
            // OPTIONS of protocol version 4; 6 is SUPPORTED.
            Kind::Cql => Ok(ask(service, &[4, 0, 0, 0, 5, 0, 0, 0, 0], 9)?[4] == 6),
            Kind::Zookeeper => Ok(ask(service, b"ruok", 4)? == b"imok"),
            // A start of protocol version 3: `R` lets in or asks for a password, while a server that
            // is still starting says `E`, an error.
            Kind::Postgres => {
                let who = b"user\0kith\0database\0postgres\0\0";
                let mut question = (8 + who.len() as u32).to_be_bytes().to_vec();
                question.extend_from_slice(&[0, 3, 0, 0]);
                question.extend_from_slice(who);
                Ok(ask(service, &question, 1)?[0] == b'R')
            }
            // Whatever the status, it is there.
            Kind::S3 | Kind::Haproxy => {
                let question = b"GET / HTTP/1.1\r\nhost: kith\r\nconnection: close\r\n\r\n";
                Ok(ask(service, question, 5)? == b"HTTP/")
            }
        }
    };
    ask().unwrap_or(false)
}

/// How many brokers this broker knows to be alive.
pub(super) fn brokers(service: &Service) -> Result<u32> {
    // Metadata, version 1, for no topic: its length, then key, version, number of the question, no
    // name of who asks, no topics.
    let question = [0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0];
    let answer = ask(service, &question, 12)?;
    Ok(u32::from_be_bytes([answer[8], answer[9], answer[10], answer[11]]))
}

/// Whether somebody listens at its address.
pub(super) fn is_taken(service: &Service) -> bool {
    TcpListener::bind(service.address).is_err()
}

/// Send a question and read the first bytes of the answer.
fn ask(service: &Service, question: &[u8], length: usize) -> Result<Vec<u8>> {
    let address: SocketAddr = service.address.parse().map_err(std::io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(question)?;
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}
