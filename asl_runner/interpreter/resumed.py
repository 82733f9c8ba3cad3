"""Where an execution stood when the process that ran it died, read from its history.

Beyond what a redrive asks for: which attempts of the open states have failed, so that retries go on counting; what is
in flight; and which branches have failed without anybody having taken note, so that nothing more is done beside them.

What is recorded between two entries of states is kept all or not at all (`HistoryLog`): a state that asks nothing of
the world and was entered and not left has failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import structs

from asl_runner.definition import model
from asl_runner.history.events import Event
from asl_runner.interpreter.errors import QUERY_EVALUATION_ERROR, RUNTIME, TIMEOUT, Failure
from asl_runner.interpreter.restored import Attempt, Interrupted, Reader, Restored
from asl_runner.interpreter.retry import is_final

_OF_TASKS = ("LambdaFunction", "Activity", "Task")
_CUT_OFF = frozenset(
    {
        "MapIterationFailed",
        "MapIterationAborted",
        "TaskStateAborted",
        "WaitStateAborted",
        "ParallelStateAborted",
        "MapStateAborted",
    }
)
_CONCLUDED = frozenset({"ParallelStateFailed", "MapStateFailed"})


def resume(machine: model.StateMachine, events: Sequence[Event], input: bytes) -> Restored | None:
    """Where the machine stood after these events, the beginning of a history; None if it had not begun."""
    return ResumeReader(events).machine(machine, input) if events else None


class ResumeReader(Reader):
    """Reads a history that nobody ended."""

    def __init__(self, events: Sequence[Event]) -> None:
        super().__init__(events)
        self._too_large = False
        self.redriven = next((event for event in reversed(events) if event.type == "ExecutionRedriven"), None)

    def settle(self, scope: model.Scope, place: Restored, events: Sequence[Event], left: int | None) -> None:
        """Says where the scope goes on."""
        latest = events[-1] if events else None
        place.after = Interrupted(
            begun=0.0 if place.entry is None else place.entry.time,
            time=0.0 if latest is None else latest.time,
            last=0 if latest is None else latest.id,
            redriven=0 if self.redriven is None else self.redriven.id,
        )
        if place.is_closed:
            place.todo = None
            return
        if left is None:
            if place.todo is not None and place.entry is not None:
                self._open(scope.states[place.todo], place, place.after, events)
            return
        state = scope.states[(events[left].details or {})["name"]]
        self.go_on_after(state, place, events, left)
        if isinstance(state, model.Choice):
            place.entry = next(event for event in reversed(events[:left]) if event.type.endswith("StateEntered"))
            place.after.exit = events[left]

    def _open(self, state: model.State, place: Restored, after: Interrupted, events: Sequence[Event]) -> None:
        """Reads what happened in a state since it was entered and, if it was redriven there, since then."""
        entry = place.entry
        assert entry is not None
        since = entry.id
        if self.redriven is not None and self.redriven.id > entry.id:
            since, after.begun = self.redriven.id, self.redriven.time
        visit = [event for event in events if event.id > entry.id]
        spoiled = [event for event in visit if event.type == "EvaluationFailed" and event.id > since]
        if isinstance(state, model.Task):
            after.attempts = list(_task_attempts([event for event in visit if event.id > since]))
        elif isinstance(state, model.Working):
            after.attempts = self.attempts_of(state, place, visit, since)
            after.time = max([after.time, *(attempt.time for attempt in after.attempts)])
            after.last = max([after.last, *(attempt.last for attempt in after.attempts)])
        elif spoiled:
            after.failure, after.is_recorded = _failure(spoiled[-1]), True
        elif not isinstance(state, model.Wait):
            # Why exactly is found when it is run again, which asks nothing of the world.
            after.failure = (
                _of_fail(state) if isinstance(state, model.Fail) else Failure(RUNTIME, None, catchable=False)
            )
        if isinstance(state, model.Working) and after.attempts:
            failures = [self._failure_of(attempt) for attempt in after.attempts]
            if failures[-1] is not None and is_final(state, [each for each in failures if each is not None]):
                after.failure = failures[-1]

    def attempts_of(self, state: model.Working, place: Restored, visit: Sequence[Event], since: int) -> list[Attempt]:
        """The attempts of a Parallel or Map; of those before a redrive the last one, which goes on."""
        assert place.todo is not None
        starts = [event for event in visit if event.type in ("ParallelStateStarted", "MapStateStarted")]
        before = place.visits.get(place.todo, 0) - len(starts)
        attempts: list[Attempt] = []
        for number, start in enumerate(starts, before + 1):
            following = starts[number - before].id if number - before < len(starts) else None
            if following is not None and following < since:
                continue
            within = [event for event in visit if event.id >= start.id and (following is None or event.id < following)]
            attempts.append(self._attempt(state, place, number, within, since))
            attempts[-1].is_over |= following is not None
        if not starts:
            # It failed before it started anything, as often as an event says so.
            attempts = [
                Attempt(time=event.time, last=event.id, end=event, is_over=True)
                for event in visit
                if event.type == "EvaluationFailed" and event.id > since
            ]
        return attempts

    def _attempt(
        self, state: model.Working, place: Restored, number: int, within: Sequence[Event], since: int
    ) -> Attempt:
        """One attempt of a Parallel or Map, which is start `number` of its children."""
        assert place.todo is not None
        kept = structs.replace(
            place,
            started=within[0].id,
            visits={**place.visits, place.todo: number},
            map_run=None,
            map_run_started=0,
            children=None,
            after=None,
        )
        attempt = Attempt(time=within[-1].time, last=within[-1].id, kept=kept)
        for event in within:
            if event.type in ("MapRunStarted", "MapRunRedriven"):
                kept.map_run, kept.map_run_started = (event.details or {})["mapRunArn"], event.id
            elif event.id > since and event.type in ("MapRunFailed", "EvaluationFailed"):
                attempt.end, attempt.is_over = event, True
            elif event.id > since and event.type in _CONCLUDED:
                attempt.is_over = attempt.is_concluded = True
        self.open_children(state, kept)
        failed = []
        for index, child in (kept.children or {}).items():
            after = child.after
            assert after is not None
            attempt.time, attempt.last = max(attempt.time, after.time), max(attempt.last, after.last)
            if after.failure is not None:
                failed.append((after.last, index))
            cut_off = (event.type in _CUT_OFF and event.id > since for event in self.scopes[child.path])
            attempt.is_over = attempt.is_over or any(cut_off)
        attempt.failed = [index for _, index in sorted(failed)]
        if attempt.is_over and attempt.end is None and not attempt.failed:
            attempt.failed = [index for index, child in (kept.children or {}).items() if child.todo is not None]
        return attempt

    def _failure_of(self, attempt: Attempt) -> Failure | None:
        """Why an attempt failed; None if it did not, or goes on."""
        if attempt.end is not None:
            return None if attempt.end.type.endswith("Succeeded") else failure_of(attempt)
        if attempt.kept is None or not attempt.failed:
            return None
        child = (attempt.kept.children or {})[attempt.failed[0]]
        return child.after.failure if child.after is not None else None


def _task_attempts(visit: Sequence[Event]) -> Iterator[Attempt]:
    """The attempts of a Task. One cut off by the end of a process is no attempt: it was done again."""
    attempt: Attempt | None = None
    for event in visit:
        step = _step(event.type)
        if step is None:
            continue
        details = event.details or {}
        if step == "Scheduled" or attempt is None:
            if attempt is not None and attempt.end is not None:
                yield attempt
            attempt = Attempt()
        attempt.time, attempt.last = event.time, event.id
        if step == "Scheduled":
            attempt.call = event
        elif step == "Started":
            attempt.begun = event.time
        elif step == "Submitted":
            attempt.submitted = bytes(details["output"])
        else:
            attempt.end, attempt.is_over = event, True
    if attempt is not None:
        yield attempt


def _step(type: str) -> str | None:
    """What happened to a task; None for what is none of its events."""
    if type == "EvaluationFailed":
        return type
    if "State" in type:
        return None
    return next((type[len(prefix) :] for prefix in _OF_TASKS if type.startswith(prefix)), None)


def failure_of(attempt: Attempt) -> Failure:
    """The failure of an attempt that its history says has failed."""
    event = attempt.end
    assert event is not None
    if event.type.endswith("TimedOut"):
        asked = {} if attempt.call is None else attempt.call.details or {}
        seconds = asked.get("timeoutInSeconds")
        taken = event.time - (event.time if attempt.begun is None else attempt.begun)
        beats = "heartbeatInSeconds" in asked and (seconds is None or taken < seconds)
        return Failure(TIMEOUT, None, task=True, heartbeat=beats)
    return _failure(event)


def _failure(event: Event) -> Failure:
    details = event.details or {}
    error, cause = details.get("error"), details.get("cause")
    if event.type == "EvaluationFailed":
        return Failure(error, cause, catchable=error == QUERY_EVALUATION_ERROR)
    is_task = event.type != "MapRunFailed"
    return Failure(error, cause, task=is_task, catchable=error != RUNTIME)


def _of_fail(state: model.Fail) -> Failure:
    texts = (None if text is None else text.literal for text in (state.error, state.cause))
    return Failure(*texts)
