//! Reads what strace has written, and finds whoever was told of a message before it was on the disk.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

/// What every mark begins with; sixteen hexadecimal digits follow.
pub(crate) const MARK: &str = "mark-";
/// How long a mark is.
const LENGTH: usize = MARK.len() + 16;
/// The name of the write-ahead log.
const LOG: &str = "kith.db-wal>";

/// A mark with this number.
pub(crate) fn mark(number: u64) -> String {
    format!("{MARK}{number:016x}")
}

/// One system call: where in the trace it began and ended, in lines.
#[derive(Debug)]
struct Call {
    name: String,
    /// What stands in its brackets. The first is what the file descriptor is.
    arguments: String,
    began: usize,
    /// With what result it ended; `None` when it never did.
    ended: Option<(usize, i64)>,
}

/// When a message was written to the log, and when somebody was told of it, in lines of the trace.
#[derive(Default)]
struct Seen {
    written: Option<usize>,
    told: Option<usize>,
}

/// What is wrong: each of these marks has to be written to the write-ahead log, then a sync of the log
/// has to begin and end well, and only then may it be written to a socket.
pub(crate) fn check(trace: &str, marks: &BTreeSet<String>) -> Vec<String> {
    let calls = calls(trace);
    let syncs: Vec<(usize, usize)> = calls.iter().filter_map(sync).collect();
    let mut seen: BTreeMap<&str, Seen> = BTreeMap::new();
    // A frame may be cut between two writes to one socket.
    let mut tails: BTreeMap<&str, String> = BTreeMap::new();
    for call in &calls {
        if call.file().ends_with(LOG) && call.name == "pwrite64" {
            for mark in marks_in(&call.arguments, marks) {
                // What did not end was not written.
                let ended = call.ended.map(|(line, _)| line);
                let seen = seen.entry(mark).or_default();
                seen.written = seen.written.or(ended);
            }
        } else if call.file().contains("<TCP") {
            let text = call.text();
            let tail = tails.entry(call.file()).or_default();
            tail.push_str(&text);
            for mark in marks_in(tail, marks) {
                let seen = seen.entry(mark).or_default();
                seen.told = seen.told.or(Some(call.began));
            }
            let keep = tail.char_indices().rev().nth(LENGTH - 1).map_or(0, |(at, _)| at);
            tail.drain(..keep);
        }
    }
    let judge = |mark: &String| match seen.get(mark.as_str()) {
        Some(Seen { written, told: Some(told) }) => {
            let synced = |written: usize| {
                syncs.iter().any(|&(began, ended)| written < began && ended < *told)
            };
            match written {
                Some(written) if synced(*written) => None,
                Some(written) => Some(format!(
                    "{mark}: written in line {written} and told in line {told}, with no sync between"
                )),
                None => Some(format!("{mark}: told in line {told} and never written")),
            }
        }
        _ => Some(format!("{mark}: nobody was told, or the trace does not show it")),
    };
    marks.iter().filter_map(judge).collect()
}

/// How many of the syncs of the write-ahead log the trace shows.
pub(crate) fn syncs(trace: &str) -> usize {
    calls(trace).iter().filter_map(sync).count()
}

/// When a sync of the log began and ended well.
fn sync(call: &Call) -> Option<(usize, usize)> {
    let is_sync = matches!(call.name.as_str(), "fdatasync" | "fsync") && call.file().ends_with(LOG);
    match call.ended {
        Some((ended, 0)) if is_sync => Some((call.began, ended)),
        _ => None,
    }
}

fn marks_in<'m>(text: &str, marks: &'m BTreeSet<String>) -> Vec<&'m str> {
    let found = text.match_indices(MARK).filter_map(|(at, _)| text.get(at..at + LENGTH));
    found.filter_map(|mark| marks.get(mark)).map(String::as_str).collect()
}

impl Call {
    /// What the file descriptor is: `12</data/kith.db-wal>`.
    fn file(&self) -> &str {
        // Within the description `>` is followed by none of these.
        let ends = [">,", ">)", "> "].iter();
        let end = ends.filter_map(|end| self.arguments.find(end)).min();
        let end = end.map_or(self.arguments.len(), |end| end + 1);
        &self.arguments[..end]
    }

    /// What is written, without what stands around it.
    fn text(&self) -> String {
        // Between quotation marks that are not escaped stands text; several pieces for a writev.
        let mut text = String::new();
        let (mut inside, mut escaped) = (false, false);
        for c in self.arguments.chars() {
            match c {
                '"' if !escaped => inside = !inside,
                _ if inside => text.push(c),
                _ => {}
            }
            escaped = c == '\\' && !escaped;
        }
        text
    }
}

