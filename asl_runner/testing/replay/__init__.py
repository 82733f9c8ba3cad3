"""Record and replay: executions kept as files, and run again, also changed, with the answers the world gave then."""
