-- What is about to be sent as a new message: a start that finds this looks for it before it sends anything.
ALTER TABLE requests ADD COLUMN anew_intended_at REAL;  -- one that answers the waiting message; NULL once message_id is it
ALTER TABLE requests ADD COLUMN dm_intended_at REAL;    -- one to the owner alone
