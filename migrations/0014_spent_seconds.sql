-- What the pictures of a request took of the device; charged is never more than was reserved. 0: it is not known.
ALTER TABLE requests ADD COLUMN spent_s REAL NOT NULL DEFAULT 0;
UPDATE requests SET spent_s = charged_s WHERE ended_at IS NOT NULL AND charged > 0;
