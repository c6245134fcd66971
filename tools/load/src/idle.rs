//! What a session costs that is signed in, has said hello, and is silent.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::process::Process;
use crate::session::Session;
use crate::{Bench, say};

/// Bytes that a session reads at once.
const BUFFER: usize = 1024;
/// Sessions that are opened at once.
const OPENING: usize = 64;
/// The server has settled when its memory has not grown for this long.
const SETTLED: Duration = Duration::from_secs(2);

/// How many sessions.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Sessions, each of another person.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) sessions: usize,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Idle {
    sessions: usize,
    /// The server's memory before the first session, in KiB.
    resident_before_kib: f64,
    /// Its memory with all of them, once it no longer grows, in KiB.
    resident_kib: f64,
    /// The difference for each.
    kib_per_session: f64,
    /// How long it took to open them.
    seconds_to_open: f64,
}

pub(crate) async fn measure(bench: &Bench, options: &Options) -> Result<Idle> {
    let count = options.sessions;
    let resident_before_kib = settled(&bench.server).await?;
    let began = Instant::now();
    let opened = stream::iter(&bench.accounts).map(async |account| {
        let mut session = Session::connect(bench.address, account, BUFFER).await?;
        session.hello(None).await?;
        anyhow::Ok(session)
    });
    let sessions: Vec<Session> = opened.buffer_unordered(OPENING).try_collect().await?;
    let seconds_to_open = began.elapsed().as_secs_f64();
    let resident_kib = settled(&bench.server).await?;
    drop(sessions);
    let kib_per_session = (resident_kib - resident_before_kib) / count as f64;
    say(&format!(
        "{count} idle sessions: {kib_per_session:.1} KiB each ({:.1} MiB before, {:.1} MiB with \
         them); opened in {seconds_to_open:.1} s",
        resident_before_kib / 1024.0,
        resident_kib / 1024.0,
    ));
    Ok(Idle {
        sessions: count,
        resident_before_kib,
        resident_kib,
        kib_per_session,
        seconds_to_open,
    })
}

/// The server's memory once it does not grow any more.
async fn settled(server: &Process) -> Result<f64> {
    let mut highest = server.resident_kib()?;
    let mut since = Instant::now();
    while since.elapsed() < SETTLED {
        sleep(Duration::from_millis(100)).await;
        let now = server.resident_kib()?;
        if now > highest {
            (highest, since) = (now, Instant::now());
        }
    }
    server.resident_kib()
}
