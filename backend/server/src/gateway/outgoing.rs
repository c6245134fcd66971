//! What waits to be sent to one session. Bounded: a reader that falls behind loses what was queued
//! and is told `resync`.

use std::collections::VecDeque;

use axum::extract::ws::Utf8Bytes;
use parking_lot::Mutex;
use protocol::frame::Goaway;
use protocol::{ServerFrame, wire};
use tokio::sync::Notify;

/// Most frames that wait for one session.
const FRAMES: usize = 256;
/// Most bytes that wait for one session.
const BYTES: usize = 1024 * 1024;
/// Below this many waiting bytes another page is added.
const PAGE_ROOM: usize = 128 * 1024;

/// The queue of one session.
#[derive(Default)]
pub struct Outgoing {
    queue: Mutex<Queue>,
    /// Woken when something was queued.
    filled: Notify,
    /// Woken when something was taken.
    taken: Notify,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Utf8Bytes>,
    bytes: usize,
    /// The highest commit that a frame in the queue, or sent, belongs to.
    changed: u64,
    /// How many times hello was said.
    hellos: u64,
    /// Whether the last hello is still being answered: no cursor may overtake a page.
    answering: bool,
    /// `true` from `resync` to the next hello: nothing is queued.
    deaf: bool,
    /// `true` when nothing follows what is queued.
    ended: bool,
}

impl Outgoing {
    /// Queue a frame that belongs to this commit (0 for none), unless the session has to say hello
    /// first. When the queue is full, everything in it gives way to `resync`.
    pub fn push(&self, frame: Utf8Bytes, changed: u64) {
        let mut queue = self.queue.lock();
        if queue.deaf || queue.ended {
            return;
        }
        if queue.frames.len() >= FRAMES || queue.bytes + frame.len() > BYTES {
            queue.begin_anew();
        } else {
            queue.bytes += frame.len();
            queue.frames.push_back(frame);
            queue.changed = queue.changed.max(changed);
        }
        drop(queue);
        self.filled.notify_one();
    }

    /// Drop everything that waits and have the session say hello again.
    pub fn resync(&self) {
        let mut queue = self.queue.lock();
        if queue.deaf || queue.ended {
            return;
        }
        queue.begin_anew();
        drop(queue);
        self.filled.notify_one();
        self.taken.notify_one();
    }

    /// Queue an answer to the session's own frame.
    pub fn answer(&self, frame: &ServerFrame) {
        self.push(wire::encode(frame).into(), 0);
    }

    /// A hello has come. Its number, if this session may say it now: the first one, and one after
    /// each `resync`. From here on no cursor is given out before [`Outgoing::answered`].
    pub fn listen(&self) -> Option<u64> {
        let mut queue = self.queue.lock();
        if queue.hellos > 0 && !queue.deaf {
            return None;
        }
        queue.deaf = false;
        // From here on the places of another owner of the inbox may count, and what was sent before
        // is covered by the answer.
        queue.changed = 0;
        queue.answering = true;
        queue.hellos += 1;
        Some(queue.hellos)
    }

    /// Queue a part of the answer to the hello with this number; waits for room, so that a long list
    /// does not overflow. Whether the session still waits for this answer.
    pub async fn page(&self, frame: &ServerFrame, hello: u64) -> bool {
        let text: Utf8Bytes = wire::encode(frame).into();
        loop {
            {
                let mut queue = self.queue.lock();
                if queue.deaf || queue.ended || queue.hellos != hello {
                    // Another answer may wait for the same room.
                    self.taken.notify_one();
                    return false;
                }
                if queue.bytes < PAGE_ROOM && queue.frames.len() < FRAMES / 2 {
                    queue.bytes += text.len();
                    queue.frames.push_back(text);
                    break;
                }
            }
            self.taken.notified().await;
        }
        self.filled.notify_one();
        true
    }

    /// Everything that answers the hello with this number is queued.
    pub fn answered(&self, hello: u64) {
        let mut queue = self.queue.lock();
        if queue.hellos == hello {
            queue.answering = false;
        }
    }

    /// Queue a last frame; nothing follows it.
    pub fn end(&self, frame: Utf8Bytes) {
        let mut queue = self.queue.lock();
        if !queue.ended {
            queue.ended = true;
            queue.frames.push_back(frame);
        }
        drop(queue);
        self.filled.notify_one();
        self.taken.notify_one();
    }

    /// Nobody takes anything any more: whoever waits for room need not.
    pub fn close(&self) {
        self.queue.lock().ended = true;
        self.taken.notify_one();
    }

