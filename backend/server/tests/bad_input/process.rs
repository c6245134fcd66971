//! Rows 42 and 44, for the program as a whole: a database that cannot be served, and a system that has
//! nothing more to give. What the store does in each case is tested with the store.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const KITHD: &str = env!("CARGO_BIN_EXE_kithd");
const PATIENCE: Duration = Duration::from_secs(60);

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended as it should.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn in_folder(mut command: Command, folder: &Path) -> Command {
    command
        .env("KITH__SERVER__DATA", folder.join("data"))
        .env("KITH__SERVER__LISTEN", "127.0.0.1:0")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Start it and read where it listens.
fn start(command: Command, folder: &Path) -> (Running, String) {
    let mut child = in_folder(command, folder).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let running = Running(child);
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).and_then(|rest| rest.split(';').next());
    let address = address.unwrap_or_else(|| panic!("{line}")).to_owned();
    // It says more, to somebody who listens as long as it runs.
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    (running, address)
}

/// Whether somebody who comes now is served.
fn serves(address: &str) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer.starts_with("HTTP/1.1 200"))
    };
    ask().is_ok_and(|good| good)
}

fn stop(mut running: Running) {
    let id = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(running.0.wait().unwrap().success());
}

#[test]
fn row_44_without_file_descriptors_it_waits_and_goes_on_when_there_are_some() {
    let folder = tempfile::tempdir().unwrap();
    let mut few = Command::new("sh");
    few.args(["-c", "ulimit -n 64; exec \"$0\"", KITHD]);
    let (running, address) = start(few, folder.path());
    assert!(serves(&address));
    let held: Vec<_> = (0..120).map(|_| TcpStream::connect(&address).unwrap()).collect();
    assert!(!serves(&address), "all are taken");
    drop(held);
    let begun = Instant::now();
    while !serves(&address) {
        assert!(begun.elapsed() < PATIENCE, "it did not go on");
    }
    stop(running);
}

#[test]
fn row_42_a_damaged_database_is_not_served_and_the_newest_backup_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (running, address) = start(Command::new(KITHD), folder.path());
    assert!(serves(&address));
    stop(running);
    let mut backup = Command::new(KITHD);
    backup.arg("backup");
    assert!(in_folder(backup, folder.path()).status().unwrap().success());
    let data = folder.path().join("data");
    let backup = std::fs::read_dir(data.join("backups")).unwrap().next().unwrap().unwrap();
    let database = std::fs::File::options().write(true).open(data.join("kith.db")).unwrap();
    let length = database.metadata().unwrap().len();
    database.set_len(length / 2).unwrap();
    let refused = in_folder(Command::new(KITHD), folder.path()).output().unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains(backup.file_name().to_str().unwrap()), "{said}");
    assert!(refused.stdout.is_empty(), "it does not say that it listens");
}
