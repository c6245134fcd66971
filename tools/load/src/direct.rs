//! Two people each, both of them writing, each confirming what comes with coalesced markers.

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::chat::{Chat, Seat};
use crate::search::{self, Found};
use crate::{Bench, say};

/// How many people talk.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Pairs of people.
    #[arg(long, default_value_t = 500)]
    pairs: usize,
    /// Nobody confirms anything.
    #[arg(long)]
    no_markers: bool,
    #[command(flatten)]
    search: search::Options,
}

impl Options {
    pub(crate) fn accounts(&self) -> usize {
        self.pairs * 2
    }
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Direct {
    pairs: usize,
    /// Whether people confirm what comes.
    markers: bool,
    #[serde(flatten)]
    found: Found,
}

pub(crate) async fn measure(bench: &Bench, options: &Options) -> Result<Direct> {
    let (pairs, markers) = (options.pairs, !options.no_markers);
    let with = if markers { "with" } else { "without" };
    say(&format!("{pairs} pairs, both sides write 256 bytes each, {with} delivered markers"));
    let (left, right) = bench.accounts.split_at(pairs);
    let seat = |(own, peer): (&crate::Account, &crate::Account)| Seat {
        account: own.clone(),
        conversation: protocol::direct_conversation(own.user, peer.user),
        peer: Some(peer.user),
    };
    let seats = left.iter().zip(right).chain(right.iter().zip(left)).map(seat).collect();
    let chat = Chat::open(bench, seats, 1, markers).await?;
    let found = search::highest(&chat, &options.search, 4_000.0).await?;
    Ok(Direct { pairs, markers, found })
}
