//! What must hold of a conversation whatever happened to it, checked against what was written, what
//! the devices have seen, and what the server has stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use client::view::{Notification, Progress, RowBody};
use parking_lot::Mutex;
use protocol::{ClientRef, ConversationId, EventKind, UserId, limits};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::device::Device;
use crate::history::{Auditor, History};
use crate::simulated::Stored;

/// One message that somebody wrote.
#[derive(Clone)]
pub struct Said {
    pub room: ConversationId,
    /// The number of the device.
    pub device: usize,
    pub client_ref: ClientRef,
    /// The text as it was when it can first have been handed over.
    pub text: String,
    /// It was taken back before it was handed over, or the server has rejected it: it answered what
    /// had been deleted meanwhile.
    pub gone: bool,
}

/// By conversation and ref: the seqs.
type Shown = BTreeMap<(ConversationId, String), BTreeSet<u64>>;

/// What the screens of all devices have ever shown as stored: a ref, and the seq beside it.
#[derive(Default)]
pub struct Witness {
    shown: Arc<Mutex<Shown>>,
    /// Messages that went back, from read to sent for instance, or were shown before they were stored.
    regressions: Arc<Mutex<Vec<String>>>,
    count: watch::Sender<u64>,
    tasks: Vec<JoinHandle<()>>,
}

impl Witness {
    /// Watch a device from now on, until it is started anew.
    pub fn watch(&mut self, device: &Device, stored: Stored) {
        let mut told = device.client.subscribe();
        let (shown, count) = (self.shown.clone(), self.count.clone());
        let (regressions, name) = (self.regressions.clone(), device.name.clone());
        self.tasks.push(tokio::spawn(async move {
            let mut progress: BTreeMap<String, u8> = BTreeMap::new();
            while let Some(notification) = told.recv().await {
                let Notification::Rows { conversation, rows, .. } = notification else { continue };
                for row in rows {
                    let RowBody::Message(message) = row.body else { continue };
                    let Some(seq) = row.seq else { continue };
                    if !stored(conversation, seq) {
                        let text = &message.text;
                        let what = format!("{name} shows {text:?} at {seq}, which is not stored");
                        regressions.lock().push(what);
                    }
                    let came = message.progress.map_or(0, rank);
                    let before = progress.insert(row.key.clone(), came).unwrap_or_default();
                    if came < before {
                        let (text, now) = (&message.text, message.progress);
                        regressions
                            .lock()
                            .push(format!("{name}: {text:?} went from {before} back to {now:?}"));
                    }
                    // A key is a ref; those of other devices have the seq behind it.
                    let client_ref = row.key.get(..36).unwrap_or_default().to_owned();
                    let new =
                        shown.lock().entry((conversation, client_ref)).or_default().insert(seq);
                    if new {
                        count.send_modify(|count| *count += 1);
                    }
                }
            }
        }));
    }

