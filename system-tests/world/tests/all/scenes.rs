//! Scenes that need no injected fault. Each is written once, and runs in a simulated world of one server,
//! in one of several, and over real sockets.

use client::api::{
    Answers, EditMessage, InConversation, OneMessage, OpenConversation, React, Search,
};
use client::view::Progress;

use crate::device::Device;
use crate::history::Auditor;
use crate::place::{Place, another_device, joins, joins_behind_a_proxy};

/// Make each scene a test in a world of one server, in one of several, and over real sockets.
macro_rules! scenes {
    ($($name:ident,)*) => {
        mod in_a_world {
            use crate::simulated::Simulated;
            use crate::world::World;

            $(#[test]
            fn $name() {
                World::run(1, async |world| super::$name(world).await);
            })*
        }
        mod in_a_cluster {
            use crate::cluster::Cluster;
            use crate::simulated::Simulated;

            $(#[test]
            fn $name() {
                Cluster::run(1, async |world| super::$name(world).await);
            })*
        }
        mod over_real_sockets {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&crate::black_box::RealServers::find_or_start().await).await;
            })*
        }
    };
}

scenes! {
    a_message_is_delivered_and_read_and_its_sender_sees_it,
    everybody_sees_one_order_when_three_write_at_once,
    two_devices_of_one_person_show_the_same,
    what_begins_on_one_device_can_be_answered_on_the_other,
    what_is_written_offline_is_sent_once_after_a_restart_of_the_app,
    who_was_away_gets_everything_that_was_missed,
    edits_deletes_and_reactions_reach_everybody_also_who_was_away,
    a_removed_member_hears_nothing_more_and_can_come_back,
    long_poll_carries_the_same_conversation,
    a_queued_message_is_edited_and_taken_back_without_a_trace,
    unread_is_what_others_wrote_after_the_marker,
    in_a_large_group_a_message_is_delivered_and_read_when_anybody_has_it,
    a_new_device_finds_what_was_written_long_before_it,
}

async fn pair(place: &dyn Place) -> (Device, Device) {
    (joins(place, "ada").await, joins(place, "grace").await)
}

async fn a_message_is_delivered_and_read_and_its_sender_sees_it(place: &dyn Place) {
    let (ada, grace) = pair(place).await;
    let room = ada.direct(grace.user).await;
    ada.sends(room, "hello").await;
    grace.sees(room, &["hello"]).await;
    ada.sees_progress(room, "hello", Progress::Delivered).await;
    grace.sees_unread(room, 1).await;
    grace.reads(room).await;
    grace.sees_unread(room, 0).await;
    ada.sees_progress(room, "hello", Progress::Read).await;
}

