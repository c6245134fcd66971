//! What becomes of a push when its receiver does not simply take it.

use protocol::push::{PushSays, PushTarget, Pushed};
use server::pipeline::record::PushRecord;
use server::push::decide::WAIT;
use server::push::work::TRIES;

use crate::place::Place;
use crate::receiver::{Receiver, Reply};

async fn subscribed() -> Place {
    let place = Place::new().await;
    place.grace_subscribes(place.receiver.web_push("grace"), PushSays::Text).await;
    place
}

#[tokio::test]
async fn a_push_that_fails_is_tried_again_ever_later_and_says_the_same() {
    let mut place = subscribed().await;
    place.receiver.answers([Reply::Status(503), Reply::Status(500), Reply::Status(429)]);
    let said = place.api.app.environment.now();
    place.pushes("hi").await;
    let got = place.requests(4).await;
    place.settle().await;
    assert_eq!(place.receiver.got().len(), 4, "it was taken, and that is all");
    assert!(got[0].at - said >= WAIT);
    let gaps: Vec<i64> = got.windows(2).map(|two| two[1].at - two[0].at).collect();
    assert!(gaps[0] >= 1_000 && gaps[1] >= 2_000 && gaps[2] >= 4_000, "{gaps:?}");
    let read: Vec<Pushed> = got.iter().map(|got| place.receiver.decrypt(&got.body)).collect();
    assert!(read.iter().all(|pushed| *pushed == read[0]));
    assert!(got.windows(2).all(|two| two[0].header("topic") == two[1].header("topic")));
    assert!(got.windows(2).all(|two| two[0].body != two[1].body), "each has a key of its own");
    assert_eq!(place.letters(), []);
}

#[tokio::test]
async fn a_receiver_is_left_alone_for_as_long_as_it_wants() {
    let mut place = subscribed().await;
    place.receiver.answers([Reply::With(429, "retry-after", "120")]);
    place.pushes("hi").await;
    let got = place.requests(2).await;
    assert!(got[1].at - got[0].at >= 120_000, "{}", got[1].at - got[0].at);
}

#[tokio::test]
async fn who_comes_while_a_push_waits_to_be_tried_again_is_not_pushed() {
    let mut place = subscribed().await;
    place.receiver.answers([Reply::Status(503)]);
    let seq = place.pushes("hi").await;
    place.requests(1).await;
    place.grace_has(seq).await;
    place.settle().await;
    assert_eq!(place.receiver.got().len(), 1);
}

#[tokio::test]
async fn a_place_that_is_gone_is_forgotten() {
    for status in [404, 410] {
        let mut place = subscribed().await;
        place.receiver.answers([Reply::Status(status)]);
        place.pushes("hi").await;
        place.settle().await;
        assert_eq!(place.places().await, 0, "{status}");
        place.pushes("still there?").await;
        place.settle().await;
        assert_eq!(place.receiver.got().len(), 1);
        assert_eq!(place.letters(), [], "nobody is to look into it");
    }
}

#[tokio::test]
async fn what_is_never_taken_is_a_dead_letter_with_the_reason() {
    let mut place = subscribed().await;
    place.receiver.answers((0..TRIES).map(|_| Reply::Status(503)));
    let seq = place.pushes("hi").await;
    place.settle().await;
    assert_eq!(place.receiver.got().len(), TRIES as usize);
    let letters = place.letters();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].reason.contains("503"), "{}", letters[0].reason);
    let bytes = letters[0].bytes().unwrap();
    let record = PushRecord::decode(&bytes).unwrap();
    assert_eq!((&*letters[0].topic, record.seq, record.to), ("push", seq, vec![place.grace.user]));
    assert!(!String::from_utf8(bytes).unwrap().contains("hi"), "nothing of what was said");
    place.pushes("and now?").await;
    place.settle().await;
    assert_eq!(place.receiver.got().len(), TRIES as usize + 1, "the next one is tried");
}

#[tokio::test]
async fn what_is_refused_for_good_is_not_tried_again() {
    for reply in [
        Reply::Status(400),
        Reply::Status(403),
        Reply::Status(413),
        Reply::With(429, "retry-after", "86400"),
    ] {
        let mut place = subscribed().await;
        place.receiver.answers([reply.clone()]);
        place.pushes("hi").await;
        place.settle().await;
        assert_eq!((place.receiver.got().len(), place.letters().len()), (1, 1), "{reply:?}");
    }
}

#[tokio::test]
async fn row_40_a_redirect_is_not_followed() {
    let mut place = subscribed().await;
    let elsewhere = Receiver::new(place.api.clock.clone()).await;
    let location: &'static str = Box::leak(elsewhere.origin.clone().into_boxed_str());
    place.receiver.answers([Reply::With(307, "location", location)]);
    place.pushes("hi").await;
    place.settle().await;
    assert!(elsewhere.got().is_empty());
    assert!(place.letters()[0].reason.contains("307"));
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_keeps_nobody_else_waiting() {
    let mut place = subscribed().await;
    let slow = Receiver::new(place.api.clock.clone()).await;
    slow.answers((0..100).map(|_| Reply::Never));
    // Under another name: what is bounded is how much is sent to a host.
    let PushTarget::Webhook { url } = slow.webhook("grace") else { unreachable!() };
    let target = PushTarget::Webhook { url: url.replace("127.0.0.1", "localhost") };
    place.grace_subscribes(target, PushSays::Text).await;
    let mut seqs = Vec::new();
    for n in 0..30 {
        seqs.push(place.pushes(&format!("{n}")).await);
        place.api.pass(1_000);
    }
    let got = place.requests(seqs.len()).await;
    let mut read: Vec<u64> = got.iter().map(|got| place.receiver.decrypt(&got.body).seq).collect();
    read.sort_unstable();
    assert_eq!(read, seqs);
    assert!(!slow.got().is_empty());
}

#[tokio::test]
async fn a_worker_that_ends_before_the_outcome_leaves_the_push_to_the_next() {
    let mut place = Place::with_queue().await;
    place.grace_subscribes(place.receiver.web_push("grace"), PushSays::Text).await;
    place.receiver.answers([Reply::Never]);
    let first = place.work();
    let seq = place.pushes("hi").await;
    place.requests(1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert!(!place.queue.is_drained(), "nothing is committed without an outcome");
    place.work();
    place.settle().await;
    let got = place.receiver.got();
    assert_eq!(got.len(), 2);
    assert_eq!(
        got[0].header("topic"),
        got[1].header("topic"),
        "a service may replace one by the other"
    );
    assert_eq!(place.receiver.decrypt(&got[1].body).seq, seq);
}