    /// End with `goaway`; these addresses are to be tried first.
    pub fn goaway(&self, retry_after_ms: u64, prefer: &[String]) {
        let goaway = Goaway { retry_after_ms, prefer: prefer.to_vec() };
        self.end(wire::encode(&ServerFrame::Goaway(goaway)).into());
    }

    /// Everything that waits, and the commit below which this session has been sent all, or 0 as long
    /// as hello is not answered; waits until there is something. `None` when the queue has ended.
    pub async fn take(&self) -> Option<(VecDeque<Utf8Bytes>, u64)> {
        loop {
            {
                let mut queue = self.queue.lock();
                if !queue.frames.is_empty() {
                    queue.bytes = 0;
                    let frames = std::mem::take(&mut queue.frames);
                    // What was dropped is not covered, and the next hello begins with the cursor before it.
                    let silent = queue.answering || queue.deaf;
                    let covered = if silent { 0 } else { queue.changed.saturating_sub(1) };
                    drop(queue);
                    self.taken.notify_one();
                    return Some((frames, covered));
                }
                if queue.ended {
                    return None;
                }
            }
            self.filled.notified().await;
        }
    }
}

impl Queue {
    fn begin_anew(&mut self) {
        metrics::counter!(crate::admin::metrics::RESYNCS).increment(1);
        self.frames.clear();
        self.frames.push_back(wire::encode(&ServerFrame::Resync {}).into());
        self.bytes = 0;
        self.deaf = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: usize) -> Utf8Bytes {
        "x".repeat(bytes).into()
    }

    async fn taken(outgoing: &Outgoing) -> (Vec<String>, u64) {
        let (frames, covered) = outgoing.take().await.unwrap();
        (frames.into_iter().map(|frame| frame.to_string()).collect(), covered)
    }

    fn greeted() -> Outgoing {
        let outgoing = Outgoing::default();
        let hello = outgoing.listen().unwrap();
        outgoing.answered(hello);
        outgoing
    }

    #[tokio::test]
    async fn row_26_a_queue_that_is_full_gives_way_to_one_resync_and_takes_nothing_more() {
        let resync = (vec![r#"{"resync":{}}"#.to_owned()], 0);
        for (frames, bytes) in [(FRAMES + 1, 1), (3, BYTES / 2), (1, BYTES + 1)] {
            let outgoing = greeted();
            for n in 0..frames as u64 {
                outgoing.push(frame(bytes), n + 1);
            }
            outgoing.push(frame(1), 1_000);
            assert_eq!(taken(&outgoing).await, resync, "{frames} of {bytes} bytes");
            outgoing.push(frame(1), 1_001);
            let hello = outgoing.listen().unwrap();
            outgoing.push(frame(1), 1_002);
            assert_eq!(taken(&outgoing).await, (vec!["x".to_owned()], 0), "while it is answered");
            outgoing.answered(hello);
            outgoing.push(frame(1), 1_003);
            assert_eq!(taken(&outgoing).await.1, 1_002);
        }
    }

    #[tokio::test]
    async fn an_answer_to_an_earlier_hello_ends_where_a_later_one_begins() {
        let outgoing = Outgoing::default();
        let first = outgoing.listen().unwrap();
        assert!(outgoing.listen().is_none(), "hello is said once");
        let page = ServerFrame::Resync {};
        assert!(outgoing.page(&page, first).await);
        for _ in 0..=FRAMES {
            outgoing.push(frame(1), 1);
        }
        assert!(!outgoing.page(&page, first).await, "everything was dropped");
        let second = outgoing.listen().unwrap();
        assert!(!outgoing.page(&page, first).await);
        outgoing.answered(first);
        assert!(outgoing.page(&page, second).await);
        outgoing.push(frame(1), 7);
        assert_eq!(taken(&outgoing).await.1, 0, "the second is not answered yet");
        outgoing.close();
        assert!(!outgoing.page(&page, second).await);
    }

    #[tokio::test]
    async fn a_page_waits_for_room_and_not_for_ever() {
        let outgoing = Outgoing::default();
        let hello = outgoing.listen().unwrap();
        outgoing.push(frame(PAGE_ROOM), 0);
        let page = ServerFrame::Resync {};
        let waiting = outgoing.page(&page, hello);
        tokio::pin!(waiting);
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        taken(&outgoing).await;
        assert!(waiting.await, "there is room");
        outgoing.push(frame(PAGE_ROOM), 0);
        let waiting = outgoing.page(&page, hello);
        tokio::pin!(waiting);
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        outgoing.close();
        assert!(!waiting.await, "nobody takes anything");
    }
}
