//! Scenes that need a fault which only a simulated world can put in at the right moment.

use std::time::Duration;

use client::view::Progress;
use protocol::ConversationId;

use crate::device::Device;
use crate::history::Auditor;
use crate::place::{another_device, joins, joins_behind_a_proxy};
use crate::simulated::Simulated;
use crate::walk::Trace;
use crate::world::World;

/// Make each scene a test in a world of one server and one in a cluster.
macro_rules! scenes {
    ($($name:ident,)*) => {
        mod in_a_world {
            $(#[test]
            fn $name() {
                super::$name::<crate::world::World>();
            })*
        }
        mod in_a_cluster {
            $(#[test]
            fn $name() {
                super::$name::<crate::cluster::Cluster>();
            })*
        }
    };
}

scenes! {
    a_lost_acknowledgement_leads_to_a_resend_that_changes_nothing,
    a_kill_at_any_moment_of_a_send_loses_nothing_and_sends_nothing_twice,
    a_server_that_stops_sends_everybody_away_and_takes_up_where_it_was,
    a_slow_reader_is_told_to_begin_anew_and_misses_nothing,
    long_poll_with_lost_requests_and_lost_answers_shows_everything_once,
    a_partition_that_is_taken_away_in_mid_flight_loses_nothing,
    an_ended_session_is_signed_out_within_five_seconds_and_keeps_its_outbox,
    row_27_clocks_that_are_wrong_or_leap_change_no_order_and_lose_nothing,
    the_same_seed_gives_the_same_run_and_another_seed_another,
    a_new_device_gets_the_whole_list_and_its_history,
}

async fn pair(world: &impl Simulated) -> (Device, Device, ConversationId) {
    let (ada, grace) = (joins(world, "ada").await, joins(world, "grace").await);
    let room = ada.direct(grace.user).await;
    ada.sends(room, "hello").await;
    grace.sees(room, &["hello"]).await;
    ada.sees_progress(room, "hello", Progress::Delivered).await;
    (ada, grace, room)
}

async fn stored(world: &impl Simulated, who: &Device, room: ConversationId) -> Vec<String> {
    Auditor::of(world, who).await.history(room).await.texts()
}

fn a_lost_acknowledgement_leads_to_a_resend_that_changes_nothing<W: Simulated>() {
    W::run(1, async |world: &W| {
        let (ada, grace, room) = pair(world).await;
        ada.line.mute();
        ada.sends(room, "only once").await;
        grace.sees(room, &["hello", "only once"]).await;
        ada.sees_progress(room, "only once", Progress::Sending).await;
        ada.line.cut();
        ada.sees_progress(room, "only once", Progress::Delivered).await;
        assert_eq!(stored(world, &ada, room).await, ["hello", "only once"]);
    });
}

fn a_kill_at_any_moment_of_a_send_loses_nothing_and_sends_nothing_twice<W: Simulated>() {
    for moment in 0..40 {
        W::run(moment, async |world: &W| {
            let (ada, grace, room) = pair(world).await;
            ada.sends(room, "through the kill").await;
            world.passes(Duration::from_millis(moment * 2)).await;
            world.kill().await;
            world.passes(Duration::from_secs(1)).await;
            world.start().await;
            grace.sees(room, &["hello", "through the kill"]).await;
            ada.sees_progress(room, "through the kill", Progress::Delivered).await;
            assert_eq!(stored(world, &ada, room).await, ["hello", "through the kill"]);
        });
    }
}

fn a_server_that_stops_sends_everybody_away_and_takes_up_where_it_was<W: Simulated>() {
    W::run(1, async |world: &W| {
        let (ada, grace, room) = pair(world).await;
        world.stop().await;
        grace.goes_offline().await;
        ada.sends(room, "meanwhile").await;
        world.start().await;
        grace.sees(room, &["hello", "meanwhile"]).await;
        ada.sees_progress(room, "meanwhile", Progress::Delivered).await;
    });
}

