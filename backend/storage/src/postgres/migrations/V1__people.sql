-- People: what the embedded form keeps beside chat history, under the same names. Moments are
-- milliseconds since 1970. Text that is compared is compared byte by byte, whatever the server's locale.

CREATE TABLE account (
  id            uuid     PRIMARY KEY,
  name          text     COLLATE "C" NOT NULL,
  display_name  text     NOT NULL,
  about         text     NOT NULL DEFAULT '',
  password_hash text,
  settings      json     NOT NULL DEFAULT '{}',
  version       bigint   NOT NULL DEFAULT 1,
  created       bigint   NOT NULL,
  CONSTRAINT account_name UNIQUE (name)
);

-- What a search for people looks at: the account name, and the display name from each of its words on,
-- in lower case. A prefix is a range of it, so no wildcard has a meaning.
CREATE TABLE account_word (
  word   text COLLATE "C" NOT NULL,
  person uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  PRIMARY KEY (word, person)
);
CREATE INDEX account_word_of ON account_word (person);

CREATE TABLE audit (
  id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at     bigint NOT NULL,
  person uuid,
  action text   NOT NULL,
  detail text   NOT NULL
);
CREATE INDEX audit_of ON audit (person, at);

CREATE TABLE session (
  id          uuid   PRIMARY KEY,
  person      uuid   NOT NULL,
  device      uuid   NOT NULL,
  device_name text   NOT NULL,
  platform    text   NOT NULL,
  created     bigint NOT NULL,
  used        bigint NOT NULL,
  generation  bigint NOT NULL,
  ended       bigint
);
CREATE INDEX session_of ON session (person);
-- A person has one session on a device at a time.
CREATE UNIQUE INDEX session_open ON session (person, device) WHERE ended IS NULL;
-- What is old is found without reading everything.
CREATE INDEX session_used ON session (used);
CREATE INDEX session_ended ON session (ended) WHERE ended IS NOT NULL;

-- What one person made of another: 0 asked, 1 blocked.
CREATE TABLE relation (
  person   uuid     NOT NULL REFERENCES account ON DELETE CASCADE,
  other    uuid     NOT NULL REFERENCES account ON DELETE CASCADE,
  relation smallint NOT NULL,
  at       bigint   NOT NULL,
  PRIMARY KEY (person, other)
);
CREATE INDEX relation_to ON relation (other);

-- What people have to hear of, written with the change itself and removed once it was told: so a
-- process that ends in between leaves it for another to tell. Either an account changed and has this
-- version, or this session was ended.
CREATE TABLE outbox (
  id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  person  uuid        NOT NULL,
  version bigint,
  session uuid,
  CONSTRAINT outbox_one_thing CHECK ((version IS NULL) <> (session IS NULL))
);
