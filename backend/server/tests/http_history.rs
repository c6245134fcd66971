//! Reading conversations over the HTTP API: what one may see, and nothing else.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod api;

use api::Api;
use api::history::Group;
use http::Method;
use protocol::model::Range;
use protocol::{Code, ConversationId, EventKind, direct_conversation};
use serde_json::json;

async fn range(api: &Api, id: ConversationId, query: &str, token: &str) -> Range {
    let path = format!("/v1/conversations/{id}/events?{query}");
    serde_json::from_value(api.get(&path, token).await.json()).unwrap()
}

fn seqs(range: &Range) -> Vec<u64> {
    range.events.iter().map(|event| event.seq).collect()
}

#[tokio::test(start_paused = true)]
async fn a_member_reads_any_range_with_the_state_of_its_messages() {
    let api = Api::new().await;
    let ada = api.person("ada").await;
    let id = api.group(false, &[(ada.user, &[(1, None)])], 30).await;
    let all = range(&api, id, "from=5&to=9", &ada.access_token).await;
    assert_eq!((all.from, all.to, all.closed.len()), (5, 9, 0));
    assert_eq!(seqs(&all), [5, 6, 7, 8, 9]);
    let texts: Vec<_> = all.states.iter().map(|state| state.text().unwrap()).collect();
    assert_eq!(texts, ["text 5", "text 6", "text 7", "text 8", "text 9"]);
}

