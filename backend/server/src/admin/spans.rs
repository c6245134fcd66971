//! Traces for a collector of OpenTelemetry (`otlp.endpoint`, OTLP over HTTP). The trace id is the
//! command's ref, so the spans of all nodes meet in one trace, and the same commands are sampled on all
//! of them. Nothing of what was written is in a span.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use protocol::Millis;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::metrics;
use crate::config::Config;
use crate::pipeline::stage;

/// Spans that may wait to be sent; beyond that they are dropped and counted.
const WAITING: usize = 4096;
/// Most spans of one request, and how long it waits for more.
const BATCH: usize = 512;
const EVERY: Duration = Duration::from_secs(1);
/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Listens to the stages.
pub struct Spans {
    sampled: f64,
    node: String,
    clock: Arc<dyn Fn() -> Millis + Send + Sync>,
    send: mpsc::Sender<Passed>,
    number: AtomicU64,
}

/// A stage is through with a command.
struct Passed {
    id: u128,
    span: u64,
    stage: String,
    end: Millis,
    took: Duration,
}

/// What listens to the stages, and what sends their spans until it is dropped; nothing when no collector
/// is named.
#[must_use]
pub fn spans<S: Subscriber + for<'span> LookupSpan<'span>>(
    config: &Config,
    clock: Arc<dyn Fn() -> Millis + Send + Sync>,
) -> Option<(impl Layer<S> + use<S>, BoxFuture<'static, ()>)> {
    if config.otlp.endpoint.is_empty() {
        return None;
    }
    let (send, waiting) = mpsc::channel(WAITING);
    let (node, sampled) = (config.server.node.clone(), config.otlp.sampled);
    let sending = export(config.otlp.endpoint.clone(), node.clone(), waiting).boxed();
    let spans = Spans { sampled, node, clock, send, number: AtomicU64::new(0) };
    let only = Targets::new().with_target(stage::TARGET, tracing::Level::TRACE);
    Some((spans.with_filter(only), sending))
}

impl<S: Subscriber> Layer<S> for Spans {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Fields { id, stage, micros } = fields;
        if !is_sampled(id, self.sampled) {
            return;
        }
        // Accepting begins the trace, and everything else hangs below it.
        let span = match &*stage {
            stage::ACCEPT => root(id),
            _ => self.span(id, &stage),
        };
        let (end, took) = ((self.clock)(), Duration::from_micros(micros));
        if self.send.try_send(Passed { id, span, stage, end, took }).is_err() {
            ::metrics::counter!(metrics::SPANS_DROPPED).increment(1);
        }
    }
}

impl Spans {
    /// An id that no other span has.
    fn span(&self, id: u128, stage: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        (id, stage, &self.node, number).hash(&mut hasher);
        hasher.finish().max(1)
    }
}

/// The id of the span that accepted a command: the random half of its ref.
fn root(id: u128) -> u64 {
    u64::try_from(id & u128::from(u64::MAX)).unwrap_or(1).max(1)
}

/// Whether this command is followed: every node comes to the same answer.
fn is_sampled(id: u128, share: f64) -> bool {
    // The two highest bits of that half are the same in every UUID.
    let place = root(id) << 2;
    #[expect(clippy::cast_precision_loss, reason = "a share is no exact number")]
    let place = place as f64 / u64::MAX as f64;
    share >= 1.0 || place < share
}

#[derive(Default)]
struct Fields {
    id: u128,
    stage: String,
    micros: u64,
}

impl Visit for Fields {
    fn record_u128(&mut self, _: &Field, value: u128) {
        self.id = value;
    }

    fn record_u64(&mut self, _: &Field, value: u64) {
        self.micros = value;
    }

    fn record_str(&mut self, _: &Field, value: &str) {
        value.clone_into(&mut self.stage);
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

async fn export(endpoint: String, node: String, mut waiting: mpsc::Receiver<Passed>) {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_timeout(PATIENCE)
        .build();
    let mut exporter = match exporter {
        Ok(exporter) => exporter,
        Err(error) => return tracing::error!("otlp.endpoint: no spans are sent: {error}"),
    };
    let named = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "kithd"),
            KeyValue::new("service.instance.id", node),
        ])
        .build();
    exporter.set_resource(&named);
    let mut fails = false;
    while let Some(first) = waiting.recv().await {
        let mut batch = vec![data(first)];
        let until = Instant::now() + EVERY;
        while batch.len() < BATCH {
            let Ok(Some(next)) = tokio::time::timeout_at(until, waiting.recv()).await else {
                break;
            };
            batch.push(data(next));
        }
        let sent = exporter.export(batch).await;
        // Once, and not every second: traces are not worth a full disk.
        if let Err(error) = &sent
            && !fails
        {
            tracing::warn!("otlp.endpoint: spans are lost: {error}");
        }
        fails = sent.is_err();
    }
}

fn data(passed: Passed) -> SpanData {
    let Passed { id, span, stage, end, took } = passed;
    let trace = TraceId::from_bytes(id.to_be_bytes());
    let of = |span: u64| SpanId::from_bytes(span.to_be_bytes());
    let context =
        SpanContext::new(trace, of(span), TraceFlags::SAMPLED, false, TraceState::default());
    let parent = if span == root(id) { SpanId::INVALID } else { of(root(id)) };
    let end: SystemTime =
        UNIX_EPOCH + Duration::from_millis(u64::try_from(end).unwrap_or_default());
    SpanData {
        span_context: context,
        parent_span_id: parent,
        parent_span_is_remote: true,
        span_kind: SpanKind::Internal,
        name: stage.into(),
        start_time: end.checked_sub(took).unwrap_or(UNIX_EPOCH),
        end_time: end,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: Default::default(),
        links: Default::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("kithd").build(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_all_commands_is_followed_and_the_same_on_every_node() {
        // Refs as apps make them: the variant's bits are fixed, the rest of that half is random.
        let ids = (0..1000_u64).map(|n| {
            let random = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2 | 1 << 63;
            u128::from(random) | 0x0198_0000_0000_7000 << 64
        });
        let ids: Vec<u128> = ids.collect();
        let followed = |share| ids.iter().filter(|id| is_sampled(**id, share)).count();
        assert_eq!((followed(0.0), followed(1.0)), (0, 1000));
        assert!((80..=120).contains(&followed(0.1)), "{}", followed(0.1));
    }
}
