//! PostgreSQL, a primary and a streaming replica. It refuses to run as root, so where root starts it,
//! it runs as the user `postgres` that its package makes, and its data is that user's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::place::Place;
use super::{SERVICES, Service};
use crate::run::{output, program, run};

/// Where the primary listens.
const PRIMARY: [&str; 6] = ["-h", "127.0.0.1", "-p", "15432", "-U", "kith"];

pub(super) fn command(place: &Place, service: &Service) -> Result<Command> {
    let data = place.data();
    if !data.join("PG_VERSION").exists() {
        fill(place, service)?;
    }
    let mut server = own(place, "postgres")?;
    let (host, port) = service.address.split_once(':').context("no port")?;
    server.arg("-D").arg(data).args(["-p", port, "-c", &format!("listen_addresses={host}")]);
    // No socket file: its path may be no longer than 107 bytes, and nobody needs it. Kept log is what
    // a replica that was down for a while catches up with.
    for setting in ["unix_socket_directories=", "wal_keep_size=256MB", "max_connections=200"] {
        server.args(["-c", setting]);
    }
    Ok(server)
}

/// An empty database, or a copy of the primary that goes on following it.
fn fill(place: &Place, service: &Service) -> Result<()> {
    let data = place.data();
    let _ = fs::remove_dir_all(&data);
    fs::create_dir_all(&data)?;
    #[cfg(unix)]
    // It refuses a folder that others can look into.
    fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    if let Some((user, group)) = owner()? {
        give(&data, user, group)?;
    }
    if service.node == 1 {
        let mut make = own(place, "initdb")?;
        make.args(["-A", "trust", "-U", "kith", "-E", "UTF8", "--no-locale", "-D"]).arg(&data);
        make.stdout(fs::File::create(place.folder().join("initdb.log"))?);
        return run(&mut make);
    }
    let mut copy = own(place, "pg_basebackup")?;
    run(copy.args(PRIMARY).args(["-c", "fast", "-X", "stream", "-R", "-D"]).arg(&data))
}

/// The database `kith`, once the primary answers.
pub(super) fn database(root: &Path) -> Result<()> {
    let question = "select count(*) from pg_database where datname = 'kith'";
    if ask(root, &SERVICES[3], question)?.trim() == "0" {
        let place = Place::of(root, &SERVICES[3]);
        run(own(&place, "createdb")?.args(PRIMARY).arg("kith"))?;
    }
    Ok(())
}

/// Whether a replica was made a primary, so that it follows nobody any more.
pub(super) fn is_promoted(place: &Place, service: &Service) -> bool {
    let data = place.data();
    service.node == 2 && data.join("PG_VERSION").exists() && !data.join("standby.signal").exists()
}

/// Forget what a promoted replica has: it is made anew from the primary at its next start.
pub(super) fn forget(place: &Place) -> Result<()> {
    fs::remove_dir_all(place.data()).context("cannot remove the promoted replica's data")
}

fn ask(root: &Path, service: &Service, question: &str) -> Result<String> {
    let mut client = own(&Place::of(root, service), "psql")?;
    output(client.args(PRIMARY).args(["-d", "postgres", "-At", "-c", question]))
}

/// A program of PostgreSQL, run as who may run it.
fn own(place: &Place, name: &str) -> Result<Command> {
    let mut command = Command::new(bin()?.join(name));
    command.current_dir(place.folder());
    #[cfg(unix)]
    if let Some((user, group)) = owner()? {
        use std::os::unix::process::CommandExt;
        command.uid(user).gid(group);
    }
    Ok(command)
}

/// Debian keeps its programs apart, a folder for each version; the newest is taken.
fn bin() -> Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .context("PostgreSQL is missing: cargo xtask setup installs it")?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.parse().ok()?;
            path.join("bin/postgres").exists().then(|| (version, path.join("bin")))
        })
        .collect();
    versions.sort();
    Ok(versions.pop().context("PostgreSQL is missing: cargo xtask setup installs it")?.1)
}

/// Whom the data belongs to, when it is not whoever runs this.
fn owner() -> Result<Option<(u32, u32)>> {
    let id = |words: &[&str]| -> Result<u32> {
        Ok(output(&mut program(Path::new("/"), words))?.trim().parse()?)
    };
    if id(&["id", "-u"])? != 0 {
        return Ok(None);
    }
    Ok(Some((id(&["id", "-u", "postgres"])?, id(&["id", "-g", "postgres"])?)))
}

#[cfg(unix)]
fn give(folder: &Path, user: u32, group: u32) -> Result<()> {
    std::os::unix::fs::chown(folder, Some(user), Some(group))
        .with_context(|| format!("cannot give {} to the user postgres", folder.display()))
}

#[cfg(not(unix))]
fn give(_: &Path, _: u32, _: u32) -> Result<()> {
    Ok(())
}
