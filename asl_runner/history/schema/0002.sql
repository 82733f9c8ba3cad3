-- Executions of every kind: which version, alias or map run they belong to, and what their machine was set to.
-- The name is no longer unique within the machine: those of Express executions may be used again.

CREATE TABLE executions_new (
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
    type          TEXT NOT NULL,
    version_arn   TEXT,
    alias_arn     TEXT,
    map_run_arn   TEXT,
    item_count    INTEGER,
    trace_header  TEXT,
    settings      TEXT
);

INSERT INTO executions_new SELECT *, 'STANDARD', NULL, NULL, NULL, NULL, NULL, NULL FROM executions;

DROP TABLE executions;

ALTER TABLE executions_new RENAME TO executions;

CREATE INDEX executions_by_name ON executions (name);

CREATE INDEX executions_by_start ON executions (start);

CREATE INDEX executions_by_status ON executions (status, start);

CREATE INDEX executions_by_machine ON executions (machine_arn, start);

CREATE INDEX executions_by_map_run ON executions (map_run_arn, start) WHERE map_run_arn IS NOT NULL;

-- State machines with their versions and aliases, activities, and the tags of both.

CREATE TABLE machines (
    arn          TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    type         TEXT NOT NULL,
    status       TEXT NOT NULL,
    definition   INTEGER NOT NULL REFERENCES definitions (id),
    role_arn     TEXT NOT NULL,
    settings     TEXT NOT NULL,
    revision     TEXT,
    created      REAL NOT NULL,
    updated      REAL NOT NULL,
    last_version INTEGER NOT NULL,
    asked        TEXT NOT NULL
);

CREATE INDEX machines_by_created ON machines (created, arn);

CREATE TABLE versions (
    machine     TEXT NOT NULL REFERENCES machines (arn),
    number      INTEGER NOT NULL,
    definition  INTEGER NOT NULL REFERENCES definitions (id),
    role_arn    TEXT NOT NULL,
    settings    TEXT NOT NULL,
    revision    TEXT,
    description TEXT,
    created     REAL NOT NULL,
    PRIMARY KEY (machine, number)
);

CREATE TABLE aliases (
    machine     TEXT NOT NULL REFERENCES machines (arn),
    name        TEXT NOT NULL,
    description TEXT,
    routing     TEXT NOT NULL,
    created     REAL NOT NULL,
    updated     REAL NOT NULL,
    PRIMARY KEY (machine, name)
);

CREATE TABLE activities (
    arn        TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    encryption TEXT NOT NULL,
    created    REAL NOT NULL
);

CREATE TABLE tags (
    resource TEXT NOT NULL,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (resource, key)
);

-- The map runs of distributed Maps. How their children stand is counted in `executions`.

CREATE TABLE map_runs (
    arn                  TEXT PRIMARY KEY,
    execution_arn        TEXT NOT NULL,
    machine_arn          TEXT NOT NULL,
    status               TEXT NOT NULL,
    start                REAL NOT NULL,
    stop                 REAL,
    max_concurrency      INTEGER NOT NULL,
    tolerated_count      INTEGER,
    tolerated_percentage REAL,
    items                INTEGER NOT NULL,
    executions           INTEGER NOT NULL,
    redrive_count        INTEGER NOT NULL,
    redrive_time         REAL
);

CREATE INDEX map_runs_by_execution ON map_runs (execution_arn, start);
