-- The definitions an execution ran before redrives that changed it: `definition` until redrive number `redrive`.

CREATE TABLE former_definitions (
    execution  INTEGER NOT NULL REFERENCES executions (id),
    redrive    INTEGER NOT NULL,
    definition INTEGER NOT NULL REFERENCES definitions (id),
    PRIMARY KEY (execution, redrive)
);
