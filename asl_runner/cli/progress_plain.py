"""Progress as plain lines: for logs, pipes and dumb terminals.

2026-11-23T01:36:00.123Z  Prepare  entered (Pass)
2026-11-23T01:36:00.124Z  Prepare  exited after 0.00 s
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

from msgspec import Struct

from asl_runner.cli.format import duration, printable, reason
from asl_runner.cli.map_items import MapCounts, MapRuns
from asl_runner.cli.progress_jobs import JobName, JobNames, Jobs, ended, metrics_line, trial_line
from asl_runner.history.events import TERMINAL, Event

if TYPE_CHECKING:
    from asl_runner.sagemaker.progress import JobProgress

LINES_AT_ONCE = 60
"""What one drawing prints at most; a loop of thousands of states is summed up."""

METRICS_EVERY = 10.0
"""Seconds between two lines with the metrics of a job under way."""

_WAITING = ("Task", "Wait", "Parallel", "Map")
_CHILD = re.compile(r"(?:^|/)([^/]*):\d+\.(\d+)(?=/|$)")


class _Items(Struct):
    """The items of one start of a Map."""

    state: str
    total: int
    done: int = 0
    failed: int = 0
    tenths: int = 0
    """Tenths of the items already announced."""


class _Place(Struct):
    """Where a scope stands."""

    state: str = ""
    entered: float = 0.0
    waits: bool = False
    """Whether its state is of a type that takes time."""
    attempts: int = 0
    in_flight: bool = False
    """Whether a task of it is to be answered."""
    starts: dict[str, int] = {}
    """How often each Map has started its items."""


class PlainProgress:
    """Turns events into lines. Of the iterations of a Map only failures are listed; the others are counted.

    `virtual`: the execution's time is not this machine's, so trials are told at the time of the execution.
    """

    def __init__(
        self, stream: IO[str], jobs: Jobs | None = None, maps: MapCounts | None = None, *, virtual: bool = False
    ) -> None:
        self._stream = stream
        self._jobs = jobs
        self._map_runs = MapRuns(maps)
        self._virtual = virtual
        self._names = JobNames()
        self._told: set[str] = set()
        """Trials whose end was told."""
        self._logged: dict[JobName, int] = {}
        """How many lines of each job's log were told."""
        self._next_metrics: dict[JobName, float] = {}
        """When the metrics of each job are told again, by the monotonic clock."""
        self._done: set[JobName] = set()
        """Jobs of which nothing more is to tell."""
        self._lines: list[tuple[float, str]] = []
        """What the next drawing prints, each line with its moment."""
        self._latest = 0.0
        """The moment of the last event."""
        self._printed = 0.0
        """The moment of the last line printed: none after it has an earlier one."""
        self._dropped = 0
        self._places: dict[str, _Place] = {}
        self._items: dict[str, _Items] = {}
        """By the path of an iteration without its index."""
        self._start = 0.0
        self._subject = ("execution", "")

    def announce(self, machine: str, name: str, where: str = "") -> None:
        self._subject = (machine, f" as {name}" + (f" ({where})" if where else ""))

    def catch_up(self, events: Sequence[Event]) -> None:
        self._names.feed(events)
        for event in events:
            self._latest = event.time
            self._take(event, event.type, event.details or {})
        self._lines, self._dropped = [], 0

    def feed(self, events: Sequence[Event]) -> None:
        self._names.feed(events)
        for event in events:
            if event.type == "TaskStateExited":
                self._tell_trials()
            self._latest = event.time
            self._take(event, event.type, event.details or {})

    def draw(self) -> None:
        self._tell_trials()
        self._tell_map_runs()
        self._lines.sort(key=lambda line: line[0])
        lines = []
        for moment, text in self._lines:
            self._printed = max(self._printed, moment)
            lines.append(f"{_moment(self._printed)}  {text}")
        if self._dropped:
            note = f"... {self._dropped:,} more lines left out; `asl-runner history` has them all"
            lines.insert(LINES_AT_ONCE, note)
        if lines:
            self._stream.write("\n".join(lines) + "\n")
            self._stream.flush()
        self._lines, self._dropped = [], 0

    def finish(self) -> None:
        self.draw()

    def _take(self, event: Event, kind: str, details: dict[str, Any]) -> None:
        scope = event.scope
        place = self._places.setdefault(scope, _Place())
        if kind.endswith("StateEntered"):
            place.state, place.entered, place.attempts = details["name"], event.time, 0
            place.in_flight = False
            place.waits = kind.startswith(_WAITING)
            if place.waits:
                self._say(event, f"entered ({kind.removesuffix('StateEntered')})", seldom=False)
        elif kind.endswith("StateExited"):
            took = f"exited after {duration(event.time - place.entered)}"
            self._say(event, took if place.waits else kind.removesuffix("StateExited"), seldom=False)
            place.state = ""
        elif kind.endswith(("Scheduled", "ParallelStateStarted", "MapStateStarted")):
            if place.in_flight:
                self._say(event, "asked again: its process died")
            else:
                place.attempts += 1
                if place.attempts > 1:
                    self._say(event, f"retry {place.attempts - 1}")
            place.in_flight = kind.endswith("Scheduled")
            if kind == "MapStateStarted":
                start = place.starts.get(place.state, 0)
                place.starts[place.state] = start + 1
                self._items[f"{scope}/{place.state}:{start}"] = _Items(place.state, details.get("length", 0))
        elif kind in ("MapRunStarted", "MapRunRedriven"):
            self._map_runs.opened(place.state, details["mapRunArn"])
        elif kind in ("MapRunSucceeded", "MapRunFailed"):
            self._map_runs.closed(place.state)
        elif kind.startswith("MapIteration"):
            self._count(event, kind.removeprefix("MapIteration"))
        elif kind in TERMINAL:
            said = f"{TERMINAL[kind]} after {duration(event.time - self._start)}"
            said += _colon(reason(details.get("error"), details.get("cause")))
            self._line(event.time, event.scope, "", said)
        elif kind.endswith("Succeeded"):
            place.in_flight = False
        elif kind.endswith("TimedOut"):
            place.in_flight = False
            self._say(event, "timed out")
        elif kind.endswith("Failed") and not kind.startswith(("Map", "Parallel")):
            place.in_flight = False
            self._say(event, "failed" + _colon(reason(details.get("error"), details.get("cause"))))
        elif kind in ("ExecutionStarted", "ExecutionRedriven"):
            self._start = event.time
            self._begin_again()
            machine, what = self._subject
            self._lines.append((event.time, f"{machine}  {kind.removeprefix('Execution').lower()}{what}"))

    def _begin_again(self) -> None:
        """Attempts are counted anew, and of the items only those count that succeeded."""
        for place in self._places.values():
            place.attempts = 0
        for items in self._items.values():
            items.done, items.failed = items.done - items.failed, 0
            items.tenths = items.done * 10 // items.total if items.total else 0

    def _count(self, event: Event, step: str) -> None:
        if step == "Started":
            return
        if step == "Succeeded":
            del self._places[event.scope]
        counts = self._items.get(event.scope.rpartition(".")[0])
        if counts is None:
            return
        counts.done = min(counts.done + 1, counts.total or counts.done + 1)
        counts.failed += step != "Succeeded"
        if counts.total and (tenths := counts.done * 10 // counts.total) > counts.tenths:
            counts.tenths = tenths
            failures = f", {counts.failed:,} not succeeded" if counts.failed else ""
            around = event.scope.rpartition("/")[0]
            self._line(event.time, around, counts.state, f"{counts.done:,} of {counts.total:,} items done{failures}")

    def _tell_trials(self) -> None:
        """Lines for trials that ended since the last look; before the line of the state that ran them."""
        if self._jobs is None:
            return
        for named in self._names.all:
            job = None if named in self._done else self._jobs(*named)
            if job is None:
                continue
            for trial in sorted(filter(ended, job.trials), key=lambda trial: trial.ended or 0.0):
                if trial.name not in self._told:
                    self._told.add(trial.name)
                    moment = self._latest if self._virtual else trial.ended or time.time()
                    self._lines.append((moment, f"{job.name}  {trial_line(trial, job)}"))
            self._tell_log(named, job)
            self._tell_metrics(named, job)
            if job.ended is not None:
                self._done.add(named)

    def _tell_metrics(self, named: JobName, job: JobProgress) -> None:
        """The newest value of each metric: now and then, and when the job ends."""
        if not job.metrics or (job.ended is None and time.monotonic() < self._next_metrics.get(named, 0.0)):
            return
        self._next_metrics[named] = time.monotonic() + METRICS_EVERY
        moment = self._latest if self._virtual else job.ended or time.time()
        self._lines.append((moment, metrics_line(job)))

    def _tell_map_runs(self) -> None:
        """Lines for distributed Maps under way, seldom."""
        moment = self._latest if self._virtual else time.time()
        self._lines += [(moment, f"{state}  {text}") for state, text in self._map_runs.news()]

    def _tell_log(self, named: JobName, job: JobProgress) -> None:
        """What a job on AWS has printed since the last look, as far as it is kept."""
        fresh = job.log_lines - self._logged.get(named, 0)
        if not fresh:
            return
        self._logged[named] = job.log_lines
        moment = self._latest if self._virtual else time.time()
        shown = job.log[-fresh:]
        if fresh > len(shown):
            self._lines.append((moment, f"{job.name}  | ... {fresh - len(shown):,} lines before"))
        self._lines += [(moment, printable(f"{job.name}  | {line}")) for line in shown]

    def _say(self, event: Event, text: str, *, seldom: bool = True) -> None:
        """A line about the scope's state; one that is not `seldom` is left out for iterations and in a flood."""
        if not seldom:
            if len(self._lines) >= LINES_AT_ONCE:
                self._dropped += 1
                return
            if event.scope and any(event.scope.startswith(f"{path}.") for path in self._items):
                return
        self._line(event.time, event.scope, self._places[event.scope].state, text)

    def _line(self, moment: float, scope: str, state: str, text: str) -> None:
        where = " / ".join(part for part in (_CHILD.sub(r" / \1[\2]", scope).strip(" /"), state) if part)
        self._lines.append((moment, printable(f"{where or 'execution'}  {text}")))


def _moment(seconds: float) -> str:
    whole, part = divmod(seconds, 1)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{int(part * 1000):03}Z"


def _colon(text: str) -> str:
    return f": {text}" if text else ""
