//! The commands that prepare the services of a cluster.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use clap::Subcommand;
use event_log::{LogError, Made, Topics};
use tokio::time::Instant;

use super::exit::Refused;
use crate::config::{Config, Invalid};
use crate::discovery::zookeeper;
use crate::environment::Environment;
use crate::parts;
use crate::pipeline::record::FOLD_VERSION;
use crate::pipeline::version;

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
    /// Use the topics that are there from now on, after one was made anew or lost records. Every node is
    /// to be stopped before.
    Adopt,
}

/// What can be done with the version of the fold.
#[derive(Debug, Subcommand)]
pub(super) enum FoldCommand {
    /// Say which was raised, and which each node knows.
    Show,
    /// Have gateways write records of a newer version. It never falls again: before, every node must
    /// run a program that knows it.
    Raise {
        /// The version.
        version: u32,
    },
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
    if matches!(command, TopicsCommand::Adopt) {
        for line in runtime()?.block_on(parts::adopt(config))? {
            writeln!(out, "{line}")?;
        }
        return Ok(());
    }
    let wanted = parts::topics(&config.cluster);
    runtime()?.block_on(async {
        let topics = Topics::of(&config.cluster.kafka)?;
        if matches!(command, TopicsCommand::Create) {
            for (name, made) in topics.create(&wanted).await.context("cluster.kafka")? {
                let what = if made == Made::New { "made" } else { "was there" };
                writeln!(out, "{name}: {what}")?;
            }
        }
        let mut complaints = topics.check(&wanted).await.context("cluster.kafka")?;
        // A broker hears of a topic a moment after another one has made it.
        let patience = Instant::now() + HEARD;
        while matches!(command, TopicsCommand::Create)
            && !complaints.is_empty()
            && Instant::now() < patience
        {
            tokio::time::sleep(LOOK).await;
            complaints = topics.check(&wanted).await.context("cluster.kafka")?;
        }
        if !complaints.is_empty() {
            return Err(LogError::Unfit(complaints.join("\n"))).context("cluster.topics");
        }
        Ok(writeln!(out, "The topics are as they must be.")?)
    })
}

pub(super) fn fold(
    config: &Config,
    command: FoldCommand,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    check_on(config)?;
    let hosts = &config.cluster.zookeeper;
    if hosts.is_empty() {
        let why = "cluster.zookeeper is empty: without it nobody knows what each node can fold";
        return Err(Invalid(vec![why.into()]).into());
    }
    runtime()?.block_on(async {
        let nodes = zookeeper::announced(hosts).await?;
        let store = parts::fold_store(config).await?;
        if let FoldCommand::Raise { version } = command {
            let own = ("this kithd", FOLD_VERSION);
            let nodes = nodes.iter().map(|(name, node)| (name.as_str(), node.fold));
            if let Err(why) = version::may_raise(version, nodes.chain([own])) {
                return Err(Refused(why).into());
            }
            version::raise(&store, version).await?;
        }
        writeln!(out, "raised: {}", version::raised(&store).await?)?;
        for (name, node) in &nodes {
            writeln!(out, "{name}: knows {}", node.fold)?;
        }
        Ok(())
    })
}

fn check_on(config: &Config) -> anyhow::Result<()> {
    if config.cluster.is_on() {
        return Ok(());
    }
    Err(Invalid(vec!["cluster.kafka is empty: this kithd needs no services".into()]).into())
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Runtime::new()
}
