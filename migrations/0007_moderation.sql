-- When somebody deleted its message: what is gone is not purged again.
ALTER TABLE requests ADD COLUMN deleted_at REAL;

-- How far each server's audit has been told in its log channel.
CREATE TABLE log_cursors (
    guild_id      INTEGER PRIMARY KEY,
    posted_id     INTEGER NOT NULL,                         -- rows of the audit up to this one stand there, or were passed over
    intended_id   INTEGER,                                  -- those up to this one were about to be sent in one message
    intended_at   REAL,                                     -- unix seconds
    failing_since REAL                                      -- NULL: the last message went through
) STRICT;

-- What members reported to moderators.
CREATE TABLE reports (
    id          INTEGER PRIMARY KEY,
    request_id  INTEGER NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
    reporter_id INTEGER NOT NULL,
    guild_id    INTEGER NOT NULL,
    reason      TEXT,
    reported_at REAL    NOT NULL,
    message_id  INTEGER,                                    -- the card; NULL: it has not been shown
    UNIQUE (request_id, reporter_id)
) STRICT;
CREATE INDEX reports_of_member ON reports (reporter_id, guild_id, reported_at);

-- The deletion of all of a member's messages since a time, which outlives a restart.
CREATE TABLE purges (
    id           INTEGER PRIMARY KEY,
    guild_id     INTEGER NOT NULL,
    user_id      INTEGER NOT NULL,
    since        REAL    NOT NULL,
    until        REAL    NOT NULL,                          -- when it was asked for: nothing newer goes
    asked_by     INTEGER NOT NULL,
    confirmed_at REAL,                                      -- NULL: not confirmed, and so nothing happens
    ended_at     REAL
) STRICT;
