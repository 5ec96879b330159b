-- Pictures that stay on the disk for a while. A file is named by its bytes, and stays as long as a row here names it.
CREATE TABLE files (
    sha256     TEXT    NOT NULL CHECK (length(sha256) = 64),
    kind       TEXT    NOT NULL CHECK (kind IN ('result', 'flagged')),
    request_id INTEGER NOT NULL REFERENCES requests (id),
    size_bytes INTEGER NOT NULL,
    stored_at  REAL    NOT NULL,                           -- unix seconds
    keep_until REAL    NOT NULL,
    PRIMARY KEY (sha256, kind, request_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX files_of_request ON files (request_id);
