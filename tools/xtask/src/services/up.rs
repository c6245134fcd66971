//! Starting and stopping: in order, one kind after another, each waited for until it answers.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::place::{self, Place};
use super::process::{self, State};
use super::{Kind, Service, answer, cql, get, kafka, postgres, small, wanted};
use crate::machine;
use crate::progress::{Progress, say};

/// How long a service may take until it answers: Java on a busy machine needs its time.
const PATIENCE: Duration = Duration::from_secs(180);

/// See that the wanted kinds (none named: all) run and answer.
pub(crate) fn up(root: &Path, only: &[Kind]) -> Result<()> {
    let all: Vec<&Service> = wanted(only).collect();
    let _alone = alone(root, &all)?;
    if all.iter().all(|service| is_up(root, service)) {
        say("All of them are up.");
        return Ok(());
    }
    let mut kinds: Vec<Kind> = all.iter().map(|service| service.kind).collect();
    kinds.dedup();
    let mut progress = Progress::new("services", kinds.len() + 1);
    progress.step("what they need", || prepare(root, &kinds))?;
    for kind in kinds {
        let those: Vec<&Service> = all.iter().copied().filter(|one| one.kind == kind).collect();
        let names: Vec<&str> = those.iter().map(|service| service.name).collect();
        progress.step(&names.join(", "), || start_all(root, kind, &those))?;
    }
    Ok(())
}

/// Stop those of the wanted kinds that this command has started; with `wipe`, remove their data.
pub(crate) fn down(root: &Path, only: &[Kind], wipe: bool) -> Result<()> {
    let all: Vec<&Service> = wanted(only).collect();
    let _alone = alone(root, &all)?;
    let mut kinds: Vec<Kind> = all.iter().map(|service| service.kind).collect();
    kinds.dedup();
    let mut progress = Progress::new("services", kinds.len());
    for kind in kinds.into_iter().rev() {
        let those: Vec<&Service> = all.iter().copied().filter(|one| one.kind == kind).collect();
        let names: Vec<&str> = those.iter().map(|service| service.name).collect();
        progress.step(&format!("{}: end", names.join(", ")), || end_all(root, &those, wipe))?;
    }
    Ok(())
}

/// All at once: a broker that ends waits for the others, who hand over what it led.
fn end_all(root: &Path, those: &[&Service], wipe: bool) -> Result<()> {
    std::thread::scope(|scope| {
        let ends: Vec<_> =
            those.iter().map(|service| scope.spawn(move || end(root, service, wipe))).collect();
        ends.into_iter().try_for_each(|end| end.join().unwrap_or_else(|_| bail!("a thread broke")))
    })
}

fn end(root: &Path, service: &Service, wipe: bool) -> Result<()> {
    let place = Place::of(root, service);
    if process::state(&place) != State::Gone {
        stop(&place, service).with_context(|| service.name)?;
    }
    if wipe && place.data().exists() {
        fs::remove_dir_all(place.data())?;
    }
    Ok(())
}

/// Those of the kinds of which not all processes are up.
pub(crate) fn not_up(root: &Path, kinds: &[Kind]) -> Vec<Kind> {
    let mut kinds = kinds.to_vec();
    kinds.retain(|kind| !wanted(&[*kind]).all(|service| is_up(root, service)));
    kinds
}

/// Two commands at once would both start a service. There is a lock for each kind, always taken in the
/// same order, so that one kind is not waited for by who wants another; it ends with the process.
fn alone(root: &Path, those: &[&Service]) -> Result<Vec<File>> {
    fs::create_dir_all(place::all(root))?;
    let mut kinds: Vec<Kind> = those.iter().map(|service| service.kind).collect();
    kinds.dedup();
    kinds
        .into_iter()
        .map(|kind| {
            let lock = File::create(place::all(root).join(format!("lock-{kind:?}")))?;
            if lock.try_lock().is_err() {
                say("Waiting for another `cargo xtask services` to finish …");
                lock.lock()?;
            }
            Ok(lock)
        })
        .collect()
}

/// Fetch first what has to be fetched, so that nothing is half started when that fails.
fn prepare(root: &Path, kinds: &[Kind]) -> Result<()> {
    machine::packages(&[&machine::SERVICES])?;
    for kind in kinds {
        match kind {
            Kind::Kafka => drop(get::jars(root, "kafka")?),
            Kind::Cql => drop(get::jars(root, "cassandra")?),
            Kind::Zookeeper => drop(get::jars(root, "zookeeper")?),
            Kind::S3 => drop(get::s3_server(root)?),
            Kind::Postgres | Kind::Haproxy => {}
        }
    }
    Ok(())
}

fn start_all(root: &Path, kind: Kind, those: &[&Service]) -> Result<()> {
    for service in those {
        let place = Place::of(root, service);
        start(root, &place, service).with_context(|| service.name)?;
        // A replica is made from a primary that answers, and a second node finds the ring by the first.
        if matches!(kind, Kind::Cql | Kind::Postgres) {
            wait(&place, service, || answer::answers(service))?;
        }
        if service.name == "postgres" {
            postgres::database(root)?;
        }
    }
    for service in those {
        let place = Place::of(root, service);
        wait(&place, service, || match kind {
            // A topic on three brokers can only be made when each of them knows all.
            Kind::Kafka => {
                answer::brokers(service).is_ok_and(|count| count as usize >= those.len())
            }
            _ => answer::answers(service),
        })?;
    }
    Ok(())
}

fn start(root: &Path, place: &Place, service: &Service) -> Result<()> {
    if postgres::is_promoted(place, service) {
        say("The replica was made a primary; it is made anew.");
        if process::state(place) != State::Gone {
            stop(place, service)?;
        }
        postgres::forget(place)?;
    }
    match process::state(place) {
        State::Runs => return Ok(()),
        State::Frozen => return process::thaw(place),
        State::Gone => {}
    }
    if answer::is_taken(service) {
        bail!("{} is taken by a process that this command did not start", service.address);
    }
    place.make()?;
    let command = match service.kind {
        Kind::Kafka => kafka::command(root, place, service)?,
        Kind::Cql => cql::command(root, place, service)?,
        Kind::Zookeeper => small::zookeeper(root, place, service)?,
        Kind::Postgres => postgres::command(place, service)?,
        Kind::S3 => small::s3(root, place, service)?,
        Kind::Haproxy => small::haproxy(root, place),
    };
    process::start(place, command)
}

fn is_up(root: &Path, service: &Service) -> bool {
    let place = Place::of(root, service);
    process::state(&place) == State::Runs
        && !postgres::is_promoted(&place, service)
        && answer::answers(service)
}

/// As its operator would stop it. PostgreSQL waits at TERM for whoever is connected, at INT it does not.
fn stop(place: &Place, service: &Service) -> Result<()> {
    if process::state(place) == State::Frozen {
        process::thaw(place)?;
    }
    process::kill(place, if service.kind == Kind::Postgres { "INT" } else { "TERM" })
}

fn wait(place: &Place, service: &Service, is_ready: impl Fn() -> bool) -> Result<()> {
    let began = Instant::now();
    while !is_ready() {
        let ended = process::state(place) == State::Gone;
        if ended || began.elapsed() > PATIENCE {
            let what = if ended { "has ended" } else { "does not answer" };
            bail!("{} {what}. The end of its log:\n{}", service.name, tail(place));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// The last lines that it printed.
fn tail(place: &Place) -> String {
    let log = fs::read(place.log()).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
