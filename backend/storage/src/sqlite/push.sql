-- Where pushes go. `target` and `says` are what an app has said, as JSON.
CREATE TABLE push (
  id      BLOB    PRIMARY KEY,
  user    BLOB    NOT NULL,
  session BLOB    NOT NULL,
  address TEXT    NOT NULL,
  target  TEXT    NOT NULL,
  says    TEXT    NOT NULL,
  created INTEGER NOT NULL,
  UNIQUE (session, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX push_of ON push (user);

-- They end with their session, whatever ends that.
CREATE TRIGGER push_ended AFTER UPDATE OF ended ON session WHEN NEW.ended IS NOT NULL BEGIN
  DELETE FROM push WHERE session = NEW.id;
END;
CREATE TRIGGER push_forgotten AFTER DELETE ON session BEGIN
  DELETE FROM push WHERE session = OLD.id;
END;
