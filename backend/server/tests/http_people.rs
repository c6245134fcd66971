//! People, friends, blocks, profile and settings, over the HTTP API.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod api;

use api::Api;
use http::Method;
use protocol::request::Tokens;
use protocol::{Code, UserId};
use serde_json::{Value, json};

async fn call(api: &Api, method: Method, path: &str, who: &Tokens) -> api::Answer {
    api.ask(method, path, &who.access_token, None).await
}

/// Who is in each of a person's lists: friends, incoming, outgoing, blocked.
async fn lists(api: &Api, who: &Tokens) -> [Vec<String>; 4] {
    let all = api.get("/v1/friends", &who.access_token).await.json();
    ["friends", "incoming", "outgoing", "blocked"].map(|list| names(&all[list]))
}

fn names(people: &Value) -> Vec<String> {
    let name = |person: &Value| person["name"].as_str().unwrap().to_owned();
    people.as_array().unwrap().iter().map(name).collect()
}

fn of(names: [&[&str]; 4]) -> [Vec<String>; 4] {
    names.map(|list| list.iter().map(|name| (*name).to_owned()).collect())
}

#[tokio::test(start_paused = true)]
async fn people_are_found_by_the_beginning_of_their_names() {
    let api = Api::new().await;
    let ada = api.person("ada").await;
    api.person("adam").await;
    let grace = api.person("grace").await;
    let name = json!({"display_name": "Rear Admiral Hopper", "about": "COBOL"});
    let path = "/v1/me";
    api.ask(Method::PATCH, path, &grace.access_token, Some(name)).await.json();
    let find = async |query: &str| {
        let path = format!("/v1/people?query={query}");
        names(&api.get(&path, &ada.access_token).await.json()["people"])
    };
    assert_eq!(find("ada").await, ["ada", "adam"]);
    assert_eq!(find("ADAM").await, ["adam"]);
    assert_eq!(find("admi").await, ["grace"]);
    assert_eq!(find("hop").await, ["grace"]);
    for nobody in ["", "%20", "opper", "%25", "_", "%E2%80%8B", "'%20OR%201=1--", "%00"] {
        assert!(find(nobody).await.is_empty(), "{nobody}");
    }
    let long = format!("/v1/people?query={}", "x".repeat(129));
    assert_eq!(api.get(&long, &ada.access_token).await.code(), Code::BadValue);
    let twice = api.get("/v1/people?query=a&query=b", &ada.access_token).await;
    assert_eq!(twice.code(), Code::Malformed);
}

#[tokio::test(start_paused = true)]
async fn those_who_exist_are_looked_up_by_their_ids() {
    let api = Api::new().await;
    let (ada, grace) = (api.person("ada").await, api.person("grace").await);
    let look_up =
        async |ids: &str| api.get(&format!("/v1/users?ids={ids}"), &ada.access_token).await;
    let nobody = UserId(api.app.environment.id());
    let ids = format!("{},{},{nobody},{}", grace.user, ada.user, ada.user);
    let mut found = names(&look_up(&ids).await.json()["people"]);
    found.sort();
    assert_eq!(found, ["ada", "grace"]);
    assert_eq!(look_up("").await.json()["people"], json!([]));
    assert_eq!(look_up("rubbish").await.code(), Code::BadValue);
    let many = vec![nobody.to_string(); 101].join(",");
    assert_eq!(look_up(&many).await.code(), Code::TooMany);
}

#[tokio::test(start_paused = true)]
async fn two_who_both_ask_are_friends_until_one_of_them_ends_it() {
    let api = Api::new().await;
    let (ada, grace) = (api.person("ada").await, api.person("grace").await);
    let (to_ada, to_grace) =
        (format!("/v1/friends/{}", ada.user), format!("/v1/friends/{}", grace.user));
    for _ in 0..2 {
        assert!(call(&api, Method::PUT, &to_grace, &ada).await.status.is_success());
    }
    assert_eq!(lists(&api, &ada).await, of([&[], &[], &["grace"], &[]]));
    assert_eq!(lists(&api, &grace).await, of([&[], &["ada"], &[], &[]]));
    call(&api, Method::PUT, &to_ada, &grace).await.json();
    assert_eq!(lists(&api, &ada).await, of([&["grace"], &[], &[], &[]]));
    for _ in 0..2 {
        call(&api, Method::DELETE, &to_ada, &grace).await.json();
        assert_eq!(lists(&api, &ada).await, of([&[], &[], &[], &[]]));
        assert_eq!(lists(&api, &grace).await, of([&[], &[], &[], &[]]));
    }
    call(&api, Method::PUT, &to_grace, &ada).await.json();
    call(&api, Method::DELETE, &to_ada, &grace).await.json();
    assert_eq!(lists(&api, &ada).await, of([&[], &[], &[], &[]]), "declined");
}

