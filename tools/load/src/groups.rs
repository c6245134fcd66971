//! Groups in which everybody writes in turn and everybody else gets it.

use anyhow::{Context, Result, ensure};
use clap::Args;
use protocol::{ClientFrame, Command, ConversationId, Entry, Submit, limits, wire};
use serde::Serialize;
use uuid::Uuid;

use crate::accounts::Account;
use crate::chat::{Chat, Seat};
use crate::clock::Clock;
use crate::search::{self, Found};
use crate::session::Session;
use crate::text::{self, Seen};
use crate::{Bench, say};

/// How many people talk.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Groups.
    #[arg(long, default_value_t = 10)]
    groups: usize,
    /// People in each, 2 to 101.
    #[arg(long, default_value_t = 100)]
    members: usize,
    #[command(flatten)]
    search: search::Options,
}

impl Options {
    pub(crate) fn accounts(&self) -> usize {
        self.groups * self.members
    }
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Groups {
    groups: usize,
    members: usize,
    #[serde(flatten)]
    found: Found,
}

pub(crate) async fn measure(bench: &Bench, options: &Options) -> Result<Groups> {
    let Options { groups, members, .. } = *options;
    ensure!((2..=limits::PEOPLE_PER_COMMAND + 1).contains(&members), "members: 2 to 101");
    say(&format!("{groups} groups of {members}, everybody writes 256 bytes in turn, no markers"));
    let clock = Clock::start();
    let mut conversations = Vec::with_capacity(groups);
    for (number, people) in bench.accounts.chunks_exact(members).enumerate() {
        conversations.push(create(bench, clock, number, people).await.context("a group")?);
    }
    // Neighbours in turn sit in different groups.
    let seat = |member: usize, group: usize| Seat {
        account: bench.accounts[group * members + member].clone(),
        conversation: conversations[group],
        peer: None,
    };
    let places = (0..members).flat_map(|member| (0..groups).map(move |group| (member, group)));
    let seats = places.map(|(member, group)| seat(member, group)).collect();
    let chat = Chat::open(bench, seats, members - 1, false).await?;
    let from = 50_000.0 / (members - 1) as f64;
    let found = search::highest(&chat, &options.search, from).await?;
    Ok(Groups { groups, members, found })
}

/// A group of these people; the first begins it.
async fn create(
    bench: &Bench,
    clock: Clock,
    number: usize,
    people: &[Account],
) -> Result<ConversationId> {
    let client_ref = clock.client_ref(number, clock.now());
    let conversation: ConversationId = Uuid::from_u128(client_ref.0.as_u128() ^ 1).into();
    let (first, others) = people.split_first().context("a group of nobody")?;
    let mut session = Session::connect(bench.address, first, 4096).await?;
    session.hello(None).await?;
    let command = Command::Create {
        title: format!("Group {number}"),
        members: others.iter().map(|account| account.user).collect(),
        history_open: false,
    };
    let commands = vec![Entry { client_ref, command }];
    let submit = Submit { conversation, peer: None, commands };
    session.send(wire::encode(&ClientFrame::Submit(submit))).await?;
    loop {
        let frame = session.next().await?;
        match text::see(&frame) {
            Seen::Event(event) if event.client_ref == client_ref => break,
            Seen::Other => anyhow::bail!("the server says {frame}"),
            _ => {}
        }
    }
    session.close().await?;
    Ok(conversation)
}
