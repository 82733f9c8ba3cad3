"""Where a replayed execution parts from the recorded one: in its path, its data, its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from asl_runner.history.visits import Visit
from asl_runner.testing.explain import compared, side_by_side
from asl_runner.testing.run import Run
from asl_runner.testing.snapshots import masked_value


class DataDifference(Struct, frozen=True):
    """Data of one visit that are not the same."""

    state: str
    scope: str
    what: str
    """`input`, `request` (what the task was asked) or `output`."""
    recorded: Any
    replayed: Any


class Comparison(Struct, frozen=True):
    """How two executions compare; empty where they are the same."""

    outcome: dict[str, tuple[Any, Any]]
    """`status`, `output`, `error` and `cause` that differ: recorded and replayed."""
    parted_at: tuple[str, str, str] | None
    """The scope, and the states visited there instead: recorded and replayed; "" for none."""
    paths: tuple[Any, Any]
    data: list[DataDifference]
    problem: str | None = None
    """Why the replay could not go on."""

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.outcome and self.parted_at is None and not self.data and self.problem is None


def compare(recorded: Run, replayed: Run, problem: str | None = None) -> Comparison:
    """Compares them. Random ids, times and tokens inside texts count as the same."""
    ends = {
        what: (getattr(recorded, what), getattr(replayed, what))
        for what in ("status", "output", "error", "cause")
        if problem is None
    }
    outcome = {what: both for what, both in ends.items() if not _same(*both, recorded, replayed)}
    parted: list[tuple[str, str, str]] = []
    data: list[DataDifference] = []
    _scopes(recorded, replayed, recorded.tree, replayed.tree, "", parted, data)
    return Comparison(outcome, parted[0] if parted else None, (recorded.path, replayed.path), data, problem)


def _scopes(
    recorded: Run,
    replayed: Run,
    old: Sequence[Visit],
    new: Sequence[Visit],
    scope: str,
    parted: list[tuple[str, str, str]],
    data: list[DataDifference],
) -> None:
    """Walks both in step as far as they go the same way."""
    for number in range(max(len(old), len(new))):
        one = old[number] if number < len(old) else None
        other = new[number] if number < len(new) else None
        if one is None or other is None or one.state != other.state:
            parted.append((scope, one.state if one else "", other.state if other else ""))
            return
        data += _of_visit(recorded, replayed, one, other)
        keys = {*one.children, *other.children}
        for key in sorted(keys, key=lambda key: (len(key), key)):
            inner, outer = one.children.get(key), other.children.get(key)
            _scopes(recorded, replayed, inner.visits if inner else (), outer.visits if outer else (), key, parted, data)
        for child, again in _paired(recorded.children_of(one), replayed.children_of(other)):
            _scopes(child, again, child.tree, again.tree, f"{one.state}: {child.record.name}", parted, data)


def _paired(old: Sequence[Run], new: Sequence[Run]) -> Iterator[tuple[Run, Run]]:
    """The child executions of the same input; AWS does not say which item a child was for."""
    left = list(new)
    for child in old:
        again = next((one for one in left if one.record.input == child.record.input), left[0] if left else None)
        if again is not None:
            left.remove(again)
            yield child, again


def _of_visit(recorded: Run, replayed: Run, one: Visit, other: Visit) -> Iterator[DataDifference]:
    for what, old, new in (
        ("input", one.input, other.input),
        ("request", _request(recorded, one), _request(replayed, other)),
        ("output", one.output, other.output),
    ):
        before, after = _value(old), _value(new)
        if not _same(before, after, recorded, replayed):
            yield DataDifference(one.state, one.scope, what, before, after)


def _request(run: Run, visit: Visit) -> Any:
    """What the task of a visit was asked first; None for a state that asks nothing."""
    for event in run.history[visit.entered : visit.exited]:
        if event.scope == visit.scope and event.type.endswith("Scheduled"):
            details = event.details or {}
            return details.get("parameters", details.get("input"))
    return None


def _same(one: Any, other: Any, recorded: Run, replayed: Run) -> bool:
    masked = masked_value(one, recorded.record.name), masked_value(other, replayed.record.name)
    return bool(one == other or masked[0] == masked[1])


def _value(payload: Any) -> Any:
    return None if payload is None else msgspec.json.decode(bytes(payload))


def as_text(found: Comparison) -> Iterator[str]:
    """The comparison for a person."""
    if found.same:
        yield "The same path, data and end."
        return
    if found.problem is not None:
        yield found.problem
    if found.parted_at is not None:
        scope, old, new = found.parted_at
        where = f" in {scope}" if scope else ""
        yield f"The paths part{where}: recorded {old or 'the end'}, replayed {new or 'the end'}."
        yield side_by_side(*found.paths).replace("expected", "recorded", 1).replace("found", "replayed", 1)
    for difference in found.data:
        where = f" in {difference.scope}" if difference.scope else ""
        yield f"{difference.state}{where}: its {difference.what} is another."
        yield from list(compared(difference.recorded, difference.replayed))[1:]
    for what, (old, new) in found.outcome.items():
        yield f"The {what} is another."
        yield from list(compared(old, new))[1:]


def as_document(found: Comparison) -> dict[str, Any]:
    """The comparison as JSON values."""
    document: dict[str, Any] = {"same": found.same}
    if found.problem is not None:
        document["problem"] = found.problem
    if found.parted_at is not None:
        scope, old, new = found.parted_at
        document["path"] = {
            "scope": scope,
            "recordedState": old or None,
            "replayedState": new or None,
            "recorded": found.paths[0],
            "replayed": found.paths[1],
        }
    document["data"] = [msgspec.to_builtins(difference) for difference in found.data]
    document["outcome"] = {what: {"recorded": old, "replayed": new} for what, (old, new) in found.outcome.items()}
    return document
