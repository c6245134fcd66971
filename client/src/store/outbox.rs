//! `outbox.db`: what only this device knows. Every commit is on the disk before it returns, and
//! only one program at a time can have the file open.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use protocol::request::Person;
use protocol::{ClientRef, Code, Command, ConversationId, DeviceId, Millis, SessionId, UserId};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use super::{StoreError, quiet, remove_stray_log, set_aside};

/// The version of this schema, in `user_version`. What is in this file nobody can give again, so an
/// older one is brought up to date, never set aside.
const SCHEMA: i64 = 2;

const TABLES: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT, conversation BLOB NOT NULL, peer BLOB,
        client_ref BLOB NOT NULL UNIQUE, command TEXT NOT NULL, handed INTEGER NOT NULL DEFAULT 0,
        failed TEXT, created INTEGER NOT NULL);
    CREATE TABLE drafts (
        conversation BLOB PRIMARY KEY, text TEXT NOT NULL, reply_to INTEGER) WITHOUT ROWID;
    CREATE TABLE marks (
        conversation BLOB PRIMARY KEY, delivered INTEGER NOT NULL, read INTEGER NOT NULL)
        WITHOUT ROWID;
";

/// Who is signed in with this file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The server's address.
    pub address: String,
    /// Oneself, as last heard.
    pub person: Person,
    /// This installed app.
    pub device: DeviceId,
    /// The session.
    pub session: SessionId,
    /// Whether the refresh token is in memory only.
    pub session_only: bool,
}

/// One entry of the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The conversation that it changes.
    pub conversation: ConversationId,
    /// The other person of a direct conversation.
    pub peer: Option<UserId>,
    /// Its ref, for every resend.
    pub client_ref: ClientRef,
    /// What is to happen.
    pub command: Command,
    /// Whether it was ever handed to a connection: from then on the server may have it.
    pub handed: bool,
    /// Why it is not sent any more.
    pub failed: Option<Failure>,
    /// When it was written.
    pub created: Millis,
}

/// Why an entry stays in the outbox without being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server rejected it.
    Rejected(Code),
    /// It waited so long that the person has to say whether it is still meant.
    TooOld,
}

/// Something that is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The text so far.
    pub text: String,
    /// The seq of the message that it will answer.
    pub reply_to: Option<u64>,
}

/// The open file.
pub struct OutboxFile {
    pub(super) db: Connection,
}

impl OutboxFile {
    /// Open the file, making it if it is not there. A damaged one is set aside, never deleted; then
    /// the second value is `true`.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another program has it; when the folder cannot be written.
    pub fn open(path: &Path) -> Result<(Self, bool), StoreError> {
        remove_stray_log(path)?;
        let existed = path.exists();
        match Self::open_as_it_is(path) {
            Ok(file) => Ok((file, false)),
            Err(error) if existed && error.is_damage() => {
                tracing::error!(%error, "the outbox is set aside");
                set_aside(path)?;
                Ok((Self::open_as_it_is(path)?, true))
            }
            Err(error) => Err(error),
        }
    }

