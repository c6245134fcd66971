//! One conversation that is folded record by record, for sentences about what its commands become.

use protocol::{Code, Command, ConversationId, MessageState, direct_conversation};
use server::pipeline::record::Record;
use storage::memory::Rows;
use storage::{Head, MemberRow, Position};

use super::lone::Lone;
use super::records::{self, START, create, group, user};
use super::told::{Answer, Told, answers};

/// A conversation and where its partition ends.
pub(crate) struct Talk {
    pub(crate) lone: Lone,
    pub(crate) id: ConversationId,
    pub(crate) next: Position,
    refs: u64,
}

impl Talk {
    fn empty(id: ConversationId) -> Self {
        Self { lone: Lone::new(), id, next: START, refs: 0 }
    }

    /// A group that person 1 has created with these others.
    pub(crate) fn group(others: &[u64]) -> Self {
        let mut talk = Self::empty(group(1));
        assert_eq!(talk.does(1, create("Engine room", others)), Ok(1));
        talk
    }

    /// A group's id without a group.
    pub(crate) fn no_group() -> Self {
        Self::empty(group(1))
    }

    /// Persons 1 and 2, who have said nothing yet.
    pub(crate) fn direct() -> Self {
        Self::empty(direct_conversation(user(1), user(2)))
    }

    /// A record with new refs; in a direct conversation it names the other person.
    pub(crate) fn record(&mut self, who: u64, commands: &[Command]) -> Record {
        let first = self.refs;
        self.refs += commands.len() as u64;
        let commands = (first..).zip(commands.iter().cloned());
        match self.id.is_direct() {
            true => Record { conversation: self.id, ..records::direct(who, 3 - who, commands) },
            false => records::record(self.id, who, commands),
        }
    }

    /// Append a record and fold it; what everybody is told.
    pub(crate) fn submit(&mut self, record: &Record) -> Vec<Told> {
        let taken = i64::try_from(self.next - START).unwrap() * 1_000;
        let record = Record { at: 1_700_000_000_000 + taken, ..record.clone() };
        self.append(record.encode())
    }

    /// Append anything and fold it.
    pub(crate) fn append(&mut self, bytes: bytes::Bytes) -> Vec<Told> {
        let told = self.lone.process(&[(self.next, bytes)]);
        self.next += 1;
        told
    }

    /// What a record is answered: one answer for each command.
    pub(crate) fn answers(&mut self, record: &Record) -> Vec<Result<u64, Code>> {
        let told = self.submit(record);
        let answer = |(_, answer)| match answer {
            Answer::Accepted(seq) => Ok(seq),
            Answer::Rejected(code) => Err(code),
        };
        answers(&told).into_iter().map(answer).collect()
    }

    /// What one command of one person becomes.
    pub(crate) fn does(&mut self, who: u64, command: Command) -> Result<u64, Code> {
        let record = self.record(who, &[command]);
        let answers = self.answers(&record);
        let [answer] = answers[..] else { panic!("one answer to one command: {answers:?}") };
        answer
    }

    pub(crate) fn rows(&self) -> Rows {
        self.lone.rows()
    }

    pub(crate) fn head(&self) -> Head {
        self.rows().heads.get(&self.id).copied().unwrap_or_default()
    }

    pub(crate) fn state(&self, seq: u64) -> MessageState {
        self.rows().messages[&(self.id, seq)].state.clone()
    }

    /// The current text of a message.
    pub(crate) fn text(&self, seq: u64) -> Option<String> {
        self.state(seq).text().map(str::to_owned)
    }

    pub(crate) fn member(&self, who: u64) -> MemberRow {
        self.rows().members[&(self.id, user(who))].clone()
    }

    pub(crate) fn pins(&self) -> Vec<u64> {
        self.rows().conversations[&self.id].pins.clone()
    }
}