async fn everybody_sees_one_order_when_three_write_at_once(place: &dyn Place) {
    let (ada, grace) = pair(place).await;
    let alan = joins(place, "alan").await;
    let room = ada.creates("Engine room", &[grace.user, alan.user]).await;
    for device in [&grace, &alan] {
        device.waits_for("the group", async || device.head(room).await > 0).await;
    }
    for n in 0..10 {
        for device in [&ada, &grace, &alan] {
            device.sends(room, &format!("{} {n}", device.name)).await;
        }
    }
    let auditor = Auditor::of(place, &ada).await;
    ada.waits_for("30 messages", async || auditor.history(room).await.texts().len() == 30).await;
    let history = auditor.history(room).await;
    assert!(history.events.iter().zip(1..).all(|(event, seq)| event.seq == seq), "no gaps");
    let texts = history.texts();
    for device in [&ada, &grace, &alan] {
        device.sees(room, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let own: Vec<_> = texts.iter().filter(|text| text.starts_with(&device.name)).collect();
        let sent: Vec<_> = (0..10).map(|n| format!("{} {n}", device.name)).collect();
        assert!(own.into_iter().eq(&sent), "in the order in which {} wrote", device.name);
    }
}

async fn two_devices_of_one_person_show_the_same(place: &dyn Place) {
    let (ada, grace) = pair(place).await;
    let tablet = another_device(place, &grace).await;
    let room = ada.direct(grace.user).await;
    ada.sends(room, "one").await;
    for device in [&grace, &tablet] {
        device.sees(room, &["one"]).await;
        device.sees_unread(room, 1).await;
    }
    tablet.reads(room).await;
    grace.sees_unread(room, 0).await;
    grace.sends(room, "two").await;
    tablet.sees(room, &["one", "two"]).await;
    ada.sees(room, &["one", "two"]).await;
    tablet.sees_unread(room, 0).await;
    tablet.sees_progress(room, "two", Progress::Delivered).await;
}

async fn what_begins_on_one_device_can_be_answered_on_the_other(place: &dyn Place) {
    let (ada, grace) = pair(place).await;
    let tablet = another_device(place, &ada).await;
    let room = ada.direct(grace.user).await;
    ada.sends(room, "from the phone").await;
    tablet
        .waits_for("the conversation in its list", async || {
            let here = InConversation { conversation: room };
            tablet.client.conversation_details(here).await.is_ok_and(|details| details.member)
        })
        .await;
    tablet.sends(room, "from the tablet").await;
    for device in [&ada, &grace, &tablet] {
        device.sees(room, &["from the phone", "from the tablet"]).await;
    }
}

async fn what_is_written_offline_is_sent_once_after_a_restart_of_the_app(place: &dyn Place) {
    let (mut ada, grace) = pair(place).await;
    let room = ada.direct(grace.user).await;
    ada.sends(room, "before").await;
    grace.sees(room, &["before"]).await;
    ada.line.down(true);
    ada.goes_offline().await;
    ada.sends(room, "offline 1").await;
    ada.sends(room, "offline 2").await;
    ada.sees_progress(room, "offline 2", Progress::Sending).await;
    ada.restarts(place.environment()).await;
    ada.sees(room, &["before", "offline 1", "offline 2"]).await;
    ada.line.down(false);
    ada.client.network_changed();
    grace.sees(room, &["before", "offline 1", "offline 2"]).await;
    ada.sees_progress(room, "offline 2", Progress::Delivered).await;
    let history = Auditor::of(place, &ada).await.history(room).await;
    assert_eq!(history.texts(), ["before", "offline 1", "offline 2"]);
}

async fn who_was_away_gets_everything_that_was_missed(place: &dyn Place) {
    let (ada, grace) = pair(place).await;
    let room = ada.direct(grace.user).await;
    ada.sends(room, "first").await;
    grace.sees(room, &["first"]).await;
    grace.reads(room).await;
    grace.line.down(true);
    grace.goes_offline().await;
    // More than one page holds.
    let texts: Vec<String> = (0..45).map(|n| format!("missed {n}")).collect();
    for text in &texts {
        ada.sends(room, text).await;
    }
    ada.sees_progress(room, "missed 44", Progress::Sent).await;
    grace.line.down(false);
    grace.client.network_changed();
    grace.sees_unread(room, 45).await;
    let all = std::iter::once("first").chain(texts.iter().map(String::as_str));
    grace.sees(room, &all.collect::<Vec<_>>()).await;
}

async fn edits_deletes_and_reactions_reach_everybody_also_who_was_away(place: &dyn Place) {
    let (ada, grace) = pair(place).await;
    let room = ada.direct(grace.user).await;
    for text in ["teh", "secret", "nice"] {
        ada.sends(room, text).await;
    }
    grace.sees(room, &["teh", "secret", "nice"]).await;
    ada.sees_progress(room, "nice", Progress::Delivered).await;
    grace.line.down(true);
    grace.goes_offline().await;
    ada.edits(room, "teh", "the").await;
    ada.deletes(room, "secret").await;
    let react = React { conversation: room, seq: 3, emoji: "👍".into(), on: true };
    ada.client.react(react).await.expect("a reaction");
    ada.sees(room, &["the", "", "nice"]).await;
    grace.line.down(false);
    grace.client.network_changed();
    grace.sees(room, &["the", "", "nice"]).await;
    grace
        .waits_for("the reaction", async || {
            let messages = grace.messages(room).await;
            messages.iter().any(|(_, m)| m.text == "nice" && m.reactions.len() == 1)
        })
        .await;
    let history = Auditor::of(place, &grace).await.history(room).await;
    let texts: String = history.states.iter().flat_map(|s| &s.texts).map(|t| &*t.text).collect();
    assert!(!texts.contains("secret"), "a delete empties every copy");
}

async fn a_removed_member_hears_nothing_more_and_can_come_back(place: &dyn Place) {
    let (ada, grace) = pair(place).await;
    let alan = joins(place, "alan").await;
    let room = ada.creates("Engine room", &[grace.user, alan.user]).await;
    ada.sends(room, "all three").await;
    alan.sees(room, &["all three"]).await;
    ada.removes(room, alan.user).await;
    ada.sends(room, "only two").await;
    grace.sees(room, &["all three", "only two"]).await;
    // What he writes now is refused, and says so.
    alan.waits_for("the removal", async || {
        let here = InConversation { conversation: room };
        alan.client.conversation_details(here).await.is_ok_and(|details| !details.member)
    })
    .await;
    alan.sees(room, &["all three"]).await;
    ada.adds(room, alan.user).await;
    ada.sends(room, "three again").await;
    alan.sees(room, &["all three", "three again"]).await;
    grace.sees(room, &["all three", "only two", "three again"]).await;
    alan.sees_unread(room, 1).await;
}

async fn long_poll_carries_the_same_conversation(place: &dyn Place) {
    let ada = joins_behind_a_proxy(place, "ada").await;
    let grace = joins(place, "grace").await;
    let room = grace.direct(ada.user).await;
    grace.sends(room, "over a socket").await;
    ada.sees(room, &["over a socket"]).await;
    ada.sends(room, "over polls").await;
    grace.sees(room, &["over a socket", "over polls"]).await;
    grace.reads(room).await;
    ada.sees_progress(room, "over polls", Progress::Read).await;
}

async fn a_queued_message_is_edited_and_taken_back_without_a_trace(place: &dyn Place) {
    let (ada, grace) = pair(place).await;
    let room = ada.direct(grace.user).await;
    ada.sends(room, "before").await;
    grace.sees(room, &["before"]).await;
    ada.sees_progress(room, "before", Progress::Delivered).await;
    ada.line.down(true);
    ada.goes_offline().await;
    let edited = ada.sends(room, "draft").await;
    let gone = ada.sends(room, "never mind").await;
    let edit = EditMessage {
        conversation: room,
        seq: None,
        client_ref: Some(edited),
        text: "final".into(),
    };
    ada.client.edit_message(edit).await.expect("a queued message can be edited");
    assert!(ada.cancels(room, gone).await, "a queued message can be taken back");
    ada.line.down(false);
    ada.client.network_changed();
    grace.sees(room, &["before", "final"]).await;
    let history = Auditor::of(place, &ada).await.history(room).await;
    assert_eq!(history.texts(), ["before", "final"]);
    assert!(history.states.iter().all(|state| state.texts.len() == 1), "no trace of the draft");
    assert!(!ada.cancels(room, edited).await, "what was handed over can no longer be taken back");
}

async fn unread_is_what_others_wrote_after_the_marker(place: &dyn Place) {
    let (ada, grace) = pair(place).await;
    let room = ada.direct(grace.user).await;
    for text in ["1", "2", "3"] {
        ada.sends(room, text).await;
    }
    grace.sees_unread(room, 3).await;
    ada.sees_unread(room, 0).await;
    grace.sends(room, "4").await;
    ada.sees_unread(room, 1).await;
    // Writing moves no marker past what was not shown.
    grace.sees(room, &["1", "2", "3", "4"]).await;
    grace.sees_progress(room, "4", Progress::Delivered).await;
    grace.sees_unread(room, 3).await;
    let open = OpenConversation { conversation: room, at: None };
    let timeline = grace.client.open_conversation(open).await.expect("a timeline");
    assert_eq!(timeline.first_unread, Some(1));
    grace.reads(room).await;
    grace.sees_unread(room, 0).await;
    // A deleted message counts until it is read.
    ada.sends(room, "5").await;
    grace.sees_unread(room, 1).await;
    ada.sees_progress(room, "5", Progress::Delivered).await;
    ada.deletes(room, "5").await;
    grace.sees(room, &["1", "2", "3", "4", ""]).await;
    grace.sees_unread(room, 1).await;
}

async fn in_a_large_group_a_message_is_delivered_and_read_when_anybody_has_it(place: &dyn Place) {
    let (ada, grace) = pair(place).await;
    let mut others = vec![grace.user];
    for n in 0..20 {
        let member = joins(place, &format!("member{n}")).await;
        others.push(member.user);
        // They never come back: only Grace has it.
        member.client.shutdown().await;
    }
    let room = ada.creates("Everybody", &others).await;
    ada.sends(room, "hello, all of you").await;
    grace.sees(room, &["hello, all of you"]).await;
    ada.sees_progress(room, "hello, all of you", Progress::Delivered).await;
    grace.reads(room).await;
    ada.sees_progress(room, "hello, all of you", Progress::Read).await;
    let message = OneMessage { conversation: room, seq: 2 };
    let readers = ada.client.message_readers(message).await.expect("readers");
    assert_eq!((readers.read.len(), readers.waiting.len()), (1, 20));
}

async fn a_new_device_finds_what_was_written_long_before_it(place: &dyn Place) {
    let (ada, grace) = pair(place).await;
    let room = ada.direct(grace.user).await;
    ada.sends(room, "the moth is in the logbook").await;
    // More than the list brings with it.
    for n in 0..49 {
        ada.sends(room, &format!("and then, {n}")).await;
    }
    grace.waits_for("all of it", async || grace.head(room).await == 50).await;
    grace.reads(room).await;
    let tablet = another_device(place, &grace).await;
    let search = async |device: &Device, query: &str| {
        let search = Search { query: query.into(), conversation: None, before: None };
        device.client.search(search).await.expect("an answer")
    };
    // Nobody opens the conversation: it comes because somebody searches.
    let found = async || search(&tablet, "moth logb").await.messages.len() == 1;
    tablet.waits_for("the moth", found).await;
    let results = search(&tablet, "\"and then\" 0").await;
    assert_eq!(results.messages.len(), 1);
    assert_eq!((results.messages[0].conversation, results.messages[0].seq), (room, 2));
    assert!(results.coverage.complete, "{:?}", results.coverage);
    ada.edits(room, "the moth is in the logbook", "the butterfly is").await;
    tablet
        .waits_for("its new text", async || search(&tablet, "butterfly").await.messages.len() == 1)
        .await;
    assert!(search(&tablet, "moth").await.messages.is_empty());
}
