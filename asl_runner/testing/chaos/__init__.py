"""Failure search: every error each task can raise, injected one at a time and in pairs, in virtual time."""
