//! How far the stages are behind their topics, for operators. Every node says the same: it is about the
//! cluster and not about the node.

use std::sync::Arc;
use std::time::Duration;

use event_log::{KafkaLog, OFFSETS, Position};
use metrics::gauge;
use storage::FoldStore;

use crate::admin::metrics::LAG;

/// How often it is counted.
const EVERY: Duration = Duration::from_secs(15);

/// Count what waits in a topic again and again. `rows` is where its restart rows are counted from.
pub(super) async fn keep(topic: &'static str, log: KafkaLog, rows: u32, store: Arc<dyn FoldStore>) {
    loop {
        // A service that does not answer leaves the last number.
        if let Ok(ends) = log.ends().await
            && let Ok(waiting) = waiting(&ends, rows, &*store).await
        {
            #[expect(clippy::cast_precision_loss, reason = "a rough number of records")]
            gauge!(LAG, "topic" => topic).set(waiting as f64);
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn waiting(ends: &[Position], rows: u32, store: &dyn FoldStore) -> storage::Result<u64> {
    let mut waiting = 0;
    for (partition, end) in (0..).zip(ends) {
        waiting += behind(*end, store.restart(rows + partition).await?);
    }
    Ok(waiting)
}

/// The records between what was dealt with and the end; all there ever were in a topic of which nothing
/// was dealt with.
fn behind(end: Position, restart: Option<Position>) -> u64 {
    let begin = end / OFFSETS * OFFSETS;
    end.saturating_sub(restart.unwrap_or(begin).max(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_counted_within_the_epoch() {
        let at = |epoch: u64, offset: u64| epoch * OFFSETS + offset;
        assert_eq!(behind(at(1, 10), Some(at(1, 4))), 6);
        assert_eq!(behind(at(1, 10), Some(at(1, 10))), 0);
        assert_eq!(behind(at(2, 10), Some(at(1, 900))), 10, "all of a topic that was adopted");
        assert_eq!(behind(at(1, 10), None), 10);
    }
}
