"""Runs a state machine: a deterministic function of definition, input and what the world answers."""
