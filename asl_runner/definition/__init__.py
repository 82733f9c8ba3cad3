"""Documents in, immutable state machines out, with every problem of a document found in one go."""
