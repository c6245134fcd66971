//! SIGKILL cannot show a missing fsync: the kernel keeps what a process has written. So strace watches
//! what `kithd` asks of the kernel while people write, one by one and in bursts, and nobody may be
//! told of a message before it was written to the write-ahead log and the log was synced.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use programs::server::Setup;
use protocol::{
    ClientFrame, ClientRef, Command, ConversationId, Entry, Event, ServerFrame, Submit,
    direct_conversation,
};
use storage::sabotage::{Case, VARIABLE};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;
use uuid::Uuid;

use crate::api::{Account, Api};
use crate::session::{Session, Told};
use crate::trace::{check, mark, syncs};

/// How long anything that has to come may take, also under strace.
const PATIENCE: Duration = Duration::from_secs(60);
/// Messages that are sent one after the other, each when the one before was acknowledged.
const SINGLY: u64 = 25;
/// Bursts, and the messages in each.
const BURSTS: u64 = 8;
const BURST: u64 = 30;

#[tokio::test]
async fn nobody_is_told_of_a_message_before_the_sync_of_its_commit() {
    let program = programs::built("kithd").unwrap();
    let Watched { trace, marks } = watch(program, None).await.unwrap();
    assert_eq!(check(&trace, &marks), Vec::<String>::new());
    // One by one each has a commit of its own.
    assert!(syncs(&trace) as u64 >= SINGLY);
}

#[tokio::test]
async fn a_server_that_does_not_sync_or_tells_too_early_is_found_by_its_system_calls() {
    for case in [Case::SynchronousOff, Case::AcknowledgeBeforeStoring, Case::PublishBeforeStoring] {
        let program = Path::new(env!("CARGO_BIN_EXE_kithd-sabotaged")).to_owned();
        let Watched { trace, marks } = watch(program, Some(case)).await.unwrap();
        let findings = check(&trace, &marks);
        assert!(findings.iter().any(|finding| finding.contains("told in line")), "{case:?}");
        assert_eq!(syncs(&trace) == 0, case == Case::SynchronousOff, "{case:?}");
    }
}

/// What strace has written, and the marks in the messages that were sent meanwhile.
struct Watched {
    trace: String,
    marks: BTreeSet<String>,
}

async fn watch(program: PathBuf, sabotage: Option<Case>) -> Result<Watched> {
    let folder = tempfile::tempdir()?;
    let trace = folder.path().join("trace");
    let mut setup = Setup { program, ..Setup::new(folder.path())? };
    let calls = "trace=fdatasync,fsync,pwrite64,write,writev,sendto,sendmsg";
    // With -yy a file descriptor is shown with what it is, and with -s what is written is shown whole.
    let options = ["strace", "-f", "-qq", "-yy", "-s", "1000000", "-e", calls, "-e", "signal=none"];
    setup.under.extend(options.map(Into::into));
    setup.under.extend(["-o".into(), trace.clone().into()]);
    for (name, value) in [
        ("KITH__DEV__ACCOUNTS", "true"),
        ("KITH__LIMITS__SENDS_PER_SECOND", "1000000"),
        ("KITH__LIMITS__SEND_BURST", "1000000"),
    ] {
        setup.variables.push((name.into(), value.into()));
    }
    if let Some(case) = sabotage {
        setup.variables.push((VARIABLE.into(), case.name().into()));
    }
    let mut server = setup.start().await?;
    let marks = write(&format!("http://{}", setup.address)).await?;
    // Every line begins with who called, and the first is the process itself.
    let begun = std::fs::read_to_string(&trace)?;
    let process = begun.split_whitespace().next().context("an empty trace")?;
    let asked = programs::command("kill").args(["-TERM", process]).status().await?;
    ensure!(asked.success(), "kithd, {process}, cannot be told to stop");
    let ended = timeout(PATIENCE, server.process().wait()).await??;
    ensure!(ended.success(), "kithd under strace ended with {ended}");
    Ok(Watched { trace: std::fs::read_to_string(trace)?, marks })
}

/// Two people write to one another, one by one and in bursts. The marks in what they write.
async fn write(address: &str) -> Result<BTreeSet<String>> {
    let api = Api::new(address.to_owned())?;
    let accounts = api.accounts(2).await?;
    let (tell, told) = unbounded_channel();
    let mut sessions = Vec::new();
    for (number, account) in accounts.iter().enumerate() {
        sessions.push(Session::open(&api, account, number, tell.clone()).await?);
    }
    let room = direct_conversation(accounts[0].user, accounts[1].user);
    let mut talk = Talk { room, accounts, sessions, told, number: 0, marks: BTreeSet::new() };
    for n in 0..SINGLY {
        let writer = usize::from(n % 2 == 1);
        let sent = talk.send(writer, 1);
        talk.acknowledged(sent).await?;
    }
    for _ in 0..BURSTS {
        let both: BTreeSet<ClientRef> =
            (0..BURST).flat_map(|n| talk.send(usize::from(n % 2 == 1), 1)).collect();
        talk.acknowledged(both).await?;
    }
    Ok(talk.marks)
}

struct Talk {
    room: ConversationId,
    accounts: Vec<Account>,
    sessions: Vec<Session>,
    told: UnboundedReceiver<Told>,
    number: u64,
    marks: BTreeSet<String>,
}

impl Talk {
    /// Send a frame with so many messages. Their refs.
    fn send(&mut self, writer: usize, messages: u64) -> BTreeSet<ClientRef> {
        let mut refs = BTreeSet::new();
        let mut commands = Vec::new();
        for _ in 0..messages {
            self.number += 1;
            let text = mark(self.number);
            self.marks.insert(text.clone());
            let client_ref = ClientRef(Uuid::from_u128(
                0x018b_cfe5_6800_7000_8000_0000_0000_0000 + u128::from(self.number),
            ));
            refs.insert(client_ref);
            commands.push(Entry { client_ref, command: Command::Message { text, reply_to: None } });
        }
        let peer = Some(self.accounts[1 - writer].user);
        let submit = Submit { conversation: self.room, peer, commands };
        self.sessions[writer].send(ClientFrame::Submit(submit));
        refs
    }

    /// Wait until each of these was acknowledged to whoever sent it.
    async fn acknowledged(&mut self, mut refs: BTreeSet<ClientRef>) -> Result<()> {
        while !refs.is_empty() {
            let told = timeout(PATIENCE, self.told.recv()).await.context("no acknowledgement")?;
            let Told { session, frame } = told.context("no session is left")?;
            match frame.context("a connection ended")? {
                ServerFrame::Event(frame) => {
                    let Event { sender, client_ref, .. } = frame.event;
                    if sender == self.accounts[session].user {
                        refs.remove(&client_ref);
                    }
                }
                ServerFrame::Page(_)
                | ServerFrame::Cursor(_)
                | ServerFrame::Presence(_)
                | ServerFrame::Marked(_) => {}
                other => anyhow::bail!("{other:?}"),
            }
        }
        Ok(())
    }
}
