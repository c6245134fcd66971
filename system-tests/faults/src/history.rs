//! What happened, line by line: what people submitted, and what each of them was told. It is written to
//! disk as it happens, so that an hour of it costs no memory, and one number orders all of it.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use parking_lot::Mutex;
use protocol::model::Range;
use protocol::{ClientRef, Code, Command, ConversationId, Event, EventKind, UserId};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Its place: what has a lower one happened before.
    pub n: u64,
    /// Milliseconds since the recording began; for people who read it.
    pub ms: u64,
    /// What happened.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A direct conversation between these two.
    Direct {
        /// Which.
        room: ConversationId,
        /// Who.
        people: [UserId; 2],
    },
    /// A command goes out for the first time. Its sender sends those of one room in this order.
    Sent {
        /// Where.
        room: ConversationId,
        /// Who.
        sender: UserId,
        /// Its ref.
        client_ref: ClientRef,
        /// A message's text; nothing for any other command.
        text: Option<String>,
    },
    /// Its sender was told that it is rejected.
    Rejected {
        /// Where.
        room: ConversationId,
        /// Which.
        client_ref: ClientRef,
        /// Why.
        code: Code,
    },
    /// Somebody was told of an event. For its sender that is the acknowledgement.
    Seen {
        /// Who.
        by: UserId,
        /// Where.
        room: ConversationId,
        /// What.
        fact: Fact,
    },
    /// Somebody has read a stretch of history: everything that anybody was told before `since`, and
    /// that they may see, is in it.
    Read {
        /// Who.
        by: UserId,
        /// Where.
        room: ConversationId,
        /// The number of the line when the request went out.
        since: u64,
        /// The first seq that the answer covers.
        from: u64,
        /// The last one.
        to: u64,
        /// The last one that was asked for.
        asked: u64,
        /// What is in it.
        facts: Vec<Fact>,
        /// What is closed to the person.
        closed: Vec<(u64, u64)>,
    },
    /// The server has stored somebody's markers.
    MarkStored {
        /// Whose.
        by: UserId,
        /// Where.
        room: ConversationId,
        /// The number of the line when they were first sent.
        since: u64,
        /// Up to which seq the person's app has the room.
        delivered: u64,
        /// Up to which seq the person has read it.
        read: u64,
    },
    /// Somebody was told of somebody's markers.
    Marked {
        /// Who was told.
        by: UserId,
        /// Where.
        room: ConversationId,
        /// Whose markers.
        user: UserId,
        /// As above.
        delivered: u64,
        /// As above.
        read: u64,
    },
    /// Something was broken or healed on purpose.
    Act {
        /// What.
        act: String,
    },
    /// At the end: an event as it is stored.
    Stored {
        /// Where.
        room: ConversationId,
        /// What.
        fact: Fact,
        /// A message's text.
        text: Option<String>,
    },
    /// At the end: somebody's markers as they are stored.
    StoredMarks {
        /// Where.
        room: ConversationId,
        /// Whose.
        user: UserId,
        /// As above.
        delivered: u64,
        /// As above.
        read: u64,
    },
}

/// An event, as far as the checker asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Its place.
    pub seq: u64,
    /// Its ref.
    pub client_ref: ClientRef,
    /// Whose command it was.
    pub sender: UserId,
    /// Who became members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<UserId>,
    /// Who ceased to be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<UserId>,
}

impl From<&Event> for Fact {
    fn from(event: &Event) -> Self {
        let (mut joined, mut left) = (Vec::new(), None);
        match &event.kind {
            EventKind::Created { members, .. } => {
                joined.push(event.sender);
                joined.extend(members);
            }
            EventKind::Added { users } => joined.extend(users),
            EventKind::Removed { user } => left = Some(*user),
            EventKind::Left { .. } => left = Some(event.sender),
            _ => {}
        }
        Self { seq: event.seq, client_ref: event.client_ref, sender: event.sender, joined, left }
    }
}

/// A message's text.
#[must_use]
pub fn text(command: &Command) -> Option<String> {
    match command {
        Command::Message { text, .. } => Some(text.clone()),
        _ => None,
    }
}

/// Where everybody writes what happens. A cheap handle.
#[derive(Clone)]
pub struct Recorder {
    began: Instant,
    next: Arc<AtomicU64>,
    out: Arc<Mutex<BufWriter<File>>>,
}

impl Recorder {
    /// Begin a recording in this file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        Ok(Self {
            began: Instant::now(),
            next: Arc::default(),
            out: Arc::new(Mutex::new(BufWriter::new(file))),
        })
    }

    /// Something happened.
    ///
    /// # Panics
    /// When the disk does not take it: there is nothing to be checked then.
    pub fn note(&self, what: What) {
        let mut out = self.out.lock();
        let n = self.next.fetch_add(1, Ordering::SeqCst);
        let line = Line { n, ms: self.millis(), what };
        let written = serde_json::to_writer(&mut *out, &line).map_err(std::io::Error::from);
        written.and_then(|()| out.write_all(b"\n")).expect("the recording can be written");
    }

    /// Somebody has read a stretch of which they had asked for everything up to `asked`.
    pub fn note_read(&self, by: UserId, since: u64, asked: u64, range: &Range) {
        self.note(What::Read {
            by,
            room: range.conversation,
            since,
            from: range.from,
            to: range.to,
            asked,
            facts: range.events.iter().map(Fact::from).collect(),
            closed: range.closed.clone(),
        });
    }

    /// The number that the next line will have.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.next.load(Ordering::SeqCst)
    }

    /// Milliseconds since it began.
    #[must_use]
    pub fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Everything is in the file.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn flush(&self) -> Result<()> {
        Ok(self.out.lock().flush()?)
    }
}

/// The lines of a recording, one after another.
///
/// # Errors
/// When there is no such file; a line that cannot be read ends the program's patience with a panic.
///
/// # Panics
/// At a line that is none.
pub fn lines(path: &Path) -> Result<impl Iterator<Item = Line>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    Ok(BufReader::new(file).lines().map(|line| {
        serde_json::from_str(&line.expect("a line of the recording")).expect("a recorded line")
    }))
}
