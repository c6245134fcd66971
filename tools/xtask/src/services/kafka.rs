//! A Kafka broker that is a controller too.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::place::Place;
use super::{Service, get};
use crate::run::{program, run};

/// The name of the test cluster, as Kafka wants it: 16 bytes (`kith-dev-cluster`) in base 64.
const CLUSTER: &str = "a2l0aC1kZXYtY2x1c3Rlcg";

/// Warnings, with their time.
const LOGGING: &[&str] = &[
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
];

pub(super) fn command(root: &Path, place: &Place, service: &Service) -> Result<Command> {
    let jars = format!("{}/*", get::jars(root, "kafka")?.display());
    let text = include_str!("../../../../infra/dev/kafka/server.properties");
    let properties = place.write("server.properties", text, service)?;
    if !place.data().join("meta.properties").exists() {
        let words = ["java", "-XX:TieredStopAtLevel=1", "-cp", &jars, "kafka.tools.StorageTool"];
        let mut format = program(place.folder(), &words);
        format.args(["format", "-t", CLUSTER, "-c"]).arg(&properties);
        // What it says belongs to nobody but a person who looks for it.
        let log = std::fs::File::create(place.folder().join("format.log"))?;
        format.stdout(log.try_clone()?).stderr(log);
        run(&mut format)?;
    }
    let words = ["java", "-Xms192m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
    let mut broker = program(place.folder(), &words);
    broker.args(LOGGING).args(["-cp", &jars, "kafka.Kafka"]).arg(properties);
    Ok(broker)
}
