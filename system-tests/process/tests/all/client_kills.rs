//! A client is killed while messages wait in its outbox, and each of them is sent once, in order.
//!
//! `kith-bot` takes lines from its standard input and says of each when it is safe in the outbox. It
//! is killed at a seeded random moment and started again with further lines, with and without a
//! server. In the end everything that it called safe is in the conversation.

use std::time::Duration;

use anyhow::{Result, ensure};
use programs::server::{Server, Setup};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::bots::{Bot, Running, texts};
use crate::server_kills::number;

/// Kills while something was in the outbox.
const KILLS: usize = 40;
/// Lines of one run.
const LINES: usize = 60;

#[tokio::test]
async fn whatever_was_in_the_outbox_when_a_client_was_killed_is_sent_once_and_in_order() {
    let seed = number("KITH_TEST_SEED", 1);
    if let Err(error) = play(&mut StdRng::seed_from_u64(seed)).await {
        panic!("KITH_TEST_SEED={seed}: {error:#}");
    }
}

async fn play(random: &mut StdRng) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut setup = Setup::new(folder.path())?;
    setup.variables.push(("KITH__LIMITS__SENDS_PER_SECOND".into(), "1000000".into()));
    setup.variables.push(("KITH__LIMITS__SEND_BURST".into(), "1000000".into()));
    let mut server = Some(setup.start().await?);
    let address = format!("http://{}", setup.address);
    let ada = Bot::registered("ada", folder.path(), &address).await?;
    let grace = Bot::registered("grace", folder.path(), &address).await?;
    // From now on the conversation is known, also without a server.
    ada.does(&["send", "grace", "line 0"]).await?;

    let mut safe = vec!["line 0".to_owned()];
    let (mut line, mut kills, mut runs) = (0, 0, 0);
    while kills < KILLS {
        runs += 1;
        ensure!(runs < 20 * KILLS, "only {kills} of {runs} kills found something in the outbox");
        with_server(&setup, &mut server, random.random_bool(0.7)).await?;
        let lines: Vec<String> = (0..LINES).map(|n| format!("line {}", line + n + 1)).collect();
        line += LINES;
        let running = ada.begins(&["send", "grace", "-"], &lines.join("\n")).await?;
        let told = kill(running, random).await?;
        let queued = told.iter().filter(|told| told["type"] == "queued").count();
        let sent = texts(&told).len();
        kills += usize::from(queued > sent);
        safe.extend(lines.into_iter().take(queued));
    }
    with_server(&setup, &mut server, true).await?;
    ada.does(&["flush"]).await?;
    let history = grace.does(&["history", "ada", "--last", "100000"]).await?;
    compare(&safe, &texts(&history))
}

async fn with_server(setup: &Setup, server: &mut Option<Server>, wanted: bool) -> Result<()> {
    if !wanted && let Some(server) = server.take() {
        server.kill().await?;
    }
    if wanted && server.is_none() {
        *server = Some(setup.start().await?);
    }
    Ok(())
}

/// Kill it after some time, or once it has said so much. Everything that it said.
async fn kill(mut running: Running, random: &mut StdRng) -> Result<Vec<Value>> {
    let lines = random.random_range(1..2 * LINES);
    let after = Duration::from_micros(random.random_range(0..150_000));
    let mut told = vec![running.line().await?];
    let deadline = Instant::now() + after;
    while told.len() < lines
        && let Ok(line) = timeout_at(deadline, running.line()).await
    {
        // It may have sent all of it and have ended.
        let Ok(line) = line else { break };
        told.push(line);
    }
    told.extend(running.kill().await?);
    Ok(told)
}

/// What was safe is there, once and in order. What was not called safe before a kill may be there, at
/// its place: the last line that the program had taken.
fn compare(safe: &[String], there: &[&str]) -> Result<()> {
    let place = |text: &str| text.strip_prefix("line ").and_then(|n| n.parse::<usize>().ok());
    let places: Option<Vec<usize>> = there.iter().map(|text| place(text)).collect();
    let Some(places) = places else { anyhow::bail!("something else is there: {there:?}") };
    for pair in places.windows(2) {
        ensure!(pair[0] < pair[1], "line {} comes after line {}", pair[1], pair[0]);
    }
    for text in safe {
        ensure!(there.contains(&text.as_str()), "{text} was safe in the outbox and is lost");
    }
    Ok(())
}

#[test]
fn what_is_lost_there_twice_or_out_of_order_is_noticed() {
    let safe = ["line 1".to_owned(), "line 2".to_owned()];
    assert!(compare(&safe, &["line 1", "line 2"]).is_ok());
    assert!(compare(&safe, &["line 1", "line 2", "line 3"]).is_ok());
    for there in [
        &["line 1"][..],
        &["line 2", "line 1"],
        &["line 1", "line 1", "line 2"],
        &["line 1", "line 2", "else"],
    ] {
        assert!(compare(&safe, there).is_err(), "{there:?}");
    }
}