    /// To be told when something new is shown as stored.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Later is more.
fn rank(progress: Progress) -> u8 {
    match progress {
        Progress::Failed | Progress::Sending => 0,
        Progress::Sent => 1,
        Progress::Delivered => 2,
        Progress::Read => 3,
    }
}

/// What is wrong with a conversation, in sentences; nothing when all is well.
pub fn complaints(
    room: ConversationId,
    history: &History,
    said: &[Said],
    witness: &Witness,
) -> Vec<String> {
    let mut wrong = witness.regressions.lock().clone();
    if !history.events.iter().zip(1..).all(|(event, seq)| event.seq == seq) {
        wrong.push("the order has a gap".into());
    }
    let mut seqs: BTreeMap<ClientRef, Vec<u64>> = BTreeMap::new();
    for event in &history.events {
        seqs.entry(event.client_ref).or_default().push(event.seq);
    }
    for (client_ref, seqs) in &seqs {
        if seqs.len() > 1 {
            wrong.push(format!("{client_ref} is there {} times", seqs.len()));
        }
    }
    let texts: BTreeMap<u64, String> = history
        .messages()
        .map(|(event, state)| (event.seq, state.texts.first().map(|t| t.text.clone())))
        .filter_map(|(seq, text)| Some((seq, text?)))
        .collect();
    let mut last: BTreeMap<usize, u64> = BTreeMap::new();
    for message in said.iter().filter(|message| message.room == room) {
        let seq = seqs.get(&message.client_ref).map(|seqs| seqs[0]);
        match (seq, message.gone) {
            (None, true) => {}
            (Some(_), true) => wrong.push(format!("{:?} should not be there", message.text)),
            (None, false) => wrong.push(format!("{:?} is lost", message.text)),
            (Some(seq), false) => {
                // A message with as many texts as it may have, or none, has lost its first.
                let first = texts.get(&seq).filter(|_| texts_of(history, seq) <= 1);
                if first.is_some_and(|text| *text != message.text) {
                    wrong.push(format!("{:?} is stored as {first:?}", message.text));
                }
                let before = last.insert(message.device, seq).unwrap_or_default();
                if before > seq {
                    wrong.push(format!("{:?} is before what was written first", message.text));
                }
            }
        }
    }
    for ((of, key), shown) in witness.shown.lock().iter().filter(|((of, _), _)| *of == room) {
        let stored = history.events.iter().find(|event| event.client_ref.to_string() == *key);
        let stored = stored.map(|event| event.seq);
        if !shown.iter().all(|seq| Some(*seq) == stored) {
            wrong.push(format!("{of}: {key} was shown at {shown:?} and is at {stored:?}"));
        }
    }
    wrong.extend(edits(history));
    wrong
}

fn texts_of(history: &History, seq: u64) -> usize {
    history.states.iter().find(|state| state.seq == seq).map_or(0, |state| state.texts.len())
}

/// Every message has as many texts as it was given.
fn edits(history: &History) -> Vec<String> {
    let mut wrong = Vec::new();
    for (message, state) in history.messages() {
        let count = |wanted: fn(&EventKind, u64) -> bool| {
            history.events.iter().filter(|event| wanted(&event.kind, message.seq)).count()
        };
        let edited =
            count(|kind, seq| matches!(kind, EventKind::Edited { target } if *target == seq));
        let deleted =
            count(|kind, seq| matches!(kind, EventKind::Deleted { target } if *target == seq));
        let texts = if deleted > 0 { 0 } else { (1 + edited).min(limits::TEXTS_PER_MESSAGE) };
        if state.texts.len() != texts {
            let (seq, len) = (message.seq, state.texts.len());
            wrong.push(format!("message {seq} has {len} texts and was given {texts}"));
        }
    }
    wrong
}

/// How many messages of others somebody has not read, counted from the history.
fn unread(history: &History, user: UserId, read: u64) -> u64 {
    let unread = history.messages().filter(|(e, _)| e.seq > read && e.sender != user);
    unread.count() as u64
}

/// How what a device shows of a conversation differs from what is stored; nothing when it does not.
pub async fn difference(
    device: &Device,
    room: ConversationId,
    auditor: &Auditor,
) -> Option<String> {
    let history = auditor.history(room).await;
    let shown = device.messages(room).await;
    let shown = shown
        .iter()
        .filter(|(_, m)| m.progress != Some(Progress::Failed))
        .map(|(row, m)| (row.seq, m.text.clone(), m.reactions.len()));
    let stored = history.messages().map(|(event, state)| {
        (Some(event.seq), state.text().unwrap_or_default().to_owned(), state.reactions.len())
    });
    let (shown, stored): (Vec<_>, Vec<_>) = (shown.collect(), stored.collect());
    if shown != stored {
        let at = shown.iter().zip(&stored).take_while(|(shown, stored)| shown == stored).count();
        return Some(format!(
            "{} shows {} messages of {} and from the {at}th on {:?} instead of {:?}",
            device.name,
            shown.len(),
            stored.len(),
            shown.get(at),
            stored.get(at),
        ));
    }
    let markers = auditor.markers(room).await;
    let read = markers.iter().find(|marker| marker.user == device.user).map_or(0, |m| m.read);
    let (shown, counted) = (device.unread(room).await, unread(&history, device.user, read));
    (shown != counted)
        .then(|| format!("{} shows {shown} unread and there are {counted}", device.name))
}
