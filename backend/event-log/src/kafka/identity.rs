//! The id that Kafka gives a topic when it is made. The library knows it and does not tell it
//! without unsafe code, so this asks the broker itself: one Metadata request, version 10.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::LogError;

/// How long one broker may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// No answer to this question is longer.
const LONGEST: u32 = 4 * 1024 * 1024;

/// The topic's id as 32 hexadecimal digits, from the first broker that answers.
pub(super) async fn of(brokers: &[String], topic: &str) -> Result<String, LogError> {
    let mut why = "no brokers are named".to_owned();
    for broker in brokers {
        match tokio::time::timeout(PATIENCE, ask(broker, topic)).await {
            Ok(Ok(answer)) => match read(&answer) {
                Some(Ok(id)) => return Ok(id),
                // 3 is UNKNOWN_TOPIC_OR_PARTITION.
                Some(Err(3)) => return Err(LogError::Unfit(format!("there is no topic {topic}"))),
                Some(Err(code)) => why = format!("{broker} answers with error {code}"),
                None => why = format!("{broker} answers in a form that is not understood"),
            },
            Ok(Err(error)) => why = format!("{broker}: {error}"),
            Err(_) => why = format!("{broker} does not answer"),
        }
    }
    Err(LogError::Unreachable(why))
}

async fn ask(broker: &str, topic: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(broker).await?;
    let body = question(topic);
    stream.write_u32(u32::try_from(body.len()).unwrap_or(u32::MAX)).await?;
    stream.write_all(&body).await?;
    let length = stream.read_u32().await?;
    if length > LONGEST {
        return Err(std::io::Error::other("the answer is too long"));
    }
    let mut answer = vec![0; length as usize];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

fn question(topic: &str) -> Vec<u8> {
    // Key 3, version 10, number 0 of the question, no client's name, no tags.
    let mut body = vec![0, 3, 0, 10, 0, 0, 0, 0, 255, 255, 0];
    // One topic: no id, its name, no tags. Compact lengths are one more than they say.
    body.push(2);
    body.extend([0; 16]);
    unsigned(&mut body, topic.len() + 1);
    body.extend(topic.as_bytes());
    body.push(0);
    // Make no topic, tell no rights, no tags.
    body.extend([0, 0, 0, 0]);
    body
}

/// The id, or the error code of the topic; `None` when the answer is cut or of another form.
fn read(answer: &[u8]) -> Option<Result<String, i16>> {
    let mut rest = Rest(answer);
    rest.take(4)?; // the question's number
    rest.tags()?;
    rest.take(4)?; // throttle time
    for _ in 1..rest.unsigned()? {
        rest.take(4)?; // a broker's number
        rest.text()?;
        rest.take(4)?; // port
        rest.text()?; // rack
        rest.tags()?;
    }
    rest.text()?; // the cluster's id
    rest.take(4)?; // controller
    if rest.unsigned()? < 2 {
        return None;
    }
    let code = i16::from_be_bytes(rest.take(2)?.try_into().ok()?);
    rest.text()?; // its name
    let id = rest.take(16)?;
    if code != 0 {
        return Some(Err(code));
    }
    Some(Ok(id.iter().map(|byte| format!("{byte:02x}")).collect()))
}

fn unsigned(into: &mut Vec<u8>, mut value: usize) {
    while value >= 128 {
        into.push((value & 127) as u8 | 128);
        value >>= 7;
    }
    into.push(value as u8);
}

/// What of an answer has not been read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn unsigned(&mut self) -> Option<usize> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.take(1)?[0];
            value |= usize::from(byte & 127) << shift;
            if byte < 128 {
                return Some(value);
            }
        }
        None
    }

    /// A text that may be missing.
    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.unsigned()?;
        self.take(length.saturating_sub(1))
    }

    fn tags(&mut self) -> Option<()> {
        for _ in 0..self.unsigned()? {
            self.unsigned()?;
            let length = self.unsigned()?;
            self.take(length)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_cut_anywhere_gives_nothing() {
        let mut answer = vec![0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
        answer.extend([0, 0, 0, 1, 2, b'h', 0, 0, 0, 9, 0, 0]);
        answer.extend([2, b'c', 0, 0, 0, 1, 2, 0, 0, 2, b't']);
        answer.extend([0xab; 16]);
        assert_eq!(read(&answer), Some(Ok("ab".repeat(16))));
        for end in 0..answer.len() {
            assert_eq!(read(&answer[..end]), None, "cut at {end}");
        }
    }
}
