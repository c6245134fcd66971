//! A node of Apache Cassandra, which speaks the protocol of ScyllaDB and needs no container.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::place::Place;
use super::{Service, get};
use crate::run::program;

pub(super) fn command(root: &Path, place: &Place, service: &Service) -> Result<Command> {
    let jars = get::jars(root, "cassandra")?;
    let conf = root.join("infra/dev/cassandra");
    let text = include_str!("../../../../infra/dev/cassandra/cassandra.yaml");
    let yaml = place.write("cassandra.yaml", text, service)?;
    fs::create_dir_all(place.data())?;
    let options =
        place.filled(include_str!("../../../../infra/dev/cassandra/jvm.options"), service);
    let mut node = program(place.folder(), &["java"]);
    node.args(options.lines().filter(|line| line.starts_with('-')));
    node.arg(format!("-javaagent:{}", agent(&jars)?));
    node.arg(format!("-Dcassandra.config=file://{}", yaml.display()));
    node.arg(format!("-Dcassandra.storagedir={}", place.data().display()));
    node.arg(format!("-Dlogback.configurationFile={}", conf.join("logback.xml").display()));
    node.arg("-cp").arg(format!("{}:{}/*", conf.display(), jars.display()));
    node.arg("org.apache.cassandra.service.CassandraDaemon");
    Ok(node)
}

/// The jar that measures objects for it; its version is Cassandra's choice.
fn agent(jars: &Path) -> Result<String> {
    fs::read_dir(jars)?
        .filter_map(|entry| Some(entry.ok()?.path().display().to_string()))
        .find(|path| path.rsplit('/').next().is_some_and(|name| name.starts_with("jamm-")))
        .context("Cassandra's jars have no jamm")
}
