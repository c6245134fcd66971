//! Servers of a test's own, which it may kill. They run as the user `postgres` where the test runs as
//! root, which PostgreSQL refuses.

use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use storage::postgres::Server;
use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::place::eventually;

pub(crate) const PASSWORD: &str = "correct horse";

/// A running server; it ends with this.
pub(crate) struct Own {
    folder: TempDir,
    pub(crate) port: u16,
    process: Option<Child>,
}

impl Own {
    /// An empty one that asks for [`PASSWORD`].
    pub(crate) async fn start() -> Self {
        let folder = folder();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, PASSWORD).unwrap();
        std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o644)).unwrap();
        let mut make = program("initdb", folder.path());
        make.args(["-A", "scram-sha-256", "-U", "kith", "-E", "UTF8", "--no-locale"]);
        make.arg("--pwfile").arg(&secret).arg("-D").arg(folder.path().join("data"));
        run(make);
        Self::run(folder).await
    }

    /// A replica that follows this one.
    pub(crate) async fn replica(&self) -> Self {
        let folder = folder();
        let mut copy = program("pg_basebackup", folder.path());
        let from = format!("host=127.0.0.1 port={} user=kith password='{PASSWORD}'", self.port);
        copy.args(["-c", "fast", "-X", "stream", "-R", "-d", &from, "-D"]);
        copy.arg(folder.path().join("data"));
        run(copy);
        Self::run(folder).await
    }

    async fn run(folder: TempDir) -> Self {
        let port = free_port();
        let mut server = program("postgres", folder.path());
        server.arg("-D").arg(folder.path().join("data")).args(["-p", &port.to_string()]);
        let settings =
            ["listen_addresses=127.0.0.1", "unix_socket_directories=", "shared_buffers=16MB"];
        for setting in settings {
            server.args(["-c", setting]);
        }
        let process = Some(server.stderr(Stdio::null()).spawn().unwrap());
        let own = Self { folder, port, process };
        eventually("the server answers", async || own.ask("SELECT true").await == Some(true)).await;
        own
    }

    /// The hosts of these servers, as one database.
    pub(crate) fn address(servers: &[&Self], password: &str) -> Server {
        let hosts: Vec<_> = servers.iter().map(|own| ("127.0.0.1".into(), own.port)).collect();
        Server::new(&hosts, "kith", Some(password), "postgres").unwrap()
    }

    /// What it says to a question; nothing when it does not answer.
    pub(crate) async fn ask(&self, question: &str) -> Option<bool> {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.port).user("kith").password(PASSWORD).dbname("postgres");
        let (client, connection) = config.connect(NoTls).await.ok()?;
        let connection = tokio::spawn(connection);
        let said = client.query_one(question, &[]).await.ok().map(|row| row.get(0));
        drop(client);
        let _ = connection.await;
        said
    }

    /// Wait until `replica` has everything that was committed here.
    pub(crate) async fn followed_by(&self, replica: &Self) {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.port).user("kith").password(PASSWORD).dbname("postgres");
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        let reached = "SELECT pg_current_wal_insert_lsn()::text";
        let reached: String = client.query_one(reached, &[]).await.unwrap().get(0);
        let question = format!("SELECT pg_last_wal_replay_lsn() >= '{reached}'::pg_lsn");
        eventually("the replica follows", async || replica.ask(&question).await == Some(true))
            .await;
    }

    /// Kill it: no good-bye to anybody.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Make a replica the primary.
    pub(crate) async fn promote(&self) {
        let mut promote = program("pg_ctl", self.folder.path());
        promote.args(["promote", "-D"]).arg(self.folder.path().join("data"));
        run(promote);
        let question = "SELECT NOT pg_is_in_recovery()";
        eventually("it is promoted", async || self.ask(question).await == Some(true)).await;
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.kill();
    }
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    if let Some((user, group)) = owner() {
        chown(folder.path(), Some(user), Some(group)).unwrap();
    }
    folder
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn program(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(bin().join(name));
    command.current_dir(folder).stdout(Stdio::null());
    if let Some((user, group)) = owner() {
        command.uid(user).gid(group);
    }
    command
}

fn run(mut command: Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Debian keeps the programs apart, a folder for each version; elsewhere they are on the path.
fn bin() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let bins = versions.map(|version| version.unwrap().path().join("bin"));
    bins.filter(|bin| bin.join("postgres").exists()).max().unwrap_or_default()
}

fn owner() -> Option<(u32, u32)> {
    let id = |words: &[&str]| -> u32 {
        let said = Command::new("id").args(words).output().unwrap();
        String::from_utf8(said.stdout).unwrap().trim().parse().unwrap()
    };
    (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}
