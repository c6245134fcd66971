//! What follows a command through the stages. Each stage says when it is through with a command; the
//! command's ref is the one id that all of them know, so nothing has to travel beside it. Whoever
//! listens (`admin::spans`) makes a trace of it; while nobody does, it costs a look at a flag.

use std::time::Duration;

use protocol::{ClientRef, wire};
use serde::Deserialize;

/// The target of these events. They are on the level that no log shows unless it is asked to.
pub(crate) const TARGET: &str = "kith::stage";

/// The gateway took it, stamped it, and the log has it. The root of the trace.
pub(crate) const ACCEPT: &str = "accept";
/// The log has it on its brokers.
pub(crate) const APPEND: &str = "append";
/// Its lane has decided it.
pub(crate) const SEQUENCE: &str = "sequence";
/// All its rows are stored.
pub(crate) const STORE: &str = "store";
/// It is in the inboxes of the people concerned.
pub(crate) const FAN_OUT: &str = "fan_out";
/// It is in the queues of their sessions on this node.
pub(crate) const DELIVER: &str = "deliver";
/// Somebody's marker says that it was read.
pub(crate) const READ: &str = "read";

/// Whether anybody listens.
pub(crate) fn is_followed() -> bool {
    tracing::enabled!(target: TARGET, tracing::Level::TRACE)
}

/// A stage is through with a command, and it took so long.
pub(crate) fn passed(stage: &'static str, client_ref: ClientRef, took: Duration) {
    let (id, micros) =
        (client_ref.0.as_u128(), u64::try_from(took.as_micros()).unwrap_or_default());
    tracing::trace!(target: TARGET, stage, id, micros);
}

/// The command whose event this frame carries, if it carries one and anybody listens.
pub(crate) fn told(frame: &[u8]) -> Option<ClientRef> {
    #[derive(Deserialize)]
    struct Frame {
        event: Option<Event>,
    }
    #[derive(Deserialize)]
    struct Event {
        event: Ref,
    }
    #[derive(Deserialize)]
    struct Ref {
        client_ref: ClientRef,
    }
    if !is_followed() {
        return None;
    }
    wire::decode::<Frame>(frame).ok()?.event.map(|event| event.event.client_ref)
}
