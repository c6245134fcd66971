-- Where pushes go. They end with their session. `target` and `says` are what an app has said, as JSON.
CREATE TABLE push (
  id      uuid   PRIMARY KEY,
  person  uuid   NOT NULL,
  session uuid   NOT NULL REFERENCES session ON DELETE CASCADE,
  address text   COLLATE "C" NOT NULL,
  target  json   NOT NULL,
  says    json   NOT NULL,
  created bigint NOT NULL,
  CONSTRAINT push_address UNIQUE (session, address)
);
CREATE INDEX push_of ON push (person);
