"""What a graph shows of an execution: of every state its status, how often it was visited, and how long it took."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from asl_runner.graph import Mark
from asl_runner.history.visits import Counts, Visit

_RANKS = {"SUCCEEDED": 0, "ABORTED": 1, "CAUGHT": 2, "FAILED": 3, "RUNNING": 4}
"""Of several visits of iterations the one that matters most is shown."""


def marks_of(visits: Iterable[Visit], chosen: Collection[str] = ()) -> dict[str, Mark]:
    """The marks by the name of the state. Of a Map in whose iterations one is `chosen`, by its scope, only that one."""
    marks: dict[str, Mark] = {}
    for visit, repeated in _all(visits, frozenset(chosen), False):
        before = marks.get(visit.state)
        if before is None:
            marks[visit.state] = Mark(visit.status, 1, note(visit))
            continue
        count = before.count + 1
        keeps = repeated and _RANKS[before.status] > _RANKS[visit.status]
        status = before.status if keeps else visit.status
        marks[visit.state] = Mark(status, count, note(visit) if visit.counts else f"× {count:,}")
    return marks


def _all(visits: Iterable[Visit], chosen: Collection[str], repeated: bool) -> Iterator[tuple[Visit, bool]]:
    """Every visit, and whether others like it run beside it."""
    for visit in visits:
        yield visit, repeated
        picked = [path for path in visit.children if path in chosen] if chosen else []
        inside = repeated or (visit.type == "Map" and not picked)
        for path in picked or visit.children:
            yield from _all(visit.children[path].visits, chosen, inside)


def note(visit: Visit) -> str:
    """A visit in a word or two: how much of a Map is done, the tries, how long it took."""
    if visit.type == "Map" and visit.counts is not None and visit.counts.total is not None:
        return progress(visit.counts)
    said = [] if visit.end is None else [seconds(visit.end - visit.start)]
    if visit.retries:
        said.append(f"{visit.retries} {'retry' if visit.retries == 1 else 'retries'}")
    return ", ".join(said)


def progress(counts: Counts) -> str:
    """`3 of 10`, and how many of these failed."""
    done = counts.succeeded + counts.failed + counts.aborted
    text = f"{done:,} of {counts.total:,}"
    return f"{text}, {counts.failed:,} failed" if counts.failed else text


def seconds(value: float) -> str:
    """`12 ms`, `1.25 s`, `3 min 5 s`, `2 h 4 min`, `3 d 2 h`."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"
    whole = int(value)
    for size, name, smaller, smaller_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {name} {rest} {smaller_name}" if rest else f"{whole // size} {name}"
    return f"{whole} s"
