-- When a request's words were erased; who asked, what it cost and its seeds stay.
ALTER TABLE requests ADD COLUMN erased_at REAL;
CREATE INDEX requests_with_words ON requests (ended_at) WHERE ended_at IS NOT NULL AND erased_at IS NULL;

-- Messages of the bot that are to be deleted from Discord, whenever it takes that.
CREATE TABLE doomed_messages (
    message_id INTEGER PRIMARY KEY,
    channel_id INTEGER NOT NULL,
    guild_id   INTEGER
) STRICT;
