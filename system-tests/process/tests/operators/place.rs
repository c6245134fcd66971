//! A cluster's place on the services: topics, a keyspace and a database that nobody else uses.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::time::Duration;

use programs::cluster::{create_database, variables};
use programs::server::{Server, Setup};
use programs::{built, command, own_address};
use tempfile::TempDir;

/// How long a process may take to end that has something to complain of.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) struct Place {
    pub(crate) folder: TempDir,
    /// What the topics begin with, and the keyspace and the database are called.
    pub(crate) name: String,
    variables: Vec<(String, String)>,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    /// What it says begins with its name; before it may stand what was logged.
    pub(crate) complaint: String,
}

impl Place {
    /// With an empty database and nothing else.
    pub(crate) async fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("kith_{:x}", RandomState::new().build_hasher().finish());
        create_database(&name).await.unwrap();
        let mut variables = variables(folder.path(), &name);
        variables.push(("KITH__CLUSTER__PARTITIONS".into(), "2".into()));
        variables.push(("KITH__SERVER__NODE".into(), name.clone()));
        Self { folder, name, variables }
    }

    /// With tables, and with topics.
    pub(crate) async fn prepared() -> Self {
        let place = Self::empty().await;
        for words in ["migrate", "topics create"] {
            let ended = place.kithd(words, &[]).await;
            assert_eq!(ended.code, Some(0), "{words}: {ended:?}");
        }
        place
    }

    /// Run `kithd` with these words and these settings, `SECTION__KEY`, above the place's own, until it
    /// ends.
    pub(crate) async fn kithd(&self, words: &str, settings: &[(&str, &str)]) -> Ended {
        let mut command = command(built("kithd").unwrap());
        command
            .args(words.split_whitespace())
            .env("KITH__SERVER__LISTEN", own_address().unwrap().to_string())
            .env("KITH__SERVER__DATA", self.data())
            .envs(self.variables.iter().cloned())
            .envs(settings.iter().map(|(key, value)| (format!("KITH__{key}"), *value)));
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        let output =
            output.unwrap_or_else(|_| panic!("kithd {words} {settings:?} goes on")).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let complaints: Vec<&str> =
            said.lines().skip_while(|l| !l.starts_with("kithd: ")).collect();
        Ended {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            complaint: complaints.join("\n"),
        }
    }

    /// How its node is started.
    pub(crate) fn node(&self) -> Setup {
        let variables = self.variables.clone();
        Setup { variables, ..Setup::new(self.folder.path()).unwrap() }
    }

    /// Start its node and wait until it listens.
    pub(crate) async fn start(&self) -> Server {
        self.node().start().await.unwrap()
    }

    /// The folder that a node makes when it begins.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What PostgreSQL answers to a question about the place's database, a line for each row.
    pub(crate) async fn sql(&self, question: &str) -> String {
        let database = format!("host=127.0.0.1 port=15432 user=kith dbname={}", self.name);
        let asked =
            command("psql").args([&database, "-At", "-c", question]).output().await.unwrap();
        assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
        String::from_utf8_lossy(&asked.stdout).trim().to_owned()
    }
}
