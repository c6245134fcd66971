//! What could not be dealt with, kept for an operator: a cluster has a topic for it, `kith.dead`; embedded
//! it is a file beside the database that never grows beyond its bound.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use ::metrics::counter;
use anyhow::Context;
use event_log::EventLog;
use parking_lot::Mutex;

use super::record::DeadLetter;
use crate::admin::metrics;
use crate::environment::Environment;

/// At this size, in bytes, the file takes the place of the one before it, and a new one begins.
const LARGEST: u64 = 8 * 1024 * 1024;

/// Where dead letters go. A cheap handle.
#[derive(Clone)]
pub struct Dead {
    place: Place,
    environment: Environment,
}

#[derive(Clone)]
enum Place {
    File(Arc<Mutex<PathBuf>>),
    Topic(Arc<dyn EventLog>),
}

impl Dead {
    /// Into this file, a line of JSON for each, and into `….1` what was in it before it grew too large.
    #[must_use]
    pub fn file(path: PathBuf, environment: Environment) -> Self {
        Self { place: Place::File(Arc::new(Mutex::new(path))), environment }
    }

    /// Into this topic.
    #[must_use]
    pub fn topic(log: Arc<dyn EventLog>, environment: Environment) -> Self {
        Self { place: Place::Topic(log), environment }
    }

    /// Keep a copy of a record: from which topic and where, and in a few words why. It is kept when this
    /// returns; whoever goes on without waiting for that may lose it.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn bury(
        &self,
        topic: &'static str,
        (partition, position): (u32, u64),
        reason: &str,
        bytes: &[u8],
    ) -> anyhow::Result<()> {
        let at = self.environment.now();
        let letter = DeadLetter::new(topic, (partition, position), at, reason, bytes);
        match &self.place {
            Place::Topic(log) => {
                log.append(partition % log.partitions(), letter.encode()).await.context("dead")?;
            }
            Place::File(path) => {
                let path = path.clone();
                let work = move || append(&path.lock(), &letter.encode());
                self.environment.blocking.run(work).await.context("dead letters")?;
            }
        }
        counter!(metrics::DEAD, "topic" => topic).increment(1);
        Ok(())
    }
}

fn append(path: &PathBuf, line: &[u8]) -> std::io::Result<()> {
    if fs::metadata(path).is_ok_and(|file| file.len() >= LARGEST) {
        fs::rename(path, path.with_extension("1.jsonl"))?;
    }
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // In one piece, so that a kill between two writes leaves no half line to which another is added.
    file.write_all(&[line, b"\n"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use event_log::{Delivery, MemoryLog};

    fn environment() -> Environment {
        Environment::simulated(Arc::new(|| 1_700_000_000_000), 1)
    }

    #[tokio::test]
    async fn what_is_buried_is_a_line_that_says_where_it_was_and_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.jsonl");
        let dead = Dead::file(path.clone(), environment());
        for n in [7, 8] {
            dead.bury("log", (3, n), "it is no record", b"\xff\0{").await.unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        let letters: Vec<_> =
            text.lines().map(|l| DeadLetter::decode(l.as_bytes()).unwrap()).collect();
        assert_eq!(letters.len(), 2);
        assert_eq!((letters[1].partition, letters[1].position), (3, 8));
        assert_eq!((&*letters[0].topic, &*letters[0].reason), ("log", "it is no record"));
        assert_eq!(letters[0].bytes().unwrap(), b"\xff\0{");
    }

    #[tokio::test]
    async fn the_file_never_grows_beyond_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let dead = Dead::file(folder.path().join("dead.jsonl"), environment());
        let large = vec![0; 4 * 1024 * 1024];
        for n in 0..40 {
            dead.bury("log", (0, n), "large", &large).await.unwrap();
        }
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
        assert_eq!(files.len(), 2);
        for file in files {
            assert!(file.metadata().unwrap().len() < LARGEST + 1024 * 1024);
        }
        let text = fs::read_to_string(folder.path().join("dead.jsonl")).unwrap();
        assert_eq!(
            DeadLetter::decode(text.lines().last().unwrap().as_bytes()).unwrap().position,
            39
        );
    }

    #[tokio::test]
    async fn a_topic_gets_the_same() {
        let log = MemoryLog::new(&[0, 0]);
        let mut reader = log.subscribe().await.unwrap();
        let dead = Dead::topic(Arc::new(log), environment());
        dead.bury("inbox", (5, 9), "it is no record", b"x").await.unwrap();
        let bytes = loop {
            if let Delivery::Record { partition, bytes, .. } = reader.next().await.unwrap() {
                assert_eq!(partition, 1);
                break bytes;
            }
        };
        let letter = DeadLetter::decode(&bytes).unwrap();
        assert_eq!((letter.partition, letter.position, letter.size), (5, 9, 1));
    }
}
