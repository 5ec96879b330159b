-- What tells this file from another program's: "imag".
PRAGMA application_id = 0x696D6167;

-- The request row is queue entry, quota ledger, seed record and history in one.
CREATE TABLE requests (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    kind                TEXT    NOT NULL CHECK (kind IN ('imagine', 'reroll', 'edit', 'again', 'example')),
    parent_id           INTEGER REFERENCES requests (id),
    -- who asked, and where the answer goes
    user_id             INTEGER NOT NULL,
    guild_id            INTEGER,                       -- NULL: a direct message
    channel_id          INTEGER NOT NULL,
    message_id          INTEGER,                       -- the waiting message; NULL until Discord has shown it
    interaction_id      INTEGER NOT NULL,
    interaction_token   TEXT    NOT NULL,
    attachment_limit    INTEGER NOT NULL,              -- bytes a file, as the interaction said
    locale              TEXT    NOT NULL,
    -- what was asked, completed from the model's card
    model               TEXT    NOT NULL,
    prompt              TEXT    NOT NULL,
    negative_prompt     TEXT    NOT NULL,
    width               INTEGER NOT NULL,
    height              INTEGER NOT NULL,
    num_inference_steps INTEGER NOT NULL,
    guidance_scale      REAL    NOT NULL,
    seed                INTEGER NOT NULL,
    scheduler           TEXT    NOT NULL,
    num_images          INTEGER NOT NULL,
    -- the ledger: reserved when admitted, what was delivered when ended
    day                 TEXT    NOT NULL,              -- UTC, YYYY-MM-DD
    charged             INTEGER NOT NULL CHECK (charged BETWEEN 0 AND num_images),
    -- the road; times are unix seconds
    state               TEXT    NOT NULL DEFAULT 'queued'
                        CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    reason              TEXT,                          -- why it failed or was cancelled: a key of the catalogue
    failed_attempts     INTEGER NOT NULL DEFAULT 0,    -- errors of the engine
    interruptions       INTEGER NOT NULL DEFAULT 0,    -- starts of the bot that found it running
    flagged             INTEGER NOT NULL DEFAULT 0,    -- pictures withheld by the safety checker
    created_at          REAL    NOT NULL,
    started_at          REAL,
    delivering_at       REAL,                          -- the pictures are about to be put into the message
    ended_at            REAL,
    told_at             REAL,                          -- the waiting message shows how it ended
    ping_intended_at    REAL,
    pinged_at           REAL
) STRICT;

CREATE INDEX requests_unfinished ON requests (user_id, guild_id) WHERE state IN ('queued', 'running');
CREATE INDEX requests_untold ON requests (id) WHERE ended_at IS NOT NULL AND told_at IS NULL;
CREATE INDEX requests_unpinged ON requests (id) WHERE ping_intended_at IS NOT NULL AND pinged_at IS NULL;
CREATE INDEX requests_ledger ON requests (user_id, guild_id, day, charged);
CREATE INDEX requests_history ON requests (user_id, guild_id, id);
CREATE INDEX requests_children ON requests (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX requests_message ON requests (message_id);

-- What a server's moderators set; user_id 0 is the whole server.
CREATE TABLE limits (
    guild_id INTEGER NOT NULL,
    user_id  INTEGER NOT NULL DEFAULT 0,
    name     TEXT    NOT NULL CHECK (name IN ('pictures_per_day', 'places_in_line', 'pixels', 'steps')),
    value    INTEGER NOT NULL CHECK (value >= 0),
    set_by   INTEGER NOT NULL,
    set_at   REAL    NOT NULL,
    PRIMARY KEY (guild_id, user_id, name)
) STRICT, WITHOUT ROWID;

-- The server that was adopted because SERVERS is empty: one row at most.
CREATE TABLE adopted_server (
    only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
    guild_id   INTEGER NOT NULL,
    adopted_at REAL    NOT NULL
) STRICT;
