//! Processes that outlive the command that started them. The pid file says when its process began,
//! so that a number which the system has given to another process in the meantime is never touched.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::place::Place;
use crate::run::{program, run};

/// How long a process may take to end or to come to a stop.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Runs,
    Frozen,
    Gone,
}

/// What the system says of a process.
struct Seen {
    state: char,
    parent: u32,
    /// When it began, in the system's ticks since it started.
    began: u64,
}

/// Start it, on its own, with all that it prints in the place's log.
pub(super) fn start(place: &Place, mut command: Command) -> Result<()> {
    let log = File::create(place.log())?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    #[cfg(unix)]
    {
        // Ctrl-C is for the command that the person sees, not for what it has started.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
    }
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    let seen = look(child.id()).context("it ended at once")?;
    fs::write(place.pid_file(), format!("{} {}", child.id(), seen.began))?;
    // Collected when it ends, if this process is still there: PostgreSQL does not start while the number
    // of the one before it is taken.
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// Its number, while it lives.
pub(super) fn pid(place: &Place) -> Option<u32> {
    let text = fs::read_to_string(place.pid_file()).ok()?;
    let (pid, began) = text.split_once(' ')?;
    let pid = pid.parse().ok()?;
    let seen = look(pid)?;
    (seen.began.to_string() == began && !matches!(seen.state, 'Z' | 'X')).then_some(pid)
}

pub(super) fn state(place: &Place) -> State {
    match pid(place).and_then(look) {
        None => State::Gone,
        Some(Seen { state: 'T', .. }) => State::Frozen,
        Some(_) => State::Runs,
    }
}

/// Stop it and what it has started where they stand.
pub(super) fn freeze(place: &Place) -> Result<()> {
    signal("STOP", &family(place))?;
    wait(place, State::Frozen)
}

/// Let it go on.
pub(super) fn thaw(place: &Place) -> Result<()> {
    signal("CONT", &family(place))?;
    wait(place, State::Runs)
}

/// End it and what it has started with this signal, and wait until all of them are gone.
pub(super) fn kill(place: &Place, how: &str) -> Result<()> {
    let family = family(place);
    // Those whom a polite word is for end their own children; a killed one cannot.
    let count = if how == "KILL" { family.len() } else { family.len().min(1) };
    signal(how, &family[..count])?;
    let until = Instant::now() + PATIENCE;
    while family.iter().any(|pid| !is_gone(*pid)) {
        if Instant::now() > until {
            if how == "KILL" {
                bail!("it does not end");
            }
            return kill(place, "KILL");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = fs::remove_file(place.pid_file());
    Ok(())
}

/// Whether nothing of it runs any more. While threads of a dead process still end, they hold its
/// address; one that is not yet collected by its parent holds nothing.
fn is_gone(pid: u32) -> bool {
    let threads = || fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    look(pid).is_none_or(|seen| seen.state == 'Z' && threads() <= 1)
}

fn wait(place: &Place, wanted: State) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while state(place) != wanted {
        if Instant::now() > until {
            bail!("it does not become {wanted:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn signal(how: &str, pids: &[u32]) -> Result<()> {
    if pids.is_empty() {
        return Ok(());
    }
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    run(program(Path::new("/"), &["kill", &format!("-{how}")]).args(pids))
}

/// The process and all that descend from it, itself first.
fn family(place: &Place) -> Vec<u32> {
    let Some(first) = pid(place) else { return Vec::new() };
    let all: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, look(pid)?.parent)))
        .collect();
    let mut family = vec![first];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(all.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    family
}

fn look(pid: u32) -> Option<Seen> {
    // The program's name stands in brackets and may hold anything, so the rest is what follows the last.
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let words: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Seen {
        state: words.first()?.chars().next()?,
        parent: words.get(1)?.parse().ok()?,
        began: words.get(19)?.parse().ok()?,
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_and_its_child_are_frozen_thawed_and_killed() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(folder.path());
        start(&place, program(folder.path(), &["sh", "-c", "sleep 600 & wait"])).unwrap();
        let until = Instant::now() + PATIENCE;
        while family(&place).len() < 2 {
            assert!(Instant::now() < until, "the shell has no child");
            std::thread::sleep(Duration::from_millis(5));
        }
        let all = family(&place);
        freeze(&place).unwrap();
        assert_eq!(state(&place), State::Frozen);
        thaw(&place).unwrap();
        assert_eq!(state(&place), State::Runs);
        kill(&place, "KILL").unwrap();
        assert_eq!(state(&place), State::Gone);
        assert!(all.iter().all(|pid| is_gone(*pid)));
    }

    #[test]
    fn what_has_ended_is_collected_and_its_number_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(folder.path());
        start(&place, program(folder.path(), &["sleep", "600"])).unwrap();
        let pid = pid(&place).unwrap();
        kill(&place, "KILL").unwrap();
        let until = Instant::now() + PATIENCE;
        while look(pid).is_some() {
            assert!(Instant::now() < until, "nobody has collected it");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_number_that_now_belongs_to_another_process_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(folder.path());
        fs::write(place.pid_file(), format!("{} 1", std::process::id())).unwrap();
        assert_eq!(state(&place), State::Gone);
        assert!(family(&place).is_empty());
    }
}
