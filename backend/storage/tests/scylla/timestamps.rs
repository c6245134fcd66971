//! What the nodes themselves say about the cells that were written.

use std::sync::Arc;

use protocol::frame::Mark;
use scylla::client::session::Session;
use storage::contract::{Room, user};
use storage::{Activity, FoldStore, ListRow, ListStore, MarkerStore};

use crate::half::Ear;
use crate::open;

async fn number(session: &Session, text: &str) -> i64 {
    let rows = session.query_unpaged(text, ()).await.unwrap().into_rows_result().unwrap();
    if let Ok((number,)) = rows.single_row::<(i64,)>() {
        return number;
    }
    // What a time to live is counted in.
    rows.single_row::<(i32,)>().unwrap_or_else(|error| panic!("{text}: {error}")).0.into()
}

#[tokio::test]
async fn cells_carry_the_position_or_the_seq_and_dedup_rows_stay_ninety_days() {
    let store = open::telling(Arc::new(Ear::default())).await;
    let session = open::session(&open::keyspace().await.keyspace).await;
    let mut room = Room::group(1, 2, false);
    room.says(1, "a");
    let said = room.says(1, "b");
    store.apply(room.take()).await.unwrap();
    let position = i64::try_from(room.head.position).unwrap();
    let (id, who) = (room.id, user(2));
    let event = format!("FROM events WHERE conversation_id = {id} AND bucket = 0 AND seq = {said}");
    let own = format!("FROM conversations WHERE conversation_id = {id}");
    let member = format!("FROM members WHERE conversation_id = {id} AND user_id = {who}");
    let listed = format!("FROM memberships WHERE conversation_id = {id} AND user_id = {who}");
    for (cell, from, expected) in [
        ("event", &event, position),
        ("state", &event, position),
        ("head", &own, position),
        ("own", &own, 10),
        ("member", &member, 10),
        ("member", &listed, 10),
    ] {
        let found = number(&session, &format!("SELECT WRITETIME({cell}) {from}")).await;
        assert_eq!(found, expected, "{cell} {from}");
    }
    let of_refs = format!(
        "FROM refs WHERE conversation_id = {id} AND sender = {} AND client_ref = {}",
        user(1),
        storage::contract::uuid7(said)
    );
    let written = number(&session, &format!("SELECT WRITETIME(outcome) {of_refs}")).await;
    let stays = number(&session, &format!("SELECT TTL(outcome) {of_refs}")).await;
    assert_eq!(written, position);
    assert!(stays > 90 * 86_400, "{stays} s");
    let mark = Mark { conversation: id, delivered: said, read: 2 };
    store.mark(who, mark).await.unwrap();
    let activity = Some(Activity { seq: said, ord: 2, at: 5 });
    let row = ListRow { user: who, conversation: id, activity, changed: 77 };
    store.note(vec![row]).await.unwrap();
    let markers = format!("FROM markers WHERE conversation_id = {id} AND user_id = {who}");
    let rows = format!("FROM list_rows WHERE conversation_id = {id} AND user_id = {who}");
    for (cell, from, expected) in [
        ("delivered_seq", &markers, 3),
        ("read_seq", &markers, 2),
        ("told_delivered_seq", &markers, 3),
        ("told_read_seq", &markers, 2),
        ("activity", &rows, 3),
        ("changed", &rows, 77),
    ] {
        let found = number(&session, &format!("SELECT WRITETIME({cell}) {from}")).await;
        assert_eq!(found, expected, "{cell}");
    }
}

/// Each run of the restart position is its own timestamp too.
#[tokio::test]
async fn a_restart_position_is_its_own_timestamp() {
    let store = open::telling(Arc::new(Ear::default())).await;
    let session = open::session(&open::keyspace().await.keyspace).await;
    let batch = storage::Batch { partition: 76, restart: 41, ..storage::Batch::default() };
    store.apply(batch).await.unwrap();
    let text = "SELECT WRITETIME(position) FROM restarts WHERE log_partition = 76";
    assert_eq!(number(&session, text).await, 41);
}
