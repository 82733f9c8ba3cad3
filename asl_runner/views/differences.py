"""What differs: between two JSON values, and between two executions with the place where they part."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from asl_runner.history.views import VisitTracker
from asl_runner.history.visits import Visit
from asl_runner.views.visits import everything

Kind: TypeAlias = Literal["added", "removed", "changed"]

MOST_CHANGES = 500
MOST_VISITS = 5000
"""Visits of an execution that a comparison looks at."""


class Change(Struct, frozen=True):
    """One difference. `path` has keys and indexes."""

    path: tuple[str | int, ...]
    kind: Kind


def changes(before: Any, after: Any) -> list[Change]:
    """The smallest places where two JSON values differ, at most `MOST_CHANGES`."""
    found = []
    for change in _changes(before, after, ()):
        found.append(change)
        if len(found) == MOST_CHANGES:
            break
    return found


def _changes(before: Any, after: Any, path: tuple[str | int, ...]) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*after, *(key for key in before if key not in after)]:
            if key not in before:
                yield Change((*path, key), "added")
            elif key not in after:
                yield Change((*path, key), "removed")
            else:
                yield from _changes(before[key], after[key], (*path, key))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            if index >= len(before):
                yield Change((*path, index), "added")
            elif index >= len(after):
                yield Change((*path, index), "removed")
            else:
                yield from _changes(before[index], after[index], (*path, index))
    elif type(before) is not type(after) or before != after:
        yield Change(path, "changed")


class Pair(Struct, frozen=True):
    """A visit of each execution that stand for each other; None where one has none. `why` is what differs."""

    left: Visit | None
    right: Visit | None
    why: tuple[str, ...]


def compare(left: VisitTracker, right: VisitTracker) -> list[Pair]:
    """The visits of two executions side by side, matched by the order of their states."""
    ours = [visit for visit, _ in zip(everything(left.root), range(MOST_VISITS), strict=False)]
    theirs = [visit for visit, _ in zip(everything(right.root), range(MOST_VISITS), strict=False)]
    matcher = SequenceMatcher(None, [_key(one) for one in ours], [_key(one) for one in theirs], autojunk=False)
    pairs: list[Pair] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            pairs += (Pair(a, b, _why(a, b)) for a, b in zip(ours[i1:i2], theirs[j1:j2], strict=True))
        else:
            pairs += (Pair(one, None, ("path",)) for one in ours[i1:i2])
            pairs += (Pair(None, one, ("path",)) for one in theirs[j1:j2])
    return pairs


def _key(visit: Visit) -> tuple[str, str]:
    return visit.scope, visit.state


def _why(left: Visit, right: Visit) -> tuple[str, ...]:
    found = []
    for name in ("input", "status", "error", "output"):
        if getattr(left, name) != getattr(right, name):
            found.append(name)
    if left.retries != right.retries:
        found.append("retries")
    return tuple(found)


def parting(pairs: list[Pair]) -> int | None:
    """The index of the first pair that differs."""
    return next((index for index, pair in enumerate(pairs) if pair.why), None)
