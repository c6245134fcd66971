//! Everybody comes back at the same moment, and for everybody something waits.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::{ClientFrame, Command, Entry, Submit, wire};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::accounts::Account;
use crate::clock::Clock;
use crate::session::Session;
use crate::text::{self, Seen};
use crate::{Bench, say};

/// Bytes that a session reads at once.
const BUFFER: usize = 4 * 1024;
/// Sessions that are opened at once beforehand.
const OPENING: usize = 64;
/// People who write to the same block of people.
const SENDERS: usize = 4;
/// People in a block.
const BLOCK: usize = 100;
/// Submits that a sender has on the way.
const ON_THE_WAY: usize = 4;
/// How long one person tries, and the pause before trying again.
const TRY: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(200);

/// How many people.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// People who come back.
    #[arg(long, default_value_t = 10_000)]
    sessions: usize,
    /// Messages that wait for each, from four people.
    #[arg(long, default_value_t = 20)]
    messages: usize,
}

impl Options {
    /// Those who come back, and four more for each hundred of them.
    pub(crate) fn accounts(&self) -> usize {
        self.sessions + self.sessions.div_ceil(BLOCK) * SENDERS
    }
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Reconnects {
    sessions: usize,
    messages: usize,
    /// From the first attempt to connect until half had everything.
    half_seconds: f64,
    /// Until 99 of 100 had.
    drained_seconds: f64,
    /// Until the last had.
    last_seconds: f64,
    /// Attempts that failed and were made again.
    retries: usize,
    /// CPU time of the server for each reconnect, in microseconds.
    server_cpu_micros: f64,
}

pub(crate) async fn measure(bench: &Bench, options: &Options) -> Result<Reconnects> {
    let Options { sessions, messages } = *options;
    ensure!(messages.is_multiple_of(SENDERS), "--messages: a multiple of four");
    let (people, senders) = bench.accounts.split_at(sessions);
    say(&format!("{sessions} people are there once, and go"));
    let there = stream::iter(people).map(async |account| {
        let mut session = Session::connect(bench.address, account, BUFFER).await?;
        let welcome = session.hello(None).await?;
        session.close().await?;
        anyhow::Ok(welcome.cursor)
    });
    let cursors: Vec<String> = there.buffered(OPENING).try_collect().await?;

    say(&format!("{messages} messages are sent to each"));
    let clock = Clock::start();
    let blocks = people.chunks(BLOCK).flat_map(|block| [block; SENDERS]);
    let writing = stream::iter(senders.iter().zip(blocks).enumerate()).map(
        async |(number, (sender, block))| {
            write(bench, clock, number, sender, block, messages / SENDERS).await
        },
    );
    writing.buffer_unordered(OPENING).try_collect::<()>().await?;

    say("all come back at once");
    let cpu = bench.server.cpu_seconds()?;
    let began = Instant::now();
    let back: Vec<_> = people
        .iter()
        .zip(cursors)
        .map(|(account, cursor)| come_back(bench, account, cursor, messages))
        .collect();
    let back: Vec<(Session, Instant, usize)> =
        futures_util::future::try_join_all(back).await.context("somebody could not come back")?;
    let server_cpu_micros = (bench.server.cpu_seconds()? - cpu) * 1e6 / sessions as f64;
    let mut took: Vec<f64> = back.iter().map(|(_, at, _)| (*at - began).as_secs_f64()).collect();
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((sessions as f64 * share).ceil() as usize).max(1) - 1];
    let result = Reconnects {
        sessions,
        messages,
        half_seconds: at(0.5),
        drained_seconds: at(0.99),
        last_seconds: at(1.0),
        retries: back.iter().map(|(_, _, retries)| retries).sum(),
        server_cpu_micros,
    };
    say(&format!(
        "{sessions} reconnects with {messages} messages each: half after {:.2} s, 99 % after {:.2} s, \
         all after {:.2} s; {} retries; server {server_cpu_micros:.0} µs each",
        result.half_seconds, result.drained_seconds, result.last_seconds, result.retries,
    ));
    Ok(result)
}

/// Send so many messages to each of these people, as one frame to each, and wait until all of them
/// are stored.
async fn write(
    bench: &Bench,
    clock: Clock,
    number: usize,
    sender: &Account,
    block: &[Account],
    messages: usize,
) -> Result<()> {
    let mut session = Session::connect(bench.address, sender, BUFFER).await?;
    session.hello(None).await?;
    let (mut sent, mut stored) = (0, 0);
    let mut people = block.iter();
    loop {
        while sent - stored < ON_THE_WAY * messages
            && let Some(person) = people.next()
        {
            let now = clock.now();
            let commands = (0..messages as u64).map(|n| Entry {
                // A moment of its own for each, so that no ref comes twice.
                client_ref: clock.client_ref(number, now + sent as u64 + n),
                command: Command::Message { text: text::body(), reply_to: None },
            });
            let submit = Submit {
                conversation: protocol::direct_conversation(sender.user, person.user),
                peer: Some(person.user),
                commands: commands.collect(),
            };
            session.send(wire::encode(&ClientFrame::Submit(submit))).await?;
            sent += messages;
        }
        if stored == sent {
            return session.close().await;
        }
        let frame = session.next().await?;
        match text::see(&frame) {
            Seen::Event(_) => stored += 1,
            Seen::Other => anyhow::bail!("the server says {frame}"),
            _ => {}
        }
    }
}

/// Connect, say hello with the cursor of before, and read until everything is there. As an app does,
/// try again when that fails. The session, when it had everything, and how often it failed before.
async fn come_back(
    bench: &Bench,
    account: &Account,
    cursor: String,
    messages: usize,
) -> Result<(Session, Instant, usize)> {
    let began = Instant::now();
    let mut retries = 0;
    loop {
        let attempt = async {
            let mut session = Session::connect(bench.address, account, BUFFER).await?;
            let welcome = session.hello(Some(cursor.clone())).await?;
            anyhow::Ok((session, welcome.events))
        };
        match attempt.await {
            Ok((session, events)) => {
                ensure!(events == messages, "{events} messages came instead of {messages}");
                return Ok((session, Instant::now(), retries));
            }
            Err(error) if began.elapsed() > TRY => return Err(error),
            Err(_) => retries += 1,
        }
        sleep(PAUSE).await;
    }
}
