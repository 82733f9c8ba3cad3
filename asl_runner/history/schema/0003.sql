-- Whether the results of a map run have been handed over: exported, or given to its state.

ALTER TABLE map_runs ADD COLUMN results_written INTEGER NOT NULL DEFAULT 0;

UPDATE map_runs SET results_written = 1 WHERE status = 'SUCCEEDED';
