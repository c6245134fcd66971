//! What became of one event, stage by stage: `kithd trace CONVERSATION SEQ`. For operators who are asked
//! "where is my message". Nothing of what was written is shown, only when and how far it came.

use std::fmt;

use anyhow::bail;
use protocol::model::Marker;
use protocol::{ClientRef, ConversationId, Millis, UserId, wire};
use storage::Position;

use crate::app::Stores;
use crate::pipeline::record::partition;

/// Markers that are read at once.
const MARKERS: u64 = 500;
/// So many people are named for each stage; the rest are counted.
const NAMED: usize = 20;

/// What became of one event.
#[derive(Debug)]
pub struct Trace {
    conversation: ConversationId,
    seq: u64,
    ord: u64,
    kind: String,
    sender: UserId,
    client_ref: ClientRef,
    accepted: Millis,
    partition: u32,
    position: Position,
    head: u64,
    markers: Vec<Marker>,
}

/// Follow an event through the stores. `partitions` is how many the conversation log has.
///
/// # Errors
/// When there is no such event, or a store does not answer.
pub async fn trace(
    stores: &Stores,
    partitions: u32,
    conversation: ConversationId,
    seq: u64,
) -> anyhow::Result<Trace> {
    let Some(head) = stores.history.head(conversation).await? else {
        bail!("there is no conversation {conversation}");
    };
    let found = stores.fold.events(conversation, &[seq]).await?;
    let Some((row, _)) = found.into_iter().next().filter(|_| seq <= head.seq) else {
        bail!("there is no event {seq} in {conversation}: its head is {}", head.seq);
    };
    let mut markers: Vec<Marker> = Vec::new();
    loop {
        let after = markers.last().map(|marker| marker.user);
        let more = stores.markers.markers(conversation, after, MARKERS).await?;
        let last = (more.len() as u64) < MARKERS;
        markers.extend(more);
        if last {
            break;
        }
    }
    // The name of the kind is its JSON's only field.
    let kind = wire::encode(&row.event.kind).split('"').nth(1).unwrap_or_default().to_owned();
    Ok(Trace {
        conversation,
        seq,
        ord: row.event.ord,
        kind,
        sender: row.event.sender,
        client_ref: row.event.client_ref,
        accepted: row.event.at,
        partition: partition(conversation.bytes(), partitions),
        position: row.position,
        head: head.seq,
        markers,
    })
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { conversation, seq, ord, kind, sender, client_ref, accepted, .. } = self;
        let (epoch, offset) = (self.position >> 42, self.position & ((1 << 42) - 1));
        writeln!(f, "client_ref    {client_ref}")?;
        writeln!(f, "accepted      at {accepted} (ms since 1970) from {sender}")?;
        writeln!(f, "log           partition {}, epoch {epoch}, offset {offset}", self.partition)?;
        writeln!(f, "sequenced     {kind}, seq {seq}, ord {ord} of {conversation}")?;
        writeln!(f, "stored        yes; the head is {}", self.head)?;
        let others = || self.markers.iter().filter(|marker| marker.user != *sender);
        writeln!(f, "fanned out    to the inboxes of {} members", self.markers.len())?;
        people(f, "delivered", others().filter(|m| m.delivered >= *seq), others().count())?;
        people(f, "read", others().filter(|m| m.read >= *seq), others().count())
    }
}

fn people<'m>(
    f: &mut fmt::Formatter<'_>,
    stage: &str,
    there: impl Iterator<Item = &'m Marker>,
    all: usize,
) -> fmt::Result {
    let there: Vec<String> = there.map(|marker| marker.user.to_string()).collect();
    write!(f, "{stage:<14}{} of {all} others", there.len())?;
    for name in there.iter().take(NAMED) {
        write!(f, "\n              {name}")?;
    }
    if there.len() > NAMED {
        write!(f, "\n              and {} more", there.len() - NAMED)?;
    }
    writeln!(f)
}
