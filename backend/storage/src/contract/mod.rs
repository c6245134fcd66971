//! What every store must do, as sentences. Each implementation runs all of them from `tests/`:
//!
//! ```text
//! storage::conversation_contract!(open_my_store);
//! storage::people_contract!(open_my_store);
//! ```
//!
//! where `async fn open_my_store() -> Opened<MyStore>` gives an empty store.
#![allow(clippy::unwrap_used, reason = "everything here is a test")]

pub mod fold;
pub mod history;
pub mod markers;
pub mod pages;
pub mod people;
pub mod push;
pub mod room;
pub mod sessions;

use std::any::Any;
use std::cell::Cell;
use std::sync::Arc;

use protocol::UserId;
use tokio::sync::mpsc;
use uuid::Uuid;

pub use room::Room;

use crate::{
    AccountStore, Change, Committed, FoldStore, FriendStore, HistoryStore, MarkerStore, PushStore,
    SessionStore,
};

/// A store that holds conversations.
pub trait Conversations: FoldStore + HistoryStore + MarkerStore {}
impl<S: FoldStore + HistoryStore + MarkerStore> Conversations for S {}

/// A store that holds people.
pub trait People: AccountStore + SessionStore + FriendStore + PushStore {}
impl<S: AccountStore + SessionStore + FriendStore + PushStore> People for S {}

/// An empty store.
pub struct Opened<S> {
    /// The store.
    pub store: Arc<S>,
    /// What it hands out, with room for a thousand commits.
    pub committed: mpsc::Receiver<Committed>,
    /// Whatever must live as long as the store.
    pub keep: Box<dyn Any + Send>,
}

impl<S> Opened<S> {
    /// All changes that were handed out since the last time.
    pub fn changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        while let Ok(committed) = self.committed.try_recv() {
            changes.extend(committed.changes);
        }
        changes
    }

    /// The number of the last commit that was handed out since the last time.
    pub fn last_commit(&mut self) -> u64 {
        let mut last = 0;
        while let Ok(committed) = self.committed.try_recv() {
            assert!(committed.commit > last, "commit numbers grow");
            last = committed.commit;
        }
        last
    }
}

thread_local! {
    static SALT: Cell<u32> = const { Cell::new(0) };
}

/// Make the ids of this thread's tests others than those of every other salt, for stores whose tests
/// share one database. Their order stays. To be called before the first id is made.
pub fn salt(salt: u32) {
    SALT.set(salt);
}

fn id(base: u128, n: u64) -> Uuid {
    Uuid::from_u128(base | u128::from(SALT.get()) << 80 | u128::from(n))
}

/// The nth person.
#[must_use]
pub fn user(n: u64) -> UserId {
    UserId(id(0x0190_0000_0000_7000_8000_0000_0000_0000, n))
}

/// The nth UUIDv7 of this test.
#[must_use]
pub fn uuid7(n: u64) -> Uuid {
    id(0x0191_0000_0000_7000_8000_0000_0000_0000, n)
}

/// One test for each named sentence.
#[macro_export]
macro_rules! sentences {
    ($open:path; $($module:ident: $($sentence:ident)*;)*) => {
        $($(#[tokio::test]
        async fn $sentence() {
            $crate::contract::$module::$sentence($open().await).await;
        })*)*
    };
}

/// Everything that a store of conversations must do.
#[macro_export]
macro_rules! conversation_contract {
    ($open:path) => {
        $crate::sentences! { $open;
            fold:
                what_was_applied_is_loaded
                of_two_writers_of_a_cell_the_higher_position_wins_in_either_order
                a_batch_that_is_applied_again_changes_nothing
                a_batch_that_is_applied_again_hands_its_changes_out_again
                an_event_is_written_once_and_another_one_in_its_place_is_an_alarm
                a_dedup_row_is_written_once
                refs_of_many_conversations_are_read_at_once
                only_refs_and_events_that_exist_are_answered
                row_16_dedup_rows_are_forgotten_by_their_age_alone
                the_restart_position_only_grows
                changes_are_handed_out_in_order_before_apply_returns;
            history:
                what_does_not_exist_is_nothing_and_no_error
                a_stretch_is_clamped_to_the_head
                a_stretch_ends_where_its_limits_are_met_and_its_newest_part_is_kept
                a_stretch_carries_the_states_of_messages_that_it_names
                row_24_ranges_cross_every_edge_without_a_hole
                members_come_by_id_in_parts
                the_list_has_left_conversations_and_most_recent_events_first
                the_list_since_a_commit_has_what_changed_after_it
                who_left_is_told_of_nothing_after_that;
            pages:
                a_page_is_a_conversation_as_it_is_for_one_person
                a_page_has_fewer_events_when_their_texts_are_long
                a_page_shows_who_joined_late_nothing_of_before
                a_page_of_an_open_group_shows_everything
                a_page_for_who_left_ends_where_they_left
                a_page_for_who_came_back_ends_at_the_hole
                a_page_of_a_large_group_has_only_ones_own_marker;
            markers:
                markers_only_grow_and_read_implies_delivered
                row_19_a_marker_beyond_the_head_is_taken_as_the_head
                who_was_never_a_member_cannot_mark
                who_left_marks_up_to_their_leaving_and_only_they_are_told
                who_joined_late_has_everything_before_read
                a_mark_that_moves_nothing_is_answered_and_not_handed_out
                a_mark_in_a_small_group_changes_everybodys_list
                a_mark_in_a_large_group_changes_ones_own_list_only;
        }
    };
}

/// Everything that a store of people must do.
#[macro_export]
macro_rules! people_contract {
    ($open:path) => {
        $crate::sentences! { $open;
            people:
                accounts_are_made_all_or_none
                a_taken_name_does_not_fail_what_is_committed_with_it
                passwords_and_settings_are_kept_and_raise_the_version
                a_profile_keeps_what_is_not_changed
                people_are_found_by_the_beginning_of_a_word_in_any_case
                wildcards_in_a_search_are_letters_like_others
                friends_are_two_who_asked
                a_block_ends_a_friendship_and_is_not_told
                taking_back_what_one_asked_leaves_a_block_where_it_is
                relations_with_nobody_change_nothing
                what_happened_can_be_noted;
            sessions:
                a_session_of_the_same_device_ends_the_one_before
                row_33_two_refreshes_at_once_give_one_successor
                an_ended_session_stays_ended_and_is_handed_out_once
                another_password_ends_the_other_sessions_in_the_same_commit
                sessions_are_listed_by_their_last_use
                old_sessions_are_forgotten;
            push:
                a_subscription_is_kept_as_it_was_given
                the_same_address_of_a_session_keeps_its_id
                a_session_and_a_person_have_only_so_many
                a_subscription_ends_with_its_session
                only_ones_own_subscription_is_ended_and_once;
        }
    };
}
