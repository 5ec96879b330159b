-- What a server's moderators do not want drawn; rows are added and removed, never changed.
CREATE TABLE filters (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id    INTEGER NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('word', 'phrase', 'regex')),
    pattern     TEXT    NOT NULL,
    place       TEXT    NOT NULL CHECK (place IN ('prompt', 'negative', 'both')),
    action      TEXT    NOT NULL CHECK (action IN ('refuse', 'replace', 'log')),
    replacement TEXT,                                       -- what takes the place of what was found
    reason      TEXT,
    added_by    INTEGER NOT NULL,
    added_at    REAL    NOT NULL,
    CHECK ((replacement IS NOT NULL) = (action = 'replace')),
    UNIQUE (guild_id, kind, pattern)
) STRICT;
