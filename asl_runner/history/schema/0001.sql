-- Executions, and their histories in segments.

CREATE TABLE definitions (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
);

CREATE TABLE executions (
    id            INTEGER PRIMARY KEY,
    arn           TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    machine_arn   TEXT NOT NULL,
    machine_name  TEXT NOT NULL,
    definition    INTEGER NOT NULL REFERENCES definitions (id),
    role_arn      TEXT NOT NULL,
    input         BLOB NOT NULL,
    seed          TEXT NOT NULL,
    status        TEXT NOT NULL,
    start         REAL NOT NULL,
    stop          REAL,
    output        BLOB,
    error         TEXT,
    cause         TEXT,
    redrive_count INTEGER NOT NULL,
    redrive_time  REAL,
    owner         TEXT NOT NULL,
    pid           INTEGER NOT NULL,
    stop_asked    REAL,
    stop_error    TEXT,
    stop_cause    TEXT,
    UNIQUE (machine_arn, name)
);

CREATE INDEX executions_by_name ON executions (name);

CREATE INDEX executions_by_start ON executions (start);

CREATE INDEX executions_by_status ON executions (status, start);

CREATE TABLE segments (
    execution INTEGER NOT NULL REFERENCES executions (id),
    first     INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    events    BLOB NOT NULL,
    PRIMARY KEY (execution, first)
);
