//! How much processor time and wall time a durable one-to-one message costs this store alone, by how
//! many of them come in one batch. `cargo run --release -p storage --example apply_speed [FOLDER]`
#![allow(clippy::print_stdout, reason = "a tool")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use bytes::Bytes;
use protocol::model::{ConversationKind, EventKind, Period, Text};
use protocol::{ClientRef, ConversationId, Event, MessageState, Role, UserId, frame::Mark};
use storage::sqlite::Options;
use storage::{
    Batch, Blocking, Change, ConversationRow, EventRow, FoldStore, Head, MarkerStore, MemberRow,
    MessageRow, Outcome, RefRow, Sqlite,
};
use uuid::Uuid;

/// Pairs of people who talk.
const PAIRS: u128 = 1_000;
/// Messages in each round.
const MESSAGES: u64 = 40_000;

fn main() -> Result<()> {
    let given = std::env::args().nth(1).map(PathBuf::from);
    let temporary = tempfile::tempdir()?;
    let folder = given.unwrap_or_else(|| temporary.path().to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(folder))
}

async fn run(folder: PathBuf) -> Result<()> {
    let (committed, mut changes) = tokio::sync::mpsc::channel::<storage::Committed>(64);
    let told = tokio::spawn(async move {
        let mut told = 0;
        while let Some(commit) = changes.recv().await {
            told += commit.changes.len();
        }
        told
    });
    let store = Sqlite::open(Options {
        folder,
        new_database: Uuid::from_u128(1),
        blocking: Blocking::Threads,
        committed,
        clock: Arc::new(|| 0),
        fatal: Arc::new(|reason| eprintln!("{reason}")),
        readers: 2,
        synchronous_off: false,
        max_pages: None,
    })?;
    let mut pairs: Vec<_> = (0..PAIRS).map(Pair::new).collect();
    let mut first = Batch::default();
    pairs.iter_mut().for_each(|pair| pair.begin(&mut first));
    store.apply(first).await?;

    println!("{MESSAGES} messages of 256 bytes in {PAIRS} conversations, all durable");
    println!("{:>6} {:>12} {:>12} {:>10}", "batch", "µs CPU each", "µs each", "a second");
    let mut n = 0;
    for size in [1, 16, 64, 256] {
        let count = if size == 1 { MESSAGES / 20 } else { MESSAGES };
        let batches: Vec<_> = (0..count / size)
            .map(|_| {
                let mut batch = Batch::default();
                for _ in 0..size {
                    n += 1;
                    pairs[(n % PAIRS as u64) as usize].says(n, &mut batch);
                }
                batch.restart = n;
                batch
            })
            .collect();
        let (begin, cpu) = (Instant::now(), cpu_micros()?);
        let count = batches.len() as u64 * size;
        for batch in batches {
            store.apply(batch).await?;
        }
        report(&size.to_string(), count, begin, cpu)?;
    }

    let (begin, cpu) = (Instant::now(), cpu_micros()?);
    let marks = 16_000u64;
    for chunk in 0..marks / 64 {
        let asks = (0..64).map(|k| {
            let pair = &pairs[((chunk * 64 + k) % PAIRS as u64) as usize];
            let mark = Mark { conversation: pair.id, delivered: 2 + chunk / 16, read: 0 };
            store.mark(pair.users[1], mark)
        });
        for stored in futures_util::future::join_all(asks).await {
            stored?;
        }
    }
    report("marks", marks, begin, cpu)?;
    store.close().await;
    drop(store);
    println!("{} changes handed out", told.await?);
    Ok(())
}

fn report(what: &str, count: u64, begin: Instant, cpu: f64) -> Result<()> {
    let (wall, cpu) = (begin.elapsed().as_secs_f64() * 1e6, cpu_micros()? - cpu);
    let n = count as f64;
    println!("{what:>6} {:>12.1} {:>12.1} {:>10.0}", cpu / n, wall / n, n / wall * 1e6);
    Ok(())
}

/// The processor time of this process so far, in microseconds, from `/proc`.
fn cpu_micros() -> Result<f64> {
    let mut nanos = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let stat = std::fs::read_to_string(task?.path().join("schedstat"))?;
        let first = stat.split_whitespace().next().context("schedstat is empty")?;
        nanos += first.parse::<f64>()?;
    }
    Ok(nanos / 1e3)
}

struct Pair {
    id: ConversationId,
    users: [UserId; 2],
    head: Head,
}

impl Pair {
    fn new(n: u128) -> Self {
        // Spread over the whole range, as ids of accounts that were made at different times are.
        let spread =
            |n: u128| Uuid::from_u128(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834));
        let users = [UserId(spread(2 * n + 1)), UserId(spread(2 * n + 2))];
        Self { id: protocol::direct_conversation(users[0], users[1]), users, head: Head::default() }
    }

    fn begin(&mut self, batch: &mut Batch) {
        batch.conversations.push(ConversationRow {
            conversation: self.id,
            kind: ConversationKind::Direct,
            title: String::new(),
            history_open: false,
            pins: Vec::new(),
            position: 1,
        });
        for user in self.users {
            let periods = vec![Period { joined_seq: 0, left_seq: None }];
            let role = Role::Member;
            batch.members.push(MemberRow {
                conversation: self.id,
                user,
                role,
                periods,
                position: 1,
            });
        }
        self.says(0, batch);
    }

    fn says(&mut self, n: u64, batch: &mut Batch) {
        let seq = self.head.seq + 1;
        let (conversation, position, at) = (self.id, n + 2, 1_700_000_000_000 + n as i64);
        self.head = Head { seq, ord: seq, position };
        let sender = self.users[(seq % 2) as usize];
        let client_ref = ClientRef(Uuid::from_u128((u128::from(n) << 64) | u128::from(n ^ 0x5bd1)));
        let kind = EventKind::Message { reply_to: None };
        let event = Event { seq, ord: seq, at, sender, client_ref, kind };
        batch.events.push(EventRow { conversation, event, position });
        let outcome = Outcome::Accepted(seq);
        let hash = [n as u8; 16];
        batch.refs.push(RefRow { conversation, sender, client_ref, position, outcome, hash, at });
        let texts = vec![Text { text: "so it goes. ".repeat(22)[..256].to_owned(), at }];
        let state =
            MessageState { seq, texts, reactions: Vec::new(), pinned: false, state_seq: seq };
        batch.messages.push(MessageRow { conversation, state, position });
        batch.heads.retain(|(id, _)| *id != conversation);
        batch.heads.push((conversation, self.head));
        let frame = Bytes::from_static(b"{\"event\":{}}");
        batch.changes.push(Change::Frame { recipients: self.users.into(), frame });
    }
}
