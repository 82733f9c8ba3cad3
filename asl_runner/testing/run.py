"""What a test gets of an execution that has ended, and what it asserts of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NoReturn, TypeAlias

import msgspec

from asl_runner.expressions.environment import Json
from asl_runner.history import interchange
from asl_runner.history.events import Event, Payload
from asl_runner.history.records import ExecutionRecord, Status
from asl_runner.history.views import visits
from asl_runner.history.visits import ScopeView, Visit, VisitStatus

Path: TypeAlias = "list[str | dict[str, list[Path]]]"
"""Names of the states visited, in order. A Parallel or Map stands as `{name: [path of each branch or iteration]}`."""


class StateVisit:
    """One visit of a state."""

    def __init__(self, visit: Visit, run: Run) -> None:
        self._visit = visit
        self._run = run

    @property
    def state(self) -> str:
        """The state's name."""
        return self._visit.state

    @property
    def type(self) -> str:
        """`Task`, `Choice`, ..."""
        return self._visit.type

    @property
    def status(self) -> VisitStatus:
        """SUCCEEDED, CAUGHT, FAILED or ABORTED."""
        return self._visit.status

    @property
    def scope(self) -> str:
        """The branch or iteration, "" for the machine itself."""
        return self._visit.scope

    @property
    def input(self) -> Json:
        """What entered the state."""
        return _value(self._visit.input)

    @property
    def output(self) -> Json:
        """What left the state; None if nothing did."""
        return _value(self._visit.output)

    @property
    def error(self) -> str | None:
        """The error of the last attempt, if it failed."""
        return self._visit.error

    @property
    def cause(self) -> str | None:
        """Its cause."""
        return self._visit.cause

    @property
    def attempts(self) -> int:
        """How often its work was tried; 0 for a state that does none."""
        return len(self._visit.attempts)

    @property
    def errors(self) -> list[str | None]:
        """The error of each attempt that failed, in order."""
        return [attempt.error for attempt in self._visit.attempts if attempt.error is not None]

    @property
    def duration(self) -> float:
        """Seconds from entering to leaving, of the execution's clock."""
        return (self._visit.end or self._visit.start) - self._visit.start

    @property
    def stages(self) -> dict[str, Json]:
        """The data after each stage the state has a field for, by the field's name, from `Input` to `Output`.

        What a history does not keep is computed again by the same expressions.
        """
        from asl_runner.views.stages import stages_of, variables_at

        run, visit = self._run, self._visit
        own = [event for event in run.history[visit.entered - 1 : visit.exited] if event.scope == visit.scope]
        found = stages_of(run.record, visit, variables_at(run.history, visit), own)
        return {one["stage"]: one["data"] for one in found if "data" in one}

    def __repr__(self) -> str:
        return f"<{self.type} {self.state!r} {self.status}>"


