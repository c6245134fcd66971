//! The program itself: it starts, says where it listens, and stops when it is told to.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended as it should.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &std::path::Path, listen: &str) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kithd"));
    command
        .env("KITH__SERVER__DATA", folder.join("data"))
        .env("KITH__SERVER__LISTEN", listen)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Running(command.spawn().unwrap())
}

/// The address in the first line.
fn address(running: &mut Running) -> (String, BufReader<std::process::ChildStdout>) {
    let mut out = BufReader::new(running.0.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).and_then(|rest| rest.split(';').next());
    (address.unwrap_or_else(|| panic!("{line}")).to_owned(), out)
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_says_where_it_listens_and_how_to_begin_and_ends_well_when_told_to() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..2 {
        let mut running = start(folder.path(), "127.0.0.1:0");
        let (address, mut out) = address(&mut running);
        assert!(get(&address, "/readyz").starts_with("HTTP/1.1 200"), "round {round}");
        let id = running.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(running.0.wait().unwrap().success(), "round {round}");
        let mut said = String::new();
        out.read_to_string(&mut said).unwrap();
        assert!(said.contains("/v1/register"), "how to make the first account: {said}");
    }
}

#[test]
fn a_second_server_on_the_same_port_or_folder_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = start(folder.path(), "127.0.0.1:0");
    let (address, _out) = address(&mut running);
    for (listen, complaint) in [(address.as_str(), "server.listen"), ("127.0.0.1:0", "open")] {
        let mut second = start(folder.path(), listen);
        let mut said = String::new();
        second.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(!second.0.wait().unwrap().success());
        assert!(said.contains(complaint), "{said}");
    }
}
