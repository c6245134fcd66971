//! Measures how long it takes to take in messages with their index, and to search them:
//! `cargo run --release -p client --example cache_speed [MESSAGES [FOLDER]]`, by default 1,000,000.
//! With a folder, that is left behind as the data folder of an app that is signed in there, and what
//! was found stands in its `speed.json`. Numbers of a debug build say nothing.

#![allow(clippy::print_stdout)] // It is a tool; what it prints is its result.

mod source;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::account::{Account, Arrival};
use client::store::{Identity, Profile, ProfileFile, account_folder};
use client::{Blocking, Environment};
use protocol::{DeviceId, SessionId};
use serde_json::json;
use uuid::Uuid;

use source::{BEGAN, ME, Queries, Source};

/// The messages whose taking in is measured.
const FIRST_PART: u64 = 100_000;
/// Nobody answers there, so the app is offline.
const ADDRESS: &str = "http://127.0.0.1:1";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let total: u64 = arguments.next().map_or(1_000_000, |n| n.parse().expect("a number"));
    let kept = arguments.next();
    let passing = tempfile::tempdir().expect("a folder");
    let data = kept.as_deref().map_or(passing.path(), Path::new);
    let folder = sign_in(data);
    let mut account = open(&folder);
    let mut source = Source::new();

    account.ingest(vec![source.people()]).expect("it is taken in");
    let first = source.ranges(total.min(FIRST_PART));
    let ingest = take_in(&mut account, first);
    println!("ingest of the first {}: {ingest:.2?}", total.min(FIRST_PART));
    let mut done = total.min(FIRST_PART);
    let mut spent = Duration::ZERO;
    while done < total {
        let some = source.ranges(FIRST_PART.min(total - done));
        done += FIRST_PART.min(total - done);
        spent += take_in(&mut account, some);
    }
    println!("ingest of the rest: {spent:.2?}");
    let bytes = std::fs::metadata(folder.join("cache.db")).map_or(0, |meta| meta.len());
    println!("cache.db: {} MiB", bytes >> 20);
    drop(account);

    let began = Instant::now();
    let mut account = open(&folder);
    println!("open: {:.2?}", began.elapsed());
    let queries = source.queries();
    let mut all = Vec::new();
    for (kind, queries, conversation) in &queries {
        let mut times: Vec<Duration> = queries
            .iter()
            .map(|query| {
                let began = Instant::now();
                let now = tokio::time::Instant::now();
                let found = account.search(query, *conversation, None, now).expect("an answer");
                std::hint::black_box(found);
                began.elapsed()
            })
            .collect();
        report(kind, &mut times);
        if is_typical(kind) {
            all.append(&mut times);
        }
    }
    report("all but the worst", &mut all);
    if kept.is_some() {
        let found = json!({
            "messages": total,
            "ingested": total.min(FIRST_PART),
            "ingest_seconds": ingest.as_secs_f64(),
            "cache_mib": bytes >> 20,
            "newest": source.newest(),
            "queries": typical(&queries),
        });
        std::fs::write(data.join("speed.json"), found.to_string()).expect("a file");
    }
}

/// What never ends early is shown, and is no typical search.
fn is_typical(kind: &str) -> bool {
    !kind.starts_with("worst")
}

/// The typical searches, as an app is asked for them.
fn typical(queries: &[Queries]) -> Vec<serde_json::Value> {
    let typical = queries.iter().filter(|(kind, ..)| is_typical(kind));
    typical
        .flat_map(|(kind, queries, conversation)| {
            queries.iter().map(
                move |query| json!({ "kind": kind, "query": query, "conversation": conversation }),
            )
        })
        .collect()
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!("{what:>34}: p50 {:>9.2?}  p95 {:>9.2?}  max {:>9.2?}", at(50), at(95), at(100));
}

/// Make the data folder of an app in which somebody is signed in; gives the folder of the account.
fn sign_in(data: &Path) -> std::path::PathBuf {
    let mut profile = ProfileFile::open(data, &Environment::system()).expect("a data folder");
    let folder = account_folder(ADDRESS, ME);
    let account = Some(folder.clone());
    profile.save(Profile { account, ..profile.profile.clone() }).expect("a file");
    profile.account_path(&folder)
}

fn open(folder: &Path) -> Account {
    let identity = Identity {
        address: ADDRESS.into(),
        person: source::person(0),
        device: DeviceId(Uuid::from_u128(9)),
        session: SessionId(Uuid::from_u128(8)),
        session_only: false,
    };
    let environment = Environment::new(Arc::new(|| BEGAN), [7; 32], Blocking::Inline);
    let opened = Account::open(folder, Some(identity), environment, false);
    opened.expect("it opens").expect("somebody is signed in")
}

fn take_in(account: &mut Account, arrivals: Vec<Arrival>) -> Duration {
    let began = Instant::now();
    for arrival in arrivals {
        account.ingest(vec![arrival]).expect("it is taken in");
    }
    began.elapsed()
}