    fn open_as_it_is(path: &Path) -> Result<Self, StoreError> {
        let db = Connection::open(path)?;
        // A program that is just ending may still have it for a moment.
        db.busy_timeout(Duration::from_secs(1))?;
        let setup = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
            PRAGMA synchronous = FULL; BEGIN IMMEDIATE; COMMIT;";
        db.execute_batch(setup).map_err(in_use)?;
        let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        match version {
            0 => db.execute_batch(&format!(
                "BEGIN; {TABLES} {} PRAGMA user_version = {SCHEMA}; COMMIT;",
                quiet::TABLES
            ))?,
            1 => db.execute_batch(&format!(
                "BEGIN; {} PRAGMA user_version = {SCHEMA}; COMMIT;",
                quiet::TABLES
            ))?,
            SCHEMA => {
                let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |r| r.get(0))?;
                if verdict != "ok" {
                    return Err(StoreError::Damaged(serde::de::Error::custom(verdict)));
                }
            }
            other => {
                let what = format!("schema version {other}");
                return Err(StoreError::Damaged(serde::de::Error::custom(what)));
            }
        }
        Ok(Self { db })
    }

    /// Begin a transaction; nothing of it is kept unless it is committed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn begin(&mut self) -> Result<OutboxWrite<'_>, StoreError> {
        Ok(OutboxWrite(self.db.transaction()?))
    }

    /// Who is signed in, if anybody ever was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn identity(&self) -> Result<Option<Identity>, StoreError> {
        let sql = "SELECT value FROM meta WHERE key = 'identity'";
        let text: Option<String> = self.db.query_row(sql, [], |row| row.get(0)).optional()?;
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    /// All entries, in the order in which they were written.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn entries(&self) -> Result<Vec<Stored>, StoreError> {
        let mut query = self.db.prepare(
            "SELECT conversation, peer, client_ref, command, handed, failed, created
             FROM outbox ORDER BY id",
        )?;
        let mut rows = query.query([])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            let command: String = row.get(3)?;
            let Ok(command) = serde_json::from_str(&command) else {
                // A newer version wrote it. It stays in the file for that version.
                tracing::warn!("an entry of the outbox is not understood");
                continue;
            };
            entries.push(Stored {
                conversation: ConversationId(uuid::Uuid::from_bytes(row.get(0)?)),
                peer: row.get::<_, Option<[u8; 16]>>(1)?.map(|b| UserId(uuid::Uuid::from_bytes(b))),
                client_ref: ClientRef(uuid::Uuid::from_bytes(row.get(2)?)),
                command,
                handed: row.get(4)?,
                failed: row.get::<_, Option<String>>(5)?.map(|text| Failure::parse(&text)),
                created: row.get(6)?,
            });
        }
        Ok(entries)
    }

    /// All drafts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn drafts(&self) -> Result<BTreeMap<ConversationId, Draft>, StoreError> {
        let mut query = self.db.prepare("SELECT conversation, text, reply_to FROM drafts")?;
        let rows = query.query_map([], |row| {
            let draft = Draft { text: row.get(1)?, reply_to: row.get(2)? };
            Ok((ConversationId(uuid::Uuid::from_bytes(row.get(0)?)), draft))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All markers that no server has answered yet: delivered and read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn marks(&self) -> Result<BTreeMap<ConversationId, (u64, u64)>, StoreError> {
        let mut query = self.db.prepare("SELECT conversation, delivered, read FROM marks")?;
        let rows = query.query_map([], |row| {
            let id = ConversationId(uuid::Uuid::from_bytes(row.get(0)?));
            Ok((id, (row.get(1)?, row.get(2)?)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// One transaction on the outbox.
pub struct OutboxWrite<'a>(pub(super) Transaction<'a>);

impl OutboxWrite<'_> {
    /// Store who is signed in.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_identity(&self, identity: &Identity) -> Result<(), StoreError> {
        let json = serde_json::to_string(identity)?;
        self.0.execute("INSERT OR REPLACE INTO meta VALUES ('identity', ?)", [json])?;
        Ok(())
    }

    /// Add an entry at the end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn add(&self, entry: &Stored) -> Result<(), StoreError> {
        let sql = "INSERT INTO outbox (conversation, peer, client_ref, command, handed, created)
            VALUES (?, ?, ?, ?, ?, ?)";
        self.0.prepare_cached(sql)?.execute(params![
            entry.conversation.bytes(),
            entry.peer.as_ref().map(UserId::bytes),
            entry.client_ref.bytes(),
            serde_json::to_string(&entry.command)?,
            entry.handed,
            entry.created
        ])?;
        Ok(())
    }

    /// Give an entry another command.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn change(&self, client_ref: ClientRef, command: &Command) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET command = ? WHERE client_ref = ?";
        let json = serde_json::to_string(command)?;
        self.0.prepare_cached(sql)?.execute(params![json, client_ref.bytes()])?;
        Ok(())
    }

    /// Note that an entry is about to be handed to a connection.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn hand(&self, client_ref: ClientRef) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET handed = 1 WHERE client_ref = ?";
        self.0.prepare_cached(sql)?.execute([client_ref.bytes()])?;
        Ok(())
    }

    /// Note that an entry is not to be sent any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn fail(&self, client_ref: ClientRef, why: Failure) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET failed = ? WHERE client_ref = ?";
        self.0.prepare_cached(sql)?.execute(params![why.as_str(), client_ref.bytes()])?;
        Ok(())
    }

    /// Remove an entry.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn remove(&self, client_ref: ClientRef) -> Result<(), StoreError> {
        let sql = "DELETE FROM outbox WHERE client_ref = ?";
        self.0.prepare_cached(sql)?.execute([client_ref.bytes()])?;
        Ok(())
    }

    /// Store a draft, or remove it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn draft(&self, of: ConversationId, draft: Option<&Draft>) -> Result<(), StoreError> {
        match draft {
            Some(draft) => self
                .0
                .prepare_cached("INSERT OR REPLACE INTO drafts VALUES (?, ?, ?)")?
                .execute(params![of.bytes(), draft.text, draft.reply_to])?,
            None => self
                .0
                .prepare_cached("DELETE FROM drafts WHERE conversation = ?")?
                .execute([of.bytes()])?,
        };
        Ok(())
    }

    /// Store a marker until it is answered, or remove it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn mark(&self, of: ConversationId, mark: Option<(u64, u64)>) -> Result<(), StoreError> {
        match mark {
            Some((delivered, read)) => self
                .0
                .prepare_cached("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)")?
                .execute(params![of.bytes(), delivered, read])?,
            None => self
                .0
                .prepare_cached("DELETE FROM marks WHERE conversation = ?")?
                .execute([of.bytes()])?,
        };
        Ok(())
    }

    /// Keep all of it, on the disk.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing is kept.
    pub fn commit(self) -> Result<(), StoreError> {
        Ok(self.0.commit()?)
    }
}

impl Failure {
    fn as_str(self) -> &'static str {
        match self {
            Self::Rejected(code) => code.as_str(),
            Self::TooOld => "too_old",
        }
    }

    fn parse(text: &str) -> Self {
        if text == "too_old" { Self::TooOld } else { Self::Rejected(Code::parse(text)) }
    }

    /// The server's code, if it was the server.
    #[must_use]
    pub fn code(self) -> Option<Code> {
        match self {
            Self::Rejected(code) => Some(code),
            Self::TooOld => None,
        }
    }
}

fn in_use(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            StoreError::InUse
        }
        _ => error.into(),
    }
}
