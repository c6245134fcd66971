//! The commands that prepare the services of a cluster.

use std::io::Write;
use std::time::Duration;

use anyhow::{bail, ensure};
use clap::Subcommand;
use event_log::{Made, Topics};
use tokio::time::Instant;

use crate::config::Config;
use crate::environment::Environment;
use crate::parts;

/// How long the brokers may take to hear of new topics.
const HEARD: Duration = Duration::from_secs(10);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// What can be done with topics.
#[derive(Debug, Subcommand)]
pub(super) enum TopicsCommand {
    /// Make those that are not there. What is there is left as it is.
    Create,
    /// Say what is not as it must be.
    Check,
}

pub(super) fn migrate(config: &Config, out: &mut impl Write) -> anyhow::Result<()> {
    check_on(config)?;
    let new_database = Environment::real().id();
    let made = runtime()?.block_on(parts::migrate(config, new_database))?;
    for name in &made {
        writeln!(out, "made {name}")?;
    }
    Ok(writeln!(out, "The databases have this program's schema.")?)
}

pub(super) fn topics(
    config: &Config,
    command: TopicsCommand,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    check_on(config)?;
    let wanted = parts::topics(&config.cluster);
    runtime()?.block_on(async {
        let topics = Topics::of(&config.cluster.kafka)?;
        if matches!(command, TopicsCommand::Create) {
            for (name, made) in topics.create(&wanted).await? {
                let what = if made == Made::New { "made" } else { "was there" };
                writeln!(out, "{name}: {what}")?;
            }
        }
        let mut complaints = topics.check(&wanted).await?;
        // A broker hears of a topic a moment after another one has made it.
        let patience = Instant::now() + HEARD;
        while matches!(command, TopicsCommand::Create)
            && !complaints.is_empty()
            && Instant::now() < patience
        {
            tokio::time::sleep(LOOK).await;
            complaints = topics.check(&wanted).await?;
        }
        if !complaints.is_empty() {
            bail!("{}", complaints.join("\n"));
        }
        Ok(writeln!(out, "The topics are as they must be.")?)
    })
}

fn check_on(config: &Config) -> anyhow::Result<()> {
    ensure!(config.cluster.is_on(), "cluster.kafka is empty: this kithd needs no services");
    Ok(())
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Runtime::new()
}