#[tokio::test(start_paused = true)]
async fn a_block_ends_a_friendship_and_only_who_made_it_can_take_it_back() {
    let api = Api::new().await;
    let (ada, grace) = (api.person("ada").await, api.person("grace").await);
    let friends = |who: &Tokens| format!("/v1/friends/{}", who.user);
    let blocks = |who: &Tokens| format!("/v1/blocks/{}", who.user);
    call(&api, Method::PUT, &friends(&grace), &ada).await.json();
    call(&api, Method::PUT, &friends(&ada), &grace).await.json();
    call(&api, Method::PUT, &blocks(&grace), &ada).await.json();
    assert_eq!(lists(&api, &ada).await, of([&[], &[], &[], &["grace"]]));
    assert_eq!(lists(&api, &grace).await, of([&[], &[], &[], &[]]), "not told");
    for (who, other) in [(&ada, &grace), (&grace, &ada)] {
        let asked = call(&api, Method::PUT, &friends(other), who).await;
        assert_eq!(asked.code(), Code::Blocked);
        // Neither ending what is not there nor taking back another's block changes it.
        call(&api, Method::DELETE, &friends(other), who).await.json();
    }
    call(&api, Method::DELETE, &blocks(&ada), &grace).await.json();
    assert_eq!(lists(&api, &ada).await, of([&[], &[], &[], &["grace"]]));
    call(&api, Method::DELETE, &blocks(&grace), &ada).await.json();
    assert_eq!(lists(&api, &ada).await, of([&[], &[], &[], &[]]));
    call(&api, Method::PUT, &friends(&ada), &grace).await.json();
    call(&api, Method::DELETE, &blocks(&ada), &grace).await.json();
    assert_eq!(lists(&api, &ada).await, of([&[], &["grace"], &[], &[]]), "no block, no change");
}

#[tokio::test(start_paused = true)]
async fn row_17_one_cannot_befriend_or_block_oneself_or_nobody() {
    let api = Api::new().await;
    let ada = api.person("ada").await;
    let nobody = api.app.environment.id();
    for method in [Method::PUT, Method::DELETE] {
        for kind in ["friends", "blocks"] {
            let ask = async |whom: String| {
                call(&api, method.clone(), &format!("/v1/{kind}/{whom}"), &ada).await.code()
            };
            assert_eq!(ask(ada.user.to_string()).await, Code::NotWithYourself);
            assert_eq!(ask(nobody.to_string()).await, Code::NoPerson);
            assert_eq!(ask("rubbish".into()).await, Code::NoPerson);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_profile_changes_where_it_is_told_to_and_its_version_grows() {
    let api = Api::new().await;
    let ada = api.person("ada").await;
    let change = async |change: Value| {
        api.ask(Method::PATCH, "/v1/me", &ada.access_token, Some(change)).await
    };
    let before = api.get("/v1/me", &ada.access_token).await.json();
    let after = change(json!({"display_name": "Ada Lovelace"})).await.json();
    assert_eq!(after["person"]["display_name"], "Ada Lovelace");
    assert!(after["version"].as_u64() > before["version"].as_u64());
    let after = change(json!({"about": "First of all"})).await.json();
    assert_eq!(after["person"]["display_name"], "Ada Lovelace");
    assert_eq!(after["person"]["about"], "First of all");
    assert!(change(json!({"about": ""})).await.json()["person"]["about"].is_null());
    for (bad, code) in [
        (json!({"display_name": ""}), Code::EmptyText),
        (json!({"display_name": "x".repeat(129)}), Code::BadName),
        (json!({"display_name": "a\0b"}), Code::BadText),
        (json!({"about": "x".repeat(257)}), Code::BadText),
        (json!({"about": "a\u{1b}b"}), Code::BadText),
        (json!({"display_name": 7}), Code::Malformed),
    ] {
        assert_eq!(change(bad).await.code(), code);
    }
}

#[tokio::test(start_paused = true)]
async fn settings_follow_a_person_and_have_at_most_64_kib() {
    let api = Api::new().await;
    let (ada, elsewhere) = (api.person("ada").await, api.sign_in("ada").await);
    let put = async |settings: Value| {
        let body = Some(json!({"settings": settings}));
        api.ask(Method::PUT, "/v1/me/settings", &ada.access_token, body).await
    };
    let get = async || api.get("/v1/me/settings", &elsewhere.access_token).await.json();
    assert_eq!(get().await["settings"], json!({}));
    let settings = json!({"theme": "dark", "pinned": [1, 2.5, null], "deep": {"a": {"b": "c"}}});
    assert!(put(settings.clone()).await.status.is_success());
    assert_eq!(get().await["settings"], settings);
    // `{"x":"…"}` around it has 8 bytes.
    assert!(put(json!({"x": "y".repeat(64 * 1024 - 8)})).await.status.is_success());
    assert_eq!(put(json!({"x": "y".repeat(64 * 1024 - 7)})).await.code(), Code::TooLarge);
    for bad in [json!([]), json!("x"), json!(7), Value::Null] {
        assert_eq!(put(bad).await.code(), Code::Malformed);
    }
}
