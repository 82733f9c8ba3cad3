"""Progress as plain lines: for logs, pipes and dumb terminals.

2026-11-23T01:36:00.123Z  Prepare  entered (Pass)
2026-11-23T01:36:00.124Z  Prepare  exited after 0.00 s
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import IO

from asl_runner.cli.format import duration, shorten
from asl_runner.history.events import TERMINAL, Event

LINES_AT_ONCE = 60
"""What one drawing prints at most; a loop of thousands of states is summed up."""

_FAILED = ("Failed", "TimedOut")


class PlainProgress:
    """Turns events into lines. States inside Map iterations are counted, not listed."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._dropped = 0
        self._current: dict[str, tuple[str, float]] = {}
        """By scope: the state entered and when."""
        self._asked: dict[str, int] = {}
        """By scope: how often the current state has asked its task; more than once is a retry."""
        self._items: dict[str, list[int]] = {}
        """By scope of a Map: its items, those done, those failed, and the tenths announced."""
        self._start = 0.0

    def feed(self, events: Sequence[Event]) -> None:
        for event in events:
            self._take(event)

    def draw(self) -> None:
        if self._dropped:
            self._lines.append(f"... {self._dropped:,} more lines left out; `asl-runner history` has them all")
        if self._lines:
            self._stream.write("\n".join(self._lines) + "\n")
            self._stream.flush()
        self._lines, self._dropped = [], 0

    def finish(self) -> None:
        self.draw()

    def _take(self, event: Event) -> None:
        kind, details, scope = event.type, event.details or {}, event.scope
        if kind == "ExecutionStarted":
            self._start = event.time
        elif kind in TERMINAL:
            self._say(
                event, "", f"{TERMINAL[kind]} after {duration(event.time - self._start)}{_why(details)}", keep=True
            )
        elif kind.endswith("StateEntered"):
            self._current[scope] = (details["name"], event.time)
            self._asked[scope] = 0
            self._say(event, scope, f"entered ({kind.removesuffix('StateEntered')})")
        elif kind.endswith("StateExited"):
            _, entered = self._current.get(scope, ("", event.time))
            self._say(event, scope, f"exited after {duration(event.time - entered)}")
            self._current.pop(scope, None)
        elif kind.endswith("Scheduled"):
            self._asked[scope] = asked = self._asked.get(scope, 0) + 1
            if asked > 1:
                self._say(event, scope, f"retry {asked - 1}")
        elif kind.endswith(_FAILED) and not kind.startswith(("Map", "Parallel")):
            self._say(
                event, scope, f"{'timed out' if kind.endswith('TimedOut') else 'failed'}{_why(details)}", keep=True
            )
        elif kind == "MapStateStarted":
            self._items[f"{scope}/{self._current[scope][0]}"] = [details.get("length", 0), 0, 0, 0]
        elif kind.startswith("MapIteration"):
            self._count(event, kind.removeprefix("MapIteration"))
        elif kind == "TaskSubmitted":
            self._say(event, scope, f"submitted {details.get('resourceType')}:{details.get('resource')}")

    def _count(self, event: Event, step: str) -> None:
        if step == "Started":
            return
        name = (event.details or {}).get("name", "")
        counts = self._items.get(f"{event.scope}/{name}")
        if counts is None:
            return
        counts[1] += 1
        counts[2] += step != "Succeeded"
        total, done, failed, announced = counts
        if total and (tenth := done * 10 // total) > announced:
            counts[3] = tenth
            failures = f", {failed:,} failed" if failed else ""
            self._say(event, event.scope, f"{done:,} of {total:,} items done{failures}", keep=True)

    def _say(self, event: Event, scope: str, text: str, *, keep: bool = False) -> None:
        if len(self._lines) >= LINES_AT_ONCE and not keep:
            self._dropped += 1
            return
        whole, part = divmod(event.time, 1)
        moment = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{int(part * 1000):03}Z"
        name = self._current[scope][0] if scope in self._current else ""
        where = " / ".join(part for part in (_readable(scope), name) if part) or "execution"
        self._lines.append(f"{moment}  {where}  {text}")


def _why(details: dict[str, object]) -> str:
    error, cause = details.get("error"), details.get("cause")
    said = ": ".join(str(part) for part in (error, cause) if part)
    return f": {shorten(said, 300)}" if said else ""


def _readable(scope: str) -> str:
    return scope.strip("/").replace("/", " / ")
