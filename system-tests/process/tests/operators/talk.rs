//! Saying something, and reading it.

use std::time::Duration;

use protocol::frame::Mark;
use protocol::{
    ClientFrame, ClientRef, Command, ConversationId, Entry, Event, ServerFrame, Submit,
};
use tokio::sync::mpsc::unbounded_channel;

use crate::api::{Account, Api};
use crate::session::Session;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Say something to oneself's group, and wait until it is sent. What the last
/// of it became.
pub(crate) async fn say(
    api: &Api,
    who: &Account,
    conversation: ConversationId,
    commands: &[Command],
) -> Event {
    let (tell, mut told) = unbounded_channel();
    let session = Session::open(api, who, 0, tell).await.unwrap();
    let entry = |command: &Command| Entry {
        client_ref: ClientRef(uuid::Uuid::now_v7()),
        command: command.clone(),
    };
    let commands: Vec<Entry> = commands.iter().map(entry).collect();
    let last = commands.last().unwrap().client_ref;
    let submit = Submit { conversation, peer: None, commands };
    let sent = async {
        // An app sends again what is not answered.
        let mut again = tokio::time::interval(Duration::from_secs(5));
        loop {
            tokio::select! {
                biased;
                Some(one) = told.recv() => match one.frame {
                    Some(ServerFrame::Event(frame)) if frame.event.client_ref == last => {
                        return frame.event;
                    }
                    Some(ServerFrame::Rejected(rejected)) => panic!("{rejected:?}"),
                    _ => {}
                },
                _ = again.tick() => session.send(ClientFrame::Submit(submit.clone())),
            }
        }
    };
    tokio::time::timeout(PATIENCE, sent).await.expect("nothing is sent")
}

/// A message.
pub(crate) fn text(text: &str) -> Command {
    Command::Message { text: text.into(), reply_to: None }
}

/// Read a conversation up to here, and wait until that is stored.
pub(crate) async fn read(api: &Api, who: &Account, conversation: ConversationId, seq: u64) {
    let (tell, mut told) = unbounded_channel();
    let session = Session::open(api, who, 0, tell).await.unwrap();
    session.send(ClientFrame::Mark(Mark { conversation, delivered: seq, read: seq }));
    let stored = async {
        while let Some(one) = told.recv().await {
            if matches!(one.frame, Some(ServerFrame::MarkStored(_))) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, stored).await.expect("no marker is stored");
}
