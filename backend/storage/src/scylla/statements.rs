//! Every statement of this store, in one place, so that one test can read them all.
//!
//! What the fold writes says `USING TIMESTAMP :position`: last write wins then is log order, and an
//! owner that was overtaken writes the same or older cells. There is no condition (`IF`), no batch and
//! no delete: each of them would bring an order or a clock of its own.

use scylla::client::session::Session;
use scylla::statement::Statement;
use scylla::statement::prepared::PreparedStatement;

/// The largest page of an answer, in rows.
pub(super) const PAGE: i32 = 200;

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// All statements, prepared once for each connection of the store.
        pub(super) struct Statements {
            $($(#[$doc])* pub(super) $name: PreparedStatement,)*
        }

        impl Statements {
            /// Prepare all of them at once, in the keyspace that the session uses.
            pub(super) async fn prepare(
                session: &Session,
            ) -> Result<Self, scylla::errors::PrepareError> {
                let ($($name,)*) =
                    futures_util::try_join!($(prepare(session, $text),)*)?;
                Ok(Self { $($name,)* })
            }
        }

        #[cfg(test)]
        const PREPARED: &[&str] = &[$($text),*];
    };
}

/// Each may be sent twice, also to another node: a position says which write is newer, not the moment.
async fn prepare(
    session: &Session,
    text: &str,
) -> Result<PreparedStatement, scylla::errors::PrepareError> {
    let mut statement = Statement::new(text);
    statement.set_is_idempotent(true);
    statement.set_page_size(PAGE);
    session.prepare(statement).await
}

statements! {
    put_event = "INSERT INTO events (conversation_id, bucket, seq, event)
        VALUES (:conversation_id, :bucket, :seq, :event) USING TIMESTAMP :position";
    put_title = "INSERT INTO titles (conversation_id, seq, title)
        VALUES (:conversation_id, :seq, :title) USING TIMESTAMP :position";
    /// A day above the 90 days that they are promised, for clocks that are wrong.
    put_ref = "INSERT INTO refs (conversation_id, sender, client_ref, position, outcome)
        VALUES (:conversation_id, :sender, :client_ref, :position, :outcome)
        USING TIMESTAMP :position AND TTL 7862400";
    put_head = "UPDATE conversations USING TIMESTAMP :position SET head = :head
        WHERE conversation_id = :conversation_id";
    put_own = "UPDATE conversations USING TIMESTAMP :position SET own = :own
        WHERE conversation_id = :conversation_id";
    put_member = "UPDATE members USING TIMESTAMP :position SET member = :member
        WHERE conversation_id = :conversation_id AND user_id = :user_id";
    put_membership = "UPDATE memberships USING TIMESTAMP :position SET member = :member
        WHERE user_id = :user_id AND conversation_id = :conversation_id";
    put_state = "UPDATE events USING TIMESTAMP :position SET state = :state
        WHERE conversation_id = :conversation_id AND bucket = :bucket AND seq = :seq";
    put_restart = "UPDATE restarts USING TIMESTAMP :position SET position = :position
        WHERE log_partition = :log_partition";

    put_delivered = "UPDATE markers USING TIMESTAMP :seq SET delivered_seq = :seq
        WHERE conversation_id = :conversation_id AND user_id = :user_id";
    put_read = "UPDATE markers USING TIMESTAMP :seq SET read_seq = :seq
        WHERE conversation_id = :conversation_id AND user_id = :user_id";
    put_told_delivered = "UPDATE markers USING TIMESTAMP :seq SET told_delivered_seq = :seq
        WHERE conversation_id = :conversation_id AND user_id = :user_id";
    put_told_read = "UPDATE markers USING TIMESTAMP :seq SET told_read_seq = :seq
        WHERE conversation_id = :conversation_id AND user_id = :user_id";

    /// The seq stands for the log position, which an inbox frame does not carry: both grow together
    /// within a conversation, and the same seq is the same event.
    put_activity = "UPDATE list_rows USING TIMESTAMP :seq SET activity = :activity
        WHERE user_id = :user_id AND conversation_id = :conversation_id";
    put_changed = "UPDATE list_rows USING TIMESTAMP :changed SET changed = :changed
        WHERE user_id = :user_id AND conversation_id = :conversation_id";

    events = "SELECT seq, event, state FROM events
        WHERE conversation_id = ? AND bucket = ? AND seq >= ? AND seq <= ?";
    title = "SELECT seq, title FROM titles WHERE conversation_id = ? AND seq <= ? LIMIT 1";
    /// The first record that carried it.
    reference = "SELECT position, outcome FROM refs
        WHERE conversation_id = ? AND sender = ? AND client_ref = ? LIMIT 1";
    head = "SELECT head FROM conversations WHERE conversation_id = ?";
    own = "SELECT own FROM conversations WHERE conversation_id = ?";
    member = "SELECT member FROM members WHERE conversation_id = ? AND user_id = ?";
    members = "SELECT user_id, member FROM members WHERE conversation_id = ? AND user_id > ?";
    memberships = "SELECT conversation_id, member FROM memberships WHERE user_id = ?";
    restart = "SELECT position FROM restarts WHERE log_partition = ?";
    marker = "SELECT delivered_seq, read_seq, told_delivered_seq, told_read_seq FROM markers
        WHERE conversation_id = ? AND user_id = ?";
    markers = "SELECT user_id, delivered_seq, read_seq FROM markers
        WHERE conversation_id = ? AND user_id >= ? AND user_id <= ?";
    list_rows = "SELECT conversation_id, activity, changed FROM list_rows WHERE user_id = ?";
}

