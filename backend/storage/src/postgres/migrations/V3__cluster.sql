-- What all nodes of a cluster agree on: which topic of a name positions are counted in. A topic that is made anew under its old name has
-- another id, and then an epoch of its own.
CREATE TABLE topic (
  name  text COLLATE "C" PRIMARY KEY,
  id    text NOT NULL,
  epoch int  NOT NULL CHECK (epoch BETWEEN 1 AND 400)
);
