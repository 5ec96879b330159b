-- How members put their requests, and what is to be said about that.
ALTER TABLE requests ADD COLUMN typed_prompt TEXT;  -- with the options at its end; NULL: the same as the prompt
ALTER TABLE requests ADD COLUMN notes TEXT;         -- JSON [[rule, {fact: value, ...}], ...]; NULL: none
