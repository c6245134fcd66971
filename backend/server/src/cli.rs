//! The command line. With no arguments the server runs.

#[cfg(feature = "cluster")]
mod cluster;
mod exit;
mod run;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use futures_util::future::BoxFuture;
use protocol::ConversationId;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

#[cfg(feature = "otlp")]
use crate::admin::spans;
use crate::admin::{seed, trace};
use crate::app::App;
use crate::config::{Config, LogFormat};
use crate::environment::Environment;
use crate::http::document::document;
use crate::http::markdown::markdown;
use crate::parts::Parts;

/// Kith's server: chat for people who run their own.
///
/// Settings come from defaults, then the file given with --config, then variables named
/// KITH__SECTION__KEY. `kithd config show` prints all of them.
///
/// It ends with 0 when all went well; 2 when the command line or a setting cannot be used; 3 when a
/// service cannot be reached or does not let it in; 4 when what is there must not be gone on with, such
/// as a topic that was made anew or a newer schema; 1 for anything else. One line on stderr says why.
#[derive(Debug, Parser)]
#[command(name = "kithd", version)]
struct Cli {
    /// A TOML file with settings.
    #[arg(long, global = true, env = "KITH_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (what happens without a command).
    Run {
        /// Run the stages of this role only, instead of those in `roles`; may be given again.
        #[arg(long, value_name = "all|gateway|sequencer|inbox|push")]
        role: Vec<String>,
    },
    /// Look at the settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Copy the database into the folder of backups, also while the server runs.
    Backup,
    /// Check everything that is stored, down to the last checksum.
    Check,
    /// Bring the databases of a cluster up to this program's schema.
    #[cfg(feature = "cluster")]
    Migrate,
    /// Make the topics of a cluster, or look at them.
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Topics(cluster::TopicsCommand),
    /// Which version of the fold records are written for.
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Fold(cluster::FoldCommand),
    /// Say what became of one event, stage by stage, without what was written in it.
    ///
    /// Embedded, the server must not be running: it holds the database.
    Trace {
        /// Its conversation.
        conversation: ConversationId,
        /// Its seq.
        seq: u64,
    },
    /// Print the OpenAPI document of the HTTP API.
    Openapi {
        /// Print the page for people instead.
        #[arg(long)]
        markdown: bool,
    },
    /// Helpers for those who develop or measure Kith.
    #[command(subcommand)]
    Dev(DevCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say whether the settings can be used.
    Check,
    /// Print every setting as it is.
    Show,
}

#[derive(Debug, Subcommand)]
enum DevCommand {
    /// Make accounts without passwords and sign in to each; print a line of JSON for each.
    ///
    /// Works while the server runs, and without it. Needs `dev.accounts`.
    Accounts {
        /// How many.
        count: usize,
        /// Write the lines to this file, which only its owner can read, instead of printing them.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Do what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::parse().run(std::env::vars(), &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Stderr may be gone; there is nowhere else to say it.
            let _ = writeln!(io::stderr(), "kithd: {}", exit::line(&error));
            exit::code(&error).into()
        }
    }
}

impl Cli {
    fn run(
        self,
        variables: impl IntoIterator<Item = (String, String)>,
        out: &mut impl Write,
    ) -> anyhow::Result<()> {
        let command = self.command.unwrap_or(Command::Run { role: Vec::new() });
        if let Command::Openapi { markdown: page } = command {
            let document = document()?;
            let text = if page { markdown(&document) } else { format!("{document:#}\n") };
            return Ok(out.write_all(text.as_bytes())?);
        }
        // As a variable of that name, which is above the file.
        let roles = match &command {
            Command::Run { role } if !role.is_empty() => {
                Some(("KITH__ROLES".into(), role.join(",")))
            }
            _ => None,
        };
        let config = Config::load(self.config.as_deref(), variables.into_iter().chain(roles))?;
        let background = log_to_stderr(&config)?;
        match command {
            Command::Run { .. } | Command::Openapi { .. } => run::run(config, background, out),
            Command::Config(ConfigCommand::Check) => {
                writeln!(out, "The settings can be used.").context("stdout")
            }
            Command::Config(ConfigCommand::Show) => {
                out.write_all(config.to_toml()?.as_bytes()).context("stdout")
            }
            Command::Backup => backup(&config, out),
            Command::Check => check(&config, out),
            #[cfg(feature = "cluster")]
            Command::Migrate => cluster::migrate(&config, out),
            #[cfg(feature = "cluster")]
            Command::Topics(command) => cluster::topics(&config, command, out),
            #[cfg(feature = "cluster")]
            Command::Fold(command) => cluster::fold(&config, command, out),
            Command::Trace { conversation, seq } => trace(config, conversation, seq, out),
            Command::Dev(DevCommand::Accounts { count, out: None }) => accounts(config, count, out),
            Command::Dev(DevCommand::Accounts { count, out: Some(file) }) => {
                accounts(config, count, &mut private(&file)?)
            }
        }
    }
}

/// What has to run beside a server for what it says to be heard.
type Background = Option<BoxFuture<'static, ()>>;

fn log_to_stderr(config: &Config) -> anyhow::Result<Background> {
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match config.log.format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let filter = config.log.filter.parse::<EnvFilter>()?;
    let all = tracing_subscriber::registry().with(lines.with_filter(filter));
    // A second call in one process, as in tests, keeps the first logger.
    #[cfg(feature = "otlp")]
    if let Some((layer, sending)) = spans::spans(config, Environment::real().clock()) {
        return Ok(all.with(layer).try_init().ok().map(|()| sending));
    }
    let _ = all.try_init();
    Ok(None)
}

