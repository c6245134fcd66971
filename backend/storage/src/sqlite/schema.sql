-- The first schema. Integers that are positions, commits and seqs are unsigned in the program and stay
-- far below 2^63. Every row that history depends on carries a CRC-32 of what it says; see rows.rs.

-- One row: which database this is, and how many commits it has seen.
CREATE TABLE meta (
  id            INTEGER PRIMARY KEY CHECK (id = 1),
  database      BLOB    NOT NULL,
  commit_number INTEGER NOT NULL
) STRICT;

-- Where each partition of the conversation log is to be taken up.
CREATE TABLE restart (
  partition INTEGER PRIMARY KEY,
  position  INTEGER NOT NULL
) STRICT;

-- A conversation: the head is one cell, the row of the fold another. `changed` is the commit of the last
-- event, `marks_changed` that of the last marker that every member is told of. A conversation of which
-- only rejections are known has a row with neither cell.
CREATE TABLE conversation (
  key           INTEGER PRIMARY KEY,
  id            BLOB    NOT NULL UNIQUE,
  head_seq      INTEGER NOT NULL DEFAULT 0,
  head_ord      INTEGER NOT NULL DEFAULT 0,
  head_position INTEGER NOT NULL DEFAULT -1,
  head_at       INTEGER NOT NULL DEFAULT 0,
  head_checksum INTEGER,
  changed       INTEGER NOT NULL DEFAULT 0,
  marks_changed INTEGER NOT NULL DEFAULT 0,
  member_count  INTEGER NOT NULL DEFAULT 0,
  kind          INTEGER NOT NULL DEFAULT 0,
  title         TEXT    NOT NULL DEFAULT '',
  history_open  INTEGER NOT NULL DEFAULT 0,
  pins          TEXT    NOT NULL DEFAULT '[]',
  position      INTEGER NOT NULL DEFAULT -1,
  checksum      INTEGER
) STRICT;

-- An event and, when it is a message, its current state: two cells. `place` is the conversation's key
-- times 2^32 plus the seq, so that a stretch of history is one range of the fastest kind of table.
CREATE TABLE event (
  place          INTEGER PRIMARY KEY,
  ord            INTEGER NOT NULL,
  at             INTEGER NOT NULL,
  position       INTEGER NOT NULL,
  sender         BLOB    NOT NULL,
  client_ref     BLOB    NOT NULL,
  kind           TEXT    NOT NULL,
  checksum       INTEGER NOT NULL,
  state          TEXT,
  state_position INTEGER,
  state_checksum INTEGER
) STRICT;

-- What became of a command. The ref comes first in the key: refs are UUIDv7, so that new rows of all
-- conversations fall on the same few pages and a commit writes them once.
CREATE TABLE ref (
  client_ref   BLOB    NOT NULL,
  sender       BLOB    NOT NULL,
  conversation INTEGER NOT NULL,
  position     INTEGER NOT NULL,
  seq          INTEGER,
  code         TEXT,
  hash         BLOB    NOT NULL,
  at           INTEGER NOT NULL,
  PRIMARY KEY (client_ref, sender, conversation)
) STRICT, WITHOUT ROWID;
CREATE INDEX ref_at ON ref (at);

-- A member, past or present. `joined_seq` and `left_seq` repeat the last of `periods`; `left_title` is
-- the group's name at that moment. The markers are cells of their own that only marks write.
CREATE TABLE member (
  conversation  INTEGER NOT NULL,
  user          BLOB    NOT NULL,
  role          INTEGER NOT NULL,
  periods       TEXT    NOT NULL,
  position      INTEGER NOT NULL,
  checksum      INTEGER NOT NULL,
  joined_seq    INTEGER NOT NULL,
  left_seq      INTEGER,
  left_title    TEXT    NOT NULL DEFAULT '',
  changed       INTEGER NOT NULL,
  delivered     INTEGER NOT NULL DEFAULT 0,
  read          INTEGER NOT NULL DEFAULT 0,
  marks_changed INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (conversation, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_of ON member (user);

-- How many members there are now, kept by the database itself.
CREATE TRIGGER member_came AFTER INSERT ON member WHEN NEW.left_seq IS NULL BEGIN
  UPDATE conversation SET member_count = member_count + 1 WHERE key = NEW.conversation;
END;
CREATE TRIGGER member_changed AFTER UPDATE OF left_seq ON member
WHEN (OLD.left_seq IS NULL) <> (NEW.left_seq IS NULL) BEGIN
  UPDATE conversation
  SET member_count = member_count + (NEW.left_seq IS NULL) - (OLD.left_seq IS NULL)
  WHERE key = NEW.conversation;
END;

CREATE TABLE account (
  id            BLOB    PRIMARY KEY,
  name          TEXT    NOT NULL UNIQUE,
  display_name  TEXT    NOT NULL,
  about         TEXT    NOT NULL DEFAULT '',
  password_hash TEXT,
  settings      TEXT    NOT NULL DEFAULT '{}',
  version       INTEGER NOT NULL DEFAULT 1,
  created       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a search for people looks at: the account name, and the display name from each of its words on,
-- in lower case. A prefix is a range of it, so no wildcard has a meaning.
CREATE TABLE account_word (
  word TEXT NOT NULL,
  user BLOB NOT NULL,
  PRIMARY KEY (word, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_word_of ON account_word (user);

CREATE TABLE audit (
  id     INTEGER PRIMARY KEY,
  at     INTEGER NOT NULL,
  user   BLOB,
  action TEXT    NOT NULL,
  detail TEXT    NOT NULL
) STRICT;

CREATE TABLE session (
  id          BLOB    PRIMARY KEY,
  user        BLOB    NOT NULL,
  device      BLOB    NOT NULL,
  device_name TEXT    NOT NULL,
  platform    TEXT    NOT NULL,
  created     INTEGER NOT NULL,
  used        INTEGER NOT NULL,
  generation  INTEGER NOT NULL,
  ended       INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX session_of ON session (user);

-- What one person made of another: 0 asked, 1 blocked.
CREATE TABLE relation (
  user     BLOB    NOT NULL,
  other    BLOB    NOT NULL,
  relation INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  PRIMARY KEY (user, other)
) STRICT, WITHOUT ROWID;
CREATE INDEX relation_to ON relation (other);