#[tokio::test(start_paused = true)]
async fn row_24_an_answer_has_at_most_200_events_and_says_what_it_covers() {
    let api = Api::new().await;
    let ada = api.person("ada").await;
    let id = api.group(false, &[(ada.user, &[(1, None)])], 450).await;
    let mut to = "".to_owned();
    let mut read = Vec::new();
    for (first, last) in [(251, 450), (51, 250), (1, 50)] {
        let part = range(&api, id, &format!("from=1{to}"), &ada.access_token).await;
        assert_eq!((part.from, part.to), (first, last));
        read.splice(0..0, seqs(&part));
        to = format!("&to={}", part.from - 1);
    }
    assert_eq!(read, (1..=450).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn row_24_an_answer_has_about_a_mebibyte_and_always_an_event() {
    let api = Api::new().await;
    let ada = api.person("ada").await;
    let id = ConversationId(api.app.environment.id());
    let events = vec![EventKind::Message { reply_to: None }; 40];
    let group = Group { id, open: false, members: vec![(ada.user, vec![(1, None)])], events };
    api.store(group, |_| "x".repeat(64 * 1024)).await;
    let part = range(&api, id, "from=1&to=40", &ada.access_token).await;
    assert_eq!(part.to, 40);
    assert!((14..=18).contains(&part.events.len()), "{}", part.events.len());
    assert_eq!(part.events[0].seq, part.from);
}

#[tokio::test(start_paused = true)]
async fn what_lies_outside_ones_memberships_is_answered_as_closed() {
    let api = Api::new().await;
    let (ada, grace) = (api.person("ada").await, api.person("grace").await);
    let members: &[(_, &[_])] =
        &[(ada.user, &[(1, None)]), (grace.user, &[(5, Some(8)), (15, None)])];
    let id = api.group(false, members, 20).await;
    let part = range(&api, id, "from=1&to=20", &grace.access_token).await;
    assert_eq!(seqs(&part), [5, 6, 7, 8, 15, 16, 17, 18, 19, 20]);
    assert_eq!((part.from, part.to), (1, 20));
    assert_eq!(part.closed, [(1, 4), (9, 14)]);
    let none = range(&api, id, "from=2&to=3", &grace.access_token).await;
    assert_eq!((seqs(&none).len(), none.closed), (0, vec![(2, 3)]));
}

#[tokio::test(start_paused = true)]
async fn a_group_with_open_history_is_read_from_the_start_up_to_when_one_left() {
    let api = Api::new().await;
    let (ada, grace) = (api.person("ada").await, api.person("grace").await);
    let members: &[(_, &[_])] = &[(ada.user, &[(1, None)]), (grace.user, &[(5, Some(8))])];
    let id = api.group(true, members, 20).await;
    let part = range(&api, id, "from=1&to=20", &grace.access_token).await;
    assert_eq!(seqs(&part), (1..=8).collect::<Vec<_>>());
    assert_eq!((part.to, part.closed.len()), (8, 0), "for who left, the conversation ends there");
    let behind = range(&api, id, "from=9&to=20", &grace.access_token).await;
    assert_eq!((behind.events.len(), behind.closed.len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_message_from_before_ones_time_stays_closed_also_when_a_reply_names_it() {
    let api = Api::new().await;
    let (ada, grace) = (api.person("ada").await, api.person("grace").await);
    let id = ConversationId(api.app.environment.id());
    let members = vec![(ada.user, vec![(1, None)]), (grace.user, vec![(3, None)])];
    let reply = |to| EventKind::Message { reply_to: Some(to) };
    let first = EventKind::Message { reply_to: None };
    let events = vec![first.clone(), first, reply(1), reply(3)];
    api.store(Group { id, open: false, members, events }, |seq| format!("text {seq}")).await;
    let seen = range(&api, id, "from=3&to=4", &ada.access_token).await;
    assert_eq!(seen.states.iter().map(|s| s.seq).collect::<Vec<_>>(), [1, 3, 4]);
    let seen = range(&api, id, "from=3&to=4", &grace.access_token).await;
    assert_eq!(seen.states.iter().map(|s| s.seq).collect::<Vec<_>>(), [3, 4]);
}

#[tokio::test(start_paused = true)]
async fn row_12_numbers_outside_their_range_are_refused_and_large_ones_end_at_the_head() {
    let api = Api::new().await;
    let ada = api.person("ada").await;
    let id = api.group(false, &[(ada.user, &[(1, None)])], 3).await;
    for bad in [
        "from=0",
        "from=-1",
        "from=3&to=2",
        "from=1&to=0",
        "from=NaN",
        "from=1.5",
        "from=1e3",
        "from=18446744073709551616",
        "to=-9223372036854775808",
        "from=",
        "from=%00",
    ] {
        let path = format!("/v1/conversations/{id}/events?{bad}");
        assert_eq!(api.get(&path, &ada.access_token).await.code(), Code::BadValue, "{bad}");
    }
    for to in ["4294967295", "9007199254740993", "18446744073709551615"] {
        let part = range(&api, id, &format!("from=2&to={to}"), &ada.access_token).await;
        assert_eq!((part.from, part.to, seqs(&part)), (2, 3, vec![2, 3]));
    }
    let beyond = range(&api, id, "from=18446744073709551615", &ada.access_token).await;
    assert!(beyond.events.is_empty() && beyond.closed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn members_and_markers_are_for_members() {
    let api = Api::new().await;
    let (ada, grace, eve) =
        (api.person("ada").await, api.person("grace").await, api.person("eve").await);
    let members: &[(_, &[_])] =
        &[(ada.user, &[(1, None)]), (grace.user, &[(1, None)]), (eve.user, &[(1, Some(2))])];
    let id = api.group(false, members, 3).await;
    let get = async |what: &str, token: &str| {
        api.get(&format!("/v1/conversations/{id}/{what}"), token).await
    };
    let all = get("members", &ada.access_token).await.json();
    let mut expected = [ada.user, grace.user];
    expected.sort();
    let users = [&all["members"][0]["user"], &all["members"][1]["user"]];
    assert_eq!(users, [&json!(expected[0]), &json!(expected[1])]);
    assert_eq!(all["more"], false);
    let rest = get(&format!("members?after={}", expected[0]), &ada.access_token).await.json();
    assert_eq!(rest["members"].as_array().unwrap().len(), 1);
    assert_eq!(get("members?after=x", &ada.access_token).await.code(), Code::BadValue);
    let markers = get("markers", &grace.access_token).await.json();
    assert_eq!(markers["markers"].as_array().unwrap().len(), 2);
    for what in ["members", "markers"] {
        assert_eq!(get(what, &eve.access_token).await.code(), Code::NotAMember);
    }
}

#[tokio::test(start_paused = true)]
async fn row_36_anothers_id_is_answered_like_one_that_does_not_exist_on_every_route() {
    let api = Api::new().await;
    let (ada, eve) = (api.person("ada").await, api.person("eve").await);
    let group = api.group(true, &[(ada.user, &[(1, None)])], 3).await.to_string();
    let direct = direct_conversation(ada.user, eve.user).to_string();
    let nothing = api.app.environment.id().to_string();
    let (session, rubbish) = (ada.session.to_string(), "rubbish".to_owned());
    let sweep: [(Method, &str, &str, &[&String]); 4] = [
        (
            Method::GET,
            "/v1/conversations/",
            "/events?from=1&to=9",
            &[&group, &direct, &session, &rubbish],
        ),
        (Method::GET, "/v1/conversations/", "/members", &[&group, &direct, &session, &rubbish]),
        (Method::GET, "/v1/conversations/", "/markers", &[&group, &direct, &session, &rubbish]),
        (Method::DELETE, "/v1/sessions/", "", &[&session, &group, &rubbish]),
    ];
    for (method, before, after, foreign) in sweep {
        let ask = async |id: &str| {
            let path = format!("{before}{id}{after}");
            api.ask(method.clone(), &path, &eve.access_token, None).await
        };
        let reference = ask(&nothing).await;
        assert_eq!(reference.status, 404);
        for id in foreign {
            let answer = ask(id).await;
            assert_eq!(answer.status, reference.status, "{before}{id}{after}");
            assert_eq!(answer.bytes, reference.bytes, "{before}{id}{after}");
            assert_eq!(answer.headers, reference.headers, "{before}{id}{after}");
        }
    }
    assert!(api.get("/v1/me", &ada.access_token).await.status.is_success(), "her session lives");
}

#[tokio::test(start_paused = true)]
async fn row_36_no_route_with_an_id_answers_without_a_token_whatever_the_id() {
    let api = Api::new().await;
    let ada = api.person("ada").await;
    let group = api.group(true, &[(ada.user, &[(1, None)])], 3).await;
    let document = api.get("/v1/openapi.json", "").await.json();
    let mut swept = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation.get("security").is_none() {
                continue;
            }
            let path = path
                .replace("{conversation}", &group.to_string())
                .replace("{session}", &ada.session.to_string())
                .replace("{user}", &ada.user.to_string());
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let answer = api.ask(method, &path, "", None).await;
            assert_eq!(answer.code(), Code::Unauthorized, "{path}");
            swept += 1;
        }
    }
    assert!(swept >= 20, "{swept}");
}
