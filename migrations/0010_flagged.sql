-- The pictures that a safety checker flagged, and what moderators said of those about which they were asked.
CREATE TABLE flagged_pictures (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,          -- in custom_ids: never given twice
    request_id  INTEGER NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
    position    INTEGER NOT NULL,                           -- of several pictures, from 0
    way         TEXT    NOT NULL CHECK (way IN ('spoiler', 'stand-in', 'show')),
    sha256      TEXT,                                       -- the original's file, where moderators may be asked
    extension   TEXT,                                       -- what kind of file that is
    appealed_at REAL,                                       -- unix seconds
    card_id     INTEGER,                                    -- the message that asks the moderators
    decided_at  REAL,
    decision    TEXT CHECK (decision IN ('approved', 'upheld')),
    UNIQUE (request_id, position)
) STRICT;

-- What each member has heard of the models' licences.
CREATE TABLE licences (
    user_id   INTEGER NOT NULL,
    licence   TEXT    NOT NULL,                             -- as a model's card names it
    told_at   REAL,                                         -- with their first picture
    agreed_at REAL,
    PRIMARY KEY (user_id, licence)
) STRICT, WITHOUT ROWID;
