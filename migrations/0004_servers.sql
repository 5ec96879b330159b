-- Where a request comes from, as far as rules speak of it.
ALTER TABLE requests ADD COLUMN ruling_channel_id INTEGER NOT NULL DEFAULT 0;  -- a thread's parent; else the channel; 0: unknown
ALTER TABLE requests ADD COLUMN is_age_restricted INTEGER NOT NULL DEFAULT 0 CHECK (is_age_restricted IN (0, 1));
ALTER TABLE requests ADD COLUMN role_ids TEXT NOT NULL DEFAULT '[]';           -- JSON: the member's roles there
UPDATE requests SET ruling_channel_id = channel_id;

-- The seconds of GPU: reserved as estimated when admitted, what was spent when ended.
ALTER TABLE requests ADD COLUMN estimated_s REAL NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN charged_s REAL NOT NULL DEFAULT 0;

-- What a server's moderators set once for all.
CREATE TABLE server_settings (
    guild_id           INTEGER PRIMARY KEY,
    time_zone          TEXT    NOT NULL DEFAULT 'UTC',      -- of the IANA time zone database
    log_channel_id     INTEGER,
    moderators_role_id INTEGER,
    -- what becomes of a flagged picture in an age-restricted channel
    flagged            TEXT    NOT NULL DEFAULT 'spoiler' CHECK (flagged IN ('spoiler', 'stand-in', 'show'))
) STRICT;

-- Who may not draw: in one server, or everywhere (guild_id 0).
CREATE TABLE blocks (
    guild_id   INTEGER NOT NULL,
    user_id    INTEGER NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('moderator', 'owner', 'floor')),
    until      REAL,                                        -- unix seconds; NULL: for good
    reason     TEXT,
    blocked_by INTEGER,                                     -- NULL: the bot itself
    blocked_at REAL    NOT NULL,
    PRIMARY KEY (user_id, guild_id, kind)
) STRICT, WITHOUT ROWID;

-- Who did what, when and why; of requests by their numbers, so that what is erased there is erased everywhere.
CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         REAL    NOT NULL,
    guild_id   INTEGER,                                     -- NULL: everywhere, or a direct message
    actor_id   INTEGER,                                     -- NULL: the bot itself
    action     TEXT    NOT NULL,                            -- a key of the catalogue: audit-ACTION
    user_id    INTEGER,                                     -- whom it is about
    request_id INTEGER,
    reason     TEXT,                                        -- in a person's words
    facts      TEXT    NOT NULL DEFAULT '{}'                -- JSON: what the sentence names; never a prompt
) STRICT;
CREATE INDEX audit_of_guild ON audit (guild_id, id);
CREATE INDEX audit_of_user ON audit (user_id, action, at);

-- The servers that the bot has left: what belongs to them goes some time later.
CREATE TABLE left_servers (
    guild_id INTEGER PRIMARY KEY,
    left_at  REAL    NOT NULL
) STRICT;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit is append-only');
END;
CREATE TRIGGER audit_goes_only_with_its_server BEFORE DELETE ON audit
WHEN NOT EXISTS (SELECT 1 FROM left_servers WHERE left_servers.guild_id = OLD.guild_id)
BEGIN
    SELECT RAISE(ABORT, 'audit is append-only');
END;
