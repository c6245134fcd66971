//! How each stage fares, in the words of Prometheus, on a listener of its own that only operators
//! reach: `GET /metrics`, and beside it `/healthz` and `/readyz`. The stages count whether or not
//! somebody listens; without a listener that costs nothing.

use std::net::SocketAddr;

use anyhow::Context;
use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Router};
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

use super::health;
use crate::app::App;
use crate::config::Config;
use crate::http::serve::serve;

/// Sessions that are live on this node.
const SESSIONS: &str = "kith_sessions";
/// Commands that came, by what accept made of them.
pub(crate) const COMMANDS: &str = "kith_commands_total";
/// From handing a record to the log until it has it for good.
pub(crate) const APPEND: &str = "kith_append_seconds";
/// Records of a topic that were not dealt with yet.
#[cfg(feature = "cluster")]
pub(crate) const LAG: &str = "kith_lag_records";
/// Records in one batch of a lane.
pub(crate) const BATCH: &str = "kith_lane_batch_records";
/// From the moment a batch is taken until all its effects are stored.
pub(crate) const STORE: &str = "kith_lane_batch_seconds";
/// Records that wait for their lane when it takes a batch.
pub(crate) const WAITING: &str = "kith_lane_waiting_records";
/// Times that a lane stopped and began again at the committed position.
pub(crate) const HALTS: &str = "kith_lane_halts_total";
/// Inbox records that were read for delivery.
pub(crate) const INBOX: &str = "kith_inbox_records_total";
/// Frames that were queued for sessions.
pub(crate) const DELIVERIES: &str = "kith_deliveries_total";
/// Queues that overflowed and gave way to `resync`.
pub(crate) const RESYNCS: &str = "kith_resyncs_total";
/// Spans for which there was no room.
#[cfg(feature = "otlp")]
pub(crate) const SPANS_DROPPED: &str = "kith_spans_dropped_total";
/// List rows that were written by the owner of inbox partitions.
pub(crate) const ROWS: &str = "kith_list_rows_total";

/// Pushes, by what became of them.
pub(crate) const PUSHES: &str = "kith_pushes_total";
/// From the moment a push is begun until its receiver has answered.
pub(crate) const PUSH: &str = "kith_push_seconds";
/// Messages that wait to be pushed, or to be pushed again.
pub(crate) const PUSHES_WAITING: &str = "kith_pushes_waiting";
/// Records that could not be dealt with and were copied, by topic.
pub(crate) const DEAD: &str = "kith_dead_letters_total";

/// Buckets of seconds, from a commit on a fast disk to one that is in trouble.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];
/// Buckets of records, up to the largest batch.
const RECORDS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// The operators' listener.
pub struct Admin {
    listener: TcpListener,
    handle: PrometheusHandle,
}

impl Admin {
    /// Listen where `admin.listen` says and begin to count; nothing without it.
    ///
    /// # Errors
    /// When the address cannot be had, or the process counts already.
    pub async fn bind(config: &Config) -> anyhow::Result<Option<Self>> {
        let Some(address) = config.admin.listen else { return Ok(None) };
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("admin.listen: cannot listen on {address}"))?;
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)?
            .set_buckets_for_metric(Matcher::Suffix("_records".into()), RECORDS)?
            .install_recorder()?;
        describe();
        Ok(Some(Self { listener, handle: recorder }))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answer until the node has stopped.
    pub async fn serve(self, app: App) {
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(health::healthz))
            .route("/readyz", get(health::readyz))
            .layer(Extension(self.handle))
            .with_state(app.clone());
        let config = app.config.clone();
        serve(self.listener, router, &config, app.ending()).await;
    }
}

fn describe() {
    describe_gauge!(SESSIONS, "Sessions that are live on this node.");
    describe_counter!(COMMANDS, "Commands that came, by outcome: accepted, rejected, slow_down.");
    describe_histogram!(
        APPEND,
        Unit::Seconds,
        "From handing a record to the log until it has it for good."
    );
    #[cfg(feature = "cluster")]
    describe_gauge!(LAG, "Records of a topic that the cluster has not dealt with yet.");
    describe_histogram!(BATCH, Unit::Count, "Records in one batch of a lane.");
    describe_histogram!(
        STORE,
        Unit::Seconds,
        "From taking a batch until all its effects are stored."
    );
    describe_histogram!(
        WAITING,
        Unit::Count,
        "Records that wait for a lane when it takes a batch."
    );
    describe_counter!(HALTS, "Times that a lane stopped and began again.");
    describe_counter!(INBOX, "Inbox records that were read for delivery.");
    describe_counter!(DELIVERIES, "Frames that were queued for sessions.");
    describe_counter!(RESYNCS, "Queues that overflowed and gave way to resync.");
    describe_counter!(
        PUSHES,
        "Pushes, by outcome: sent; own, no_member, active, delivered, deleted, late: nothing to send; ended, \
         gone: no subscription any more; again: tried again later; dead: given up; dropped: no room."
    );
    describe_histogram!(PUSH, Unit::Seconds, "From beginning a push until its receiver answers.");
    describe_gauge!(PUSHES_WAITING, "Pushes that wait for their time on this node.");
    describe_counter!(DEAD, "Records that could not be dealt with and were copied, by topic.");
    #[cfg(feature = "otlp")]
    describe_counter!(SPANS_DROPPED, "Spans for which there was no room.");
    describe_counter!(ROWS, "List rows written by the owner of inbox partitions.");
}

async fn metrics(State(app): State<App>, Extension(handle): Extension<PrometheusHandle>) -> String {
    // Lossless up to 2^53 sessions.
    #[expect(clippy::cast_precision_loss, reason = "a node holds far fewer")]
    metrics::gauge!(SESSIONS).set(app.delivery.sessions() as f64);
    handle.run_upkeep();
    handle.render()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// Every word that begins as our metrics do.
    fn names(text: &str) -> BTreeSet<&str> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|word| word.starts_with("kith_")).collect()
    }

    #[test]
    fn dashboards_and_alerts_speak_only_of_metrics_that_there_are() {
        let there = names(include_str!("metrics.rs"));
        let infra = [
            include_str!("../../../../infra/grafana/dashboards/kith.json"),
            include_str!("../../../../infra/prometheus/alerts.yml"),
        ];
        for name in infra.into_iter().flat_map(names) {
            let parts = ["_bucket", "_count", "_sum"].map(|part| name.strip_suffix(part));
            let whole = parts.into_iter().flatten().next().unwrap_or(name);
            assert!(there.contains(whole), "there is no metric {name}");
        }
    }
}
