-- A deleted message is told by its number alone.
CREATE INDEX requests_of_message ON requests (message_id) WHERE message_id IS NOT NULL;