/// The calls of a trace, in the order in which they began. A call that another thread interrupts is
/// on two lines: `… <unfinished ...>` and `<... NAME resumed> …`.
fn calls(trace: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, line) in trace.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if rest.starts_with("<... ") {
            if let Some(at) = open.remove(thread) {
                calls[at].ended = result(rest).map(|result| (number, result));
            }
        } else if let Some((name, arguments)) = rest.split_once('(') {
            let whole = !rest.ends_with("<unfinished ...>");
            let ended = if whole { result(rest).map(|result| (number, result)) } else { None };
            if !whole {
                open.insert(thread, calls.len());
            }
            calls.push(Call {
                name: name.to_owned(),
                arguments: arguments.to_owned(),
                began: number,
                ended,
            });
        }
    }
    calls
}

/// The number behind the bracket that ends a call, after as many spaces as strace likes.
fn result(line: &str) -> Option<i64> {
    let (call, result) = line.rsplit_once(" = ")?;
    let ends = call.trim_end().ends_with(')');
    result.split_whitespace().next()?.parse().ok().filter(|_| ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: &str = r#"7 pwrite64(9</d/kith.db-wal>, "\r\0{\"text\":\"mark-0000000000000001\"}\0", 4096, 32) = 4096"#;
    const SYNC: &str = "7 fdatasync(9</d/kith.db-wal>) = 0";
    const TELL: &str = r#"8 sendto(12<TCP:[127.0.0.1:4810->127.0.0.1:50000]>, "\201~\0{\"event\":{\"text\":\"mark-0000000000000001\"}}", 80, MSG_NOSIGNAL, NULL, 0) = 80"#;

    fn findings(lines: &[&str]) -> Vec<String> {
        check(&lines.join("\n"), &BTreeSet::from([mark(1)]))
    }

    #[test]
    fn written_synced_told_is_as_it_should_be() {
        assert_eq!(findings(&[WRITE, SYNC, TELL]), Vec::<String>::new());
        assert_eq!(syncs(&[WRITE, SYNC, TELL].join("\n")), 1);
    }

    #[test]
    fn calls_that_are_interrupted_are_read_as_well() {
        let (begun, resumed) =
            ("7 fdatasync(9</d/kith.db-wal> <unfinished ...>", "7 <... fdatasync resumed>) = 0");
        let other = "8 write(1</dev/null>, \"x\", 1) = 1";
        assert_eq!(findings(&[WRITE, begun, other, resumed, TELL]), Vec::<String>::new());
        // strace puts short results below one another.
        let aligned = resumed.replace(") = 0", ")       = 0");
        assert_eq!(findings(&[WRITE, begun, other, &aligned, TELL]), Vec::<String>::new());
        let aligned = SYNC.replace(") = 0", ")       = 0");
        assert_eq!(findings(&[WRITE, &aligned, TELL]), Vec::<String>::new());
        assert_eq!(findings(&[WRITE, begun, TELL, resumed]).len(), 1, "told while it was synced");
        let write = WRITE.replace(") = 4096", " <unfinished ...>");
        let written = "7 <... pwrite64 resumed>) = 4096";
        assert_eq!(findings(&[&write, written, SYNC, TELL]), Vec::<String>::new());
        let sync = SYNC.replacen('7', "6", 1);
        assert_eq!(
            findings(&[&write, &sync, written, TELL]).len(),
            1,
            "synced while it was written"
        );
    }

    #[test]
    fn every_trace_of_a_server_that_does_it_wrong_is_found() {
        let failed = SYNC.replace("= 0", "= -1 EIO (Input/output error)");
        let other = SYNC.replace("kith.db-wal", "kith.db");
        for lines in [
            &[WRITE, TELL][..],
            &[TELL, WRITE, SYNC],
            &[WRITE, TELL, SYNC],
            &[SYNC, WRITE, TELL],
            &[SYNC, TELL],
            &[WRITE, SYNC],
            &[WRITE, &failed, TELL],
            &[WRITE, &other, TELL],
            &[],
        ] {
            assert_eq!(findings(lines).len(), 1, "{lines:#?}");
        }
    }

    #[test]
    fn a_mark_that_is_cut_between_two_writes_is_found() {
        let (first, second) = (
            TELL.replace("0000000001\\\"}}", ""),
            r#"8 writev(12<TCP:[127.0.0.1:4810->127.0.0.1:50000]>, [{iov_base="0000000001\"", iov_len=11}, {iov_base="}}", iov_len=2}], 2) = 13"#,
        );
        assert_eq!(findings(&[&first, second, WRITE, SYNC]).len(), 1);
        assert_eq!(findings(&[WRITE, SYNC, &first, second]), Vec::<String>::new());
    }
}
