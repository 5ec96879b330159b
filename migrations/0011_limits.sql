-- Limits of servers, channels, roles and members, each with its expiry and reason; some are a common pot.
CREATE TABLE rules (
    guild_id   INTEGER NOT NULL,
    scope      TEXT    NOT NULL CHECK (scope IN ('server', 'channel', 'role', 'member')),
    scope_id   INTEGER NOT NULL,                            -- the channel's, role's or member's; 0: the server's own
    name       TEXT    NOT NULL,
    value      TEXT    NOT NULL CHECK (json_valid(value)),  -- a number, a list of names, or null: everything
    is_pool    INTEGER NOT NULL DEFAULT 0 CHECK (is_pool IN (0, 1)),
    expires_at REAL,                                        -- unix seconds; NULL: never
    reason     TEXT,                                        -- in a moderator's words
    set_by     INTEGER NOT NULL,
    set_at     REAL    NOT NULL,
    PRIMARY KEY (guild_id, scope, scope_id, name),
    CHECK ((scope = 'server') = (scope_id = 0))
) STRICT, WITHOUT ROWID;
INSERT INTO rules (guild_id, scope, scope_id, name, value, set_by, set_at)
SELECT guild_id, iif(user_id = 0, 'server', 'member'), user_id, name, CAST(value AS TEXT), set_by, set_at FROM limits;
DROP TABLE limits;
ALTER TABLE rules RENAME TO limits;

-- Changes of limits that a moderator has yet to confirm, since they would withdraw what waits.
CREATE TABLE limit_proposals (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id    INTEGER NOT NULL,
    actor_id    INTEGER NOT NULL,
    change      TEXT    NOT NULL CHECK (json_valid(change)),
    withdraws   INTEGER NOT NULL,                           -- how many requests, as the moderator was told
    proposed_at REAL    NOT NULL
) STRICT;

ALTER TABLE requests ADD COLUMN joined_at REAL;             -- when the member had joined the server; NULL: unknown

-- What was had since a moment: by one member in one place and everywhere, and by a whole server or channel.
DROP INDEX requests_ledger;
CREATE INDEX requests_of_member ON requests (user_id, created_at, guild_id, charged, charged_s, state);
CREATE INDEX requests_of_guild ON requests (guild_id, created_at, ruling_channel_id, charged, charged_s, state);
CREATE INDEX requests_unfinished_of_guild ON requests (guild_id, ruling_channel_id, state)
    WHERE state IN ('queued', 'running');
