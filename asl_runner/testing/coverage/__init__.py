"""Coverage of state machines: what of a definition the runs of a test session did, and what they never did."""
