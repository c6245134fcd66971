//! The services that need little: ZooKeeper, the S3 server, HAProxy.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::place::Place;
use super::{Service, get};
use crate::run::program;

/// What stands before and behind the balancer.
const BALANCER: &[(&str, &str)] = &[
    ("KITH_FRONT", "127.0.0.1:18080"),
    ("KITH_NODE_1", "127.0.0.1:18081"),
    ("KITH_NODE_2", "127.0.0.2:18081"),
    ("KITH_NODE_3", "127.0.0.3:18081"),
];

pub(super) fn zookeeper(root: &Path, place: &Place, service: &Service) -> Result<Command> {
    let jars = format!("{}/*", get::jars(root, "zookeeper")?.display());
    let text = include_str!("../../../../infra/dev/zookeeper/zoo.cfg");
    let config = place.write("zoo.cfg", text, service)?;
    let class = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
    let words = ["java", "-Xmx128m", "-XX:+UseSerialGC", "-cp", &jars, class];
    let mut server = program(place.folder(), &words);
    server.arg(config);
    Ok(server)
}

/// Its key is in the source because it guards nothing: it listens on a loopback address only.
pub(super) fn s3(root: &Path, place: &Place, service: &Service) -> Result<Command> {
    // A bucket is a folder.
    fs::create_dir_all(place.data().join("kith"))?;
    let mut server = Command::new(get::s3_server(root)?);
    server.current_dir(place.folder());
    server.env("ROOT_ACCESS_KEY", "kith").env("ROOT_SECRET_KEY", "kith-on-loopback");
    server.args(["--port", service.address, "posix"]).arg(place.data());
    Ok(server)
}

pub(super) fn haproxy(root: &Path, place: &Place) -> Command {
    let mut balancer = program(place.folder(), &["haproxy", "-db", "-f"]);
    balancer.arg(root.join("infra/haproxy/haproxy.cfg")).envs(BALANCER.iter().copied());
    balancer
}