fn backup(config: &Config, out: &mut impl Write) -> anyhow::Result<()> {
    let folder = existing(&config.server.data)?;
    let path = storage::sqlite::backup(folder, Environment::real().now())?;
    Ok(writeln!(out, "{}", path.display())?)
}

fn check(config: &Config, out: &mut impl Write) -> anyhow::Result<()> {
    let folder = existing(&config.server.data)?;
    let findings = storage::sqlite::check(folder)?;
    for storage::sqlite::Finding(finding) in &findings {
        writeln!(out, "{finding}")?;
    }
    match (findings.len(), storage::sqlite::backups(folder).pop()) {
        (0, _) => Ok(writeln!(out, "All is well in {}.", folder.display())?),
        (n, Some(newest)) => bail!("{n} findings; the newest backup is {}", newest.display()),
        (n, None) => bail!("{n} findings, and there is no backup"),
    }
}

fn existing(folder: &Path) -> anyhow::Result<&Path> {
    if !folder.is_dir() {
        bail!("server.data: there is no folder {}", folder.display());
    }
    Ok(folder)
}

fn accounts(config: Config, count: usize, out: &mut impl Write) -> anyhow::Result<()> {
    seed::check_allowed(&config)?;
    tokio::runtime::Runtime::new()?.block_on(async {
        // The running server does it, if there is one; it holds the database.
        if let Some(lines) = seed::ask(config.server.listen, count).await? {
            return Ok(out.write_all(lines.as_bytes())?);
        }
        let app = App::start(config, Environment::real()).await?;
        let lines = seed::seed(&app, count).await;
        app.stop().await;
        Ok(out.write_all(lines?.as_bytes())?)
    })
}

fn trace(
    config: Config,
    conversation: ConversationId,
    seq: u64,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    if !config.cluster.is_on() {
        existing(&config.server.data)?;
    }
    tokio::runtime::Runtime::new()?.block_on(async {
        let parts = Parts::open(&config, &Environment::real()).await?;
        let partitions = parts.log.partitions();
        let trace = trace::trace(&parts.stores, partitions, conversation, seq).await;
        parts.engine.close(&CancellationToken::new()).await;
        Ok(write!(out, "{}", trace?)?)
    })
}

/// A new file that only its owner can read: there are tokens in it.
fn private(file: &Path) -> anyhow::Result<std::fs::File> {
    // One that is there already may be open to others, so it is replaced and not reused.
    if file.exists() {
        std::fs::remove_file(file).with_context(|| format!("--out {}", file.display()))?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).with_context(|| format!("--out {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kithd(arguments: &[&str], folder: &Path) -> Result<String, String> {
        let mut out = Vec::new();
        let data = folder.join("data").display().to_string();
        let variables = [
            ("KITH__SERVER__DATA".to_owned(), data),
            // Nothing listens there: no server can be asked.
            ("KITH__SERVER__LISTEN".to_owned(), "127.0.0.1:1".to_owned()),
            ("KITH__LOG__FILTER".to_owned(), "off".to_owned()),
        ];
        Cli::try_parse_from(std::iter::once(&"kithd").chain(arguments))
            .map_err(|error| error.to_string())?
            .run(variables, &mut out)
            .map_err(|error| format!("{error:#}"))?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn settings_are_checked_and_shown() {
        let folder = tempfile::tempdir().unwrap();
        assert!(kithd(&["config", "check"], folder.path()).unwrap().contains("can be used"));
        assert!(kithd(&["config", "show"], folder.path()).unwrap().contains("[limits]"));
        let file = folder.path().join("kith.toml");
        std::fs::write(&file, "[limits]\nsend_burst = 0\n").unwrap();
        let file = file.display().to_string();
        let complaint = kithd(&["config", "check", "--config", &file], folder.path()).unwrap_err();
        assert!(complaint.contains("limits.send_burst"), "{complaint}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_not_made_by_looking_at_it() {
        let folder = tempfile::tempdir().unwrap();
        for command in ["check", "backup"] {
            let complaint = kithd(&[command], folder.path()).unwrap_err();
            assert!(complaint.contains("server.data"), "{complaint}");
        }
        assert!(!folder.path().join("data").exists());
    }

    #[test]
    fn seeded_accounts_are_stored_checked_and_backed_up() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        std::fs::write(&file, "open to everybody").unwrap();
        let out = file.display().to_string();
        assert_eq!(kithd(&["dev", "accounts", "3", "--out", &out], folder.path()).unwrap(), "");
        let lines = std::fs::read_to_string(&file).unwrap();
        let names: std::collections::BTreeSet<String> = lines
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .inspect(|line| assert!(line["access_token"].as_str().unwrap().starts_with("ka1.")))
            .map(|line| line["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(names.len(), 3);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(kithd(&["check"], folder.path()).unwrap().contains("All is well"));
        let backup = kithd(&["backup"], folder.path()).unwrap();
        assert!(Path::new(backup.trim()).is_file(), "{backup}");
    }

    #[test]
    fn the_page_of_the_api_that_is_checked_in_is_the_one_that_is_served() {
        let folder = tempfile::tempdir().unwrap();
        let made = kithd(&["openapi", "--markdown"], folder.path()).unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md");
        let checked_in = std::fs::read_to_string(file).unwrap_or_default();
        assert!(made == checked_in, "run: kithd openapi --markdown > docs/api.md");
    }
}