/// Which migrations were made. Only the runner of migrations writes it, under the caller's lock.
pub(super) const MIGRATIONS_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    number bigint PRIMARY KEY, name text, checksum bigint)";
/// Whether there is such a table.
pub(super) const HAS_TABLE: &str = "SELECT table_name FROM system_schema.tables
    WHERE keyspace_name = ? AND table_name = 'schema_migrations'";
/// All that were made.
pub(super) const MIGRATIONS: &str = "SELECT number, name, checksum FROM schema_migrations";
/// One more was made.
pub(super) const PUT_MIGRATION: &str =
    "INSERT INTO schema_migrations (number, name, checksum) VALUES (?, ?, ?)";
/// The database's id.
pub(super) const DATABASE: &str = "SELECT database_id FROM about WHERE id = 0";
/// Given once, under the caller's lock.
pub(super) const PUT_DATABASE: &str = "INSERT INTO about (id, database_id) VALUES (0, ?)";

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables that the fold writes.
    const FOLD: [&str; 7] =
        ["events", "titles", "refs", "conversations", "members", "memberships", "restarts"];
    /// The tables of the runner of migrations.
    const RUNNER: [&str; 2] = ["schema_migrations", "about"];

    /// Why a statement must not be; `None` for one that may.
    fn fault(text: &str) -> Option<String> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let upper = text.to_uppercase();
        let words: Vec<_> = text.split(' ').collect();
        let table = match (words[0].to_uppercase().as_str(), words.get(1)) {
            ("SELECT", _) => return None,
            ("INSERT", _) => words[2],
            ("UPDATE", Some(table)) => table,
            _ => return Some(format!("neither read, insert nor update: {text}")),
        };
        let timestamp = words
            .iter()
            .position(|word| *word == "TIMESTAMP")
            .and_then(|at| words.get(at + 1))
            .copied()
            .unwrap_or_default();
        let sets = words.iter().position(|word| *word == "SET").map(|at| words[at + 1..].to_vec());
        let value = sets.as_ref().and_then(|sets| sets.get(2)).copied().unwrap_or_default();
        let right = match table {
            _ if upper.contains(" IF ") || upper.contains("NULL") => false,
            "markers" => timestamp == ":seq" && value == ":seq" && sets.unwrap()[3] == "WHERE",
            "list_rows" if text.contains(" SET changed ") => {
                timestamp == ":changed" && value == ":changed"
            }
            "list_rows" => timestamp == ":seq" && value == ":activity",
            table if FOLD.contains(&table) => timestamp == ":position",
            table => RUNNER.contains(&table),
        };
        (!right).then_some(text)
    }

    #[test]
    fn every_write_of_the_fold_says_its_position_and_every_write_of_a_marker_its_seq() {
        let others = [PUT_MIGRATION, PUT_DATABASE, MIGRATIONS, DATABASE, HAS_TABLE];
        let all: Vec<_> = PREPARED.iter().copied().chain(others).collect();
        assert!(all.len() > 25);
        let faults: Vec<_> = all.into_iter().filter_map(fault).collect();
        assert_eq!(faults, Vec::<String>::new());
    }

    #[test]
    fn statements_that_would_break_the_order_are_noticed() {
        for wrong in [
            "INSERT INTO events (seq) VALUES (?)",
            "UPDATE conversations SET head = ? WHERE conversation_id = ?",
            "UPDATE conversations USING TIMESTAMP :seq SET head = :head WHERE id = :id",
            "UPDATE conversations USING TIMESTAMP :position SET head = :head WHERE id = :id IF EXISTS",
            "UPDATE markers USING TIMESTAMP :position SET read_seq = :seq WHERE user_id = :user_id",
            "UPDATE markers USING TIMESTAMP :seq SET read_seq = :seq, told = :told WHERE a = :a",
            "UPDATE list_rows USING TIMESTAMP :seq SET changed = :changed WHERE a = :a",
            "DELETE FROM members USING TIMESTAMP :position WHERE user_id = :user_id",
            "UPDATE new_table USING TIMESTAMP :position SET a = :a WHERE b = :b",
        ] {
            assert!(fault(wrong).is_some(), "{wrong}");
        }
    }

    /// A statement anywhere else would not be read by the test above.
    #[test]
    fn no_other_file_of_this_store_has_a_statement() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/scylla");
        let mut read = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let own = path.ends_with("statements.rs");
            if own || path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            read += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            for word in ["INSERT INTO", "UPDATE ", "DELETE FROM", "BEGIN BATCH", "TRUNCATE"] {
                assert!(!text.contains(word), "{} has `{word}`", path.display());
            }
        }
        assert!(read > 5);
    }
}