fn a_slow_reader_is_told_to_begin_anew_and_misses_nothing<W: Simulated>() {
    W::run(1, async |world: &W| {
        let (ada, grace, room) = pair(world).await;
        grace.line.freeze(true);
        // More than a queue and a pipe hold.
        let long = "x".repeat(12_000);
        let mut texts = vec!["hello".to_owned()];
        for n in 0..100 {
            texts.push(format!("{n} {long}"));
            ada.sends(room, texts.last().expect("a text")).await;
        }
        let last = texts.last().expect("a text");
        ada.sees_progress(room, last, Progress::Sent).await;
        grace.line.freeze(false);
        grace.sees(room, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
        ada.sees_progress(room, last, Progress::Delivered).await;
    });
}

fn long_poll_with_lost_requests_and_lost_answers_shows_everything_once<W: Simulated>() {
    W::run(1, async |world: &W| {
        let ada = joins_behind_a_proxy(world, "ada").await;
        let grace = joins_behind_a_proxy(world, "grace").await;
        let room = ada.direct(grace.user).await;
        let mut texts = Vec::new();
        for n in 0..30 {
            let device = if n % 2 == 0 { &ada } else { &grace };
            device.line.lose(n % 3, n % 4);
            let text = format!("message {n}");
            device.sends(room, &text).await;
            device.sees_progress(room, &text, Progress::Delivered).await;
            texts.push(text);
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        ada.sees(room, &texts).await;
        grace.sees(room, &texts).await;
        assert_eq!(stored(world, &ada, room).await, texts);
    });
}

fn a_partition_that_is_taken_away_in_mid_flight_loses_nothing<W: Simulated>() {
    W::run(1, async |world: &W| {
        let (ada, grace, room) = pair(world).await;
        let mut texts = vec!["hello".to_owned()];
        for n in 0..20 {
            texts.push(format!("message {n}"));
            ada.sends(room, texts.last().expect("a text")).await;
            world.passes(Duration::from_millis(n)).await;
            world.moves_everything();
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        grace.sees(room, &texts).await;
        ada.sees(room, &texts).await;
        assert_eq!(stored(world, &ada, room).await, texts);
    });
}

fn an_ended_session_is_signed_out_within_five_seconds_and_keeps_its_outbox<W: Simulated>() {
    W::run(1, async |world: &W| {
        use client::api::{Answers, Nothing, OneSession};
        let (ada, grace, room) = pair(world).await;
        let tablet = another_device(world, &ada).await;
        tablet.sees(room, &["hello"]).await;
        let sessions = ada.client.list_sessions(Nothing {}).await.expect("sessions").sessions;
        let other = sessions.iter().find(|session| !session.current).expect("two sessions");
        let began = world.elapsed();
        ada.client.end_session(OneSession { session: other.id }).await.expect("ended");
        tablet
            .waits_for("the end of its session", async || {
                tablet.client.get_state(Nothing {}).await.expect("a state").account.is_none()
            })
            .await;
        assert!(world.elapsed() - began < Duration::from_secs(5));
        ada.sends(room, "still here").await;
        grace.sees(room, &["hello", "still here"]).await;
    });
}

fn row_27_clocks_that_are_wrong_or_leap_change_no_order_and_lose_nothing<W: Simulated>() {
    const HOUR: i64 = 3_600_000;
    const YEARS: i64 = 10 * 365 * 24 * HOUR;
    W::run(1, async |world: &W| {
        let (ada, grace, room) = pair(world).await;
        let mut texts = vec!["hello".to_owned()];
        for leap in [HOUR, -HOUR, YEARS, -YEARS, 0] {
            world.clock().leaps(leap);
            for device in [&ada, &grace] {
                let text = format!("{} at {leap}", device.name);
                device.sends(room, &text).await;
                device.sees_progress(room, &text, Progress::Delivered).await;
                texts.push(text);
            }
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        ada.sees(room, &texts).await;
        grace.sees(room, &texts).await;
        assert_eq!(stored(world, &ada, room).await, texts);
    });
}

#[test]
fn commits_of_a_server_wait_for_the_disk() {
    World::run(1, async |world: &World| {
        let app = world.app().expect("a server");
        let synchronous = app.embedded().expect("everything in one process").synchronous().await;
        assert_eq!(synchronous.expect("a database"), 2, "PRAGMA synchronous is FULL");
    });
}

fn the_same_seed_gives_the_same_run_and_another_seed_another<W: Simulated>() {
    let trace = |seed| {
        W::run(seed, async |world: &W| {
            let (ada, grace, room) = pair(world).await;
            let trace = Trace::of(world, &[&ada, &grace]);
            for n in 0..5 {
                ada.sends(room, &format!("ada {n}")).await;
                grace.sends(room, &format!("grace {n}")).await;
                world.passes(Duration::from_millis(100)).await;
            }
            grace.line.cut();
            grace.comes_online().await;
            world.kill().await;
            ada.sends(room, "after the kill").await;
            world.start().await;
            ada.sees_progress(room, "after the kill", Progress::Delivered).await;
            trace.lines()
        })
    };
    let first = trace(7);
    assert!(first.len() > 20, "it saw something");
    assert_eq!(first, trace(7));
    assert_ne!(first, trace(8));
}

fn a_new_device_gets_the_whole_list_and_its_history<W: Simulated>() {
    W::run(1, async |world: &W| {
        let (ada, grace, room) = pair(world).await;
        for n in 0..40 {
            grace.sends(room, &format!("message {n}")).await;
        }
        ada.sees_unread(room, 40).await;
        let tablet = another_device(world, &ada).await;
        tablet.sees_unread(room, 40).await;
        let expected = stored(world, &ada, room).await;
        tablet.sees(room, &expected.iter().map(String::as_str).collect::<Vec<_>>()).await;
    });
}
