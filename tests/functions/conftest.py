"""Fixtures of the functions room."""

from functions_project import functions_of, write

__all__ = ["functions_of", "write"]