class Run:
    """An execution that has ended. Reading it costs only what is read."""

    def __init__(
        self, record: ExecutionRecord, events: Sequence[Event], children: Mapping[str, Sequence[Run]] | None = None
    ) -> None:
        """`children` are the child executions of each map run of distributed Maps, by its ARN, in order of items."""
        self.record = record
        self.history = list(events)
        """The events as this package keeps them."""
        self.children = dict(children or {})

    @property
    def status(self) -> Status:
        """SUCCEEDED, FAILED, TIMED_OUT or ABORTED."""
        return self.record.status

    @property
    def output(self) -> Json:
        """The output; None if it did not succeed."""
        return _value(self.record.output)

    @property
    def error(self) -> str | None:
        """The error it failed with."""
        return self.record.error

    @property
    def cause(self) -> str | None:
        """Its cause."""
        return self.record.cause

    @property
    def duration(self) -> float:
        """Seconds from start to end, of the execution's clock."""
        return (self.record.stop or self.record.start) - self.record.start

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """The history as `get_execution_history` of boto3 gives it."""
        return [interchange.to_aws(event) for event in self.history]

    @cached_property
    def tree(self) -> list[Visit]:
        """The visits of the machine's own states; those inside Parallel and Map are their children."""
        return visits(self.history)

    @cached_property
    def path(self) -> Path:
        """The states visited, see `Path`."""
        return self._path_of(self.tree)

    def visits(self, state: str | None = None) -> list[StateVisit]:
        """The visits of a state, or of all, in the order they were entered; children of distributed Maps included."""
        found = [StateVisit(visit, self) for visit in _every(self.tree) if state in (None, visit.state)]
        for runs in self.children.values():
            for run in runs:
                found += run.visits(state)
        return found

    def visit(self, state: str) -> StateVisit:
        """The only visit of a state. Raises `AssertionError` for none and for several."""
        found = self.visits(state)
        if len(found) != 1:
            self.fail(f"expected one visit of {state!r}, found {len(found)}")
        return found[0]

    def assert_succeeded(self, output: Json = msgspec.UNSET) -> Run:
        """It succeeded, with this output if one is given; gives the run. Raises `AssertionError` that says why not."""
        if self.status != "SUCCEEDED":
            self.fail(f"expected SUCCEEDED, found {self.status}")
        if output is not msgspec.UNSET and self.output != output:
            self.fail("the output is another", expected=output, found=self.output)
        return self

    def assert_failed(self, error: str | None = None, cause: str | None = None, *, state: str | None = None) -> Run:
        """It failed, with this error, with a cause that holds this text, in this state; gives the run.

        Raises `AssertionError` that says what happened instead.
        """
        if self.status not in ("FAILED", "TIMED_OUT"):
            self.fail(f"expected a failure, found {self.status}")
        return self.assert_ended(error, cause, state=state)

    def assert_ended(self, error: str | None = None, cause: str | None = None, *, state: str | None = None) -> Run:
        """It ended with this error, with a cause that holds this text, in this state; gives the run.

        Raises `AssertionError`.
        """
        if error is not None and self.error != error:
            self.fail("the error is another", expected=error, found=self.error)
        if cause is not None and cause not in (self.cause or ""):
            self.fail("the cause is another", expected=cause, found=self.cause)
        failing = [visit.state for visit in self.visits() if visit.status == "FAILED"]
        if state is not None and state not in failing:
            self.fail("another state failed", expected=state, found=failing)
        return self

    def assert_path(self, *expected: Any) -> Run:
        """It visited these states, see `Path`; gives the run. Raises `AssertionError` with both paths side by side."""
        if self.path != list(expected):
            from asl_runner.testing.explain import side_by_side

            self.fail("it took another path", details=side_by_side(list(expected), self.path))
        return self

    def snapshot(self) -> list[dict[str, Any]]:
        """The history with all that differs between two runs masked: times, ids of requests, names, tokens."""
        from asl_runner.testing.snapshots import masked

        return masked(self)

    def children_of(self, visit: Visit) -> Sequence[Run]:
        """The child executions of the last attempt of a distributed Map; none of another state."""
        return self.children.get(_map_run_of(visit, self.history), ())

    def _path_of(self, found: list[Visit]) -> Path:
        path: Path = []
        for visit in found:
            inner = [self._path_of(scope.visits) for scope in _last_start(visit)]
            inner += [run.path for run in self.children_of(visit)]
            path.append({visit.state: inner} if inner or visit.type in ("Parallel", "Map") else visit.state)
        return path

    def fail(self, what: str, *, expected: Json = msgspec.UNSET, found: Json = None, details: str = "") -> NoReturn:
        """Raises `AssertionError` with what was expected, what happened, and where it failed."""
        from asl_runner.testing.explain import explanation

        __tracebackhide__ = True
        raise AssertionError(explanation(self, what, expected, found, details))

    def __repr__(self) -> str:
        said = f" {self.error}" if self.error else ""
        return f"<Run of {self.record.machine_name} {self.status}{said}>"


def _value(payload: Payload | None) -> Json:
    return None if payload is None else msgspec.json.decode(bytes(payload))


def _every(found: Sequence[Visit]) -> Iterator[Visit]:
    return iter(sorted(_flat(found), key=lambda visit: visit.entered))


def _flat(found: Sequence[Visit]) -> Iterator[Visit]:
    for visit in found:
        yield visit
        for scope in visit.children.values():
            yield from _flat(scope.visits)


def _last_start(visit: Visit) -> list[ScopeView]:
    """The branches or iterations of the last attempt, in order."""
    starts = [scope.path.rpartition(".")[0] for scope in visit.children.values()]
    last = [scope for scope in visit.children.values() if scope.path.rpartition(".")[0] == starts[-1]]
    return sorted(last, key=lambda scope: scope.index)


def _map_run_of(visit: Visit, history: Sequence[Event]) -> str:
    """The ARN of the last map run that a visit of a distributed Map opened, "" for none."""
    if visit.type != "Map":
        return ""
    opened = ""
    for event in history[visit.entered : visit.exited]:
        if event.type == "MapRunStarted" and event.scope == visit.scope:
            opened = (event.details or {})["mapRunArn"]
    return opened
