-- Servers whose moderators let nothing start for now; guild_id 0: the bot's owner, everywhere.
CREATE TABLE paused_servers (
    guild_id  INTEGER PRIMARY KEY,
    paused_by INTEGER NOT NULL,
    paused_at REAL    NOT NULL
) STRICT;
