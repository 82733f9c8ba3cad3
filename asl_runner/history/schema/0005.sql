-- The inputs that redrives gave to states they went on in: of redrive number `redrive`, to the open state of `scope`.

CREATE TABLE redrive_inputs (
    execution INTEGER NOT NULL REFERENCES executions (id),
    redrive   INTEGER NOT NULL,
    scope     TEXT NOT NULL,
    input     BLOB NOT NULL,
    PRIMARY KEY (execution, redrive, scope)
);
