"""What is checked before an execution starts, so that it does not fail on its fifth state for want of configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from asl_runner.definition.model import Map, Parallel, Scope, State, Task
from asl_runner.definition.resource import Resource
from asl_runner.errors import UsageError

if TYPE_CHECKING:
    from asl_runner.interpreter.limits import Limits

NAME_LIMIT = 80
_FORBIDDEN = re.compile(r"""[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\U0010ffff]""")
"""Source: Step Functions API reference, StartExecution, `name`."""


def check_name(name: str, what: str = "execution") -> None:
    """Raises `UsageError` for a name AWS does not take."""
    if not 1 <= len(name) <= NAME_LIMIT:
        raise UsageError(f"The {what} name has {len(name)} characters; it may have 1 to {NAME_LIMIT}.")
    if bad := _FORBIDDEN.search(name):
        raise UsageError(f"The {what} name {name!r} holds {bad[0]!r}; use letters, digits, - and _.")


def check_input(text: bytes, limits: Limits) -> None:
    """Raises `UsageError` for an input over the payload limit.

    Source: StartExecution, `input`: 262,144 bytes of UTF-8.
    """
    if limits.payload_bytes is not None and len(text) > limits.payload_bytes:
        raise UsageError(
            f"The input has {len(text):,} bytes as JSON; an execution takes at most {limits.payload_bytes:,}, as on "
            "AWS. Put the data in s3:// and pass its place, or set `payload_bytes` in [limits] of the configuration."
        )


def tasks_of(scope: Scope) -> Iterator[Task]:
    """Every Task state, branches and item processors included."""
    for state in scope.states.values():
        yield from _tasks_in(state)


def resources_of(scope: Scope) -> dict[Resource, list[str]]:
    """Every resource the Tasks name, with the names of the states, in the order of the definition."""
    found: dict[Resource, list[str]] = {}
    for task in tasks_of(scope):
        found.setdefault(task.resource, []).append(task.name)
    return found


def _tasks_in(state: State) -> Iterator[Task]:
    if isinstance(state, Task):
        yield state
    elif isinstance(state, Parallel):
        for branch in state.branches:
            yield from tasks_of(branch)
    elif isinstance(state, Map):
        yield from tasks_of(state.item_processor)
