-- How prompts are encoded, and what each picture is drawn from.
ALTER TABLE requests ADD COLUMN max_embeddings_multiples INTEGER;       -- NULL: as many as the prompt needs
ALTER TABLE requests ADD COLUMN clip_skip INTEGER NOT NULL DEFAULT 1;
ALTER TABLE requests ADD COLUMN variants TEXT;  -- JSON [[prompt, seed], ...], one a picture; NULL: the prompt as typed
