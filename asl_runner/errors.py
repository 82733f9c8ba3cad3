"""The exceptions asl_runner raises to its callers.

    AslRunnerError
    ├── UsageError              a wrong argument, option or configuration value
    │   └── ConfigurationError  a problem in asl-runner.toml, with the file and the key
    ├── InvalidDefinition       a state machine document with errors (definition room adds the diagnostics)
    ├── NotFound                an execution, function, bucket or job that does not exist here
    └── WorkspaceError          the workspace directory cannot be read or written

A failure *inside* an execution is data (an error name and a cause), never one of these: see
`asl_runner.interpreter.errors`.
"""

from __future__ import annotations

from collections.abc import Iterable


class AslRunnerError(Exception):
    """Base of everything raised for the caller to read; `str()` is one clear message without a traceback."""


class UsageError(AslRunnerError):
    """The caller asked for something that cannot be done as asked."""


class ConfigurationError(UsageError):
    """The configuration is wrong; the message names the file and the key."""


class InvalidDefinition(AslRunnerError):
    """A state machine document has errors and cannot be run."""


class NotFound(AslRunnerError):
    """A named thing does not exist in this workspace."""


class WorkspaceError(AslRunnerError):
    """The workspace directory cannot be used (read-only, full disk, locked, newer schema)."""


def near(word: str, allowed: Iterable[str]) -> str:
    """The end of a message about a name that is none: the one that was probably meant, or those there are."""
    import difflib

    names = list(allowed)
    close = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(map(repr, names)) or 'none'}."
