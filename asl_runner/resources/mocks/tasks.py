"""The `Tasks` port that answers some states from mocks and leaves the others to the world."""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from asl_runner.definition.model import StateMachine, Task
from asl_runner.definition.walk import all_states
from asl_runner.errors import UsageError, near
from asl_runner.expressions.environment import Json
from asl_runner.history.events import Event
from asl_runner.history.scopes import scope_index
from asl_runner.interpreter.ports import Clock, TaskCall, TaskFailed, Tasks
from asl_runner.resources.mocks.answers import (
    After,
    Answer,
    ByItem,
    Calls,
    Raises,
    Real,
    Returns,
    Silent,
    Steps,
    answer_of,
)
from asl_runner.resources.mocks.shapes import Mismatch, Mode, check_result

_ANSWERED = frozenset(
    f"{kind}{end}" for kind in ("LambdaFunction", "Activity", "Task") for end in ("Succeeded", "Failed", "TimedOut")
)


class Mocks:
    """The mocks of one execution: what the tasks of which states answer. To be used for one execution only.

    Its distributed Maps' children share them, and with them the count of invocations.
    """

    def __init__(self, answers: Mapping[str, object], *, validate: Mode = "STRICT") -> None:
        """`answers` maps names of states to what `answer_of` takes.

        `validate` says how closely results are compared with what the service's API answers, as TestState's
        `fieldValidationMode`: all required members there and each fitting, those present fitting, or not at all.
        """
        self.answers = {state: answer_of(answer) for state, answer in answers.items()}
        self._validate: Mode = validate
        self._invocations: Counter[tuple[str, int | None]] = Counter()
        self._activities: frozenset[str] = frozenset()
        self._item: int | None = None

    @property
    def states(self) -> frozenset[str]:
        """Names of the states whose tasks are never done for real."""
        return frozenset(state for state, answer in self.answers.items() if not _may_be_real(answer))

    def bind(self, machine: StateMachine) -> None:
        """Checks them against a machine.

        Raises `UsageError` for a name that is no Task of it, and `Mismatch` for a result its API could not have given.
        """
        tasks = {state.name: state for state in all_states(machine) if isinstance(state, Task)}
        for state, answer in self.answers.items():
            if state not in tasks:
                raise UsageError(f"The mock of {state!r} is for no Task of the state machine: {near(state, tasks)}")
            for value in _results(answer):
                self._check(tasks[state], value)
        self._activities = frozenset(
            tasks[state].resource.arn for state in self.answers if tasks[state].resource.kind == "activity"
        )

    def stands_for(self, activity: str) -> bool:
        """Whether this activity, by its ARN, is mocked, so that it need not exist."""
        return activity in self._activities

    def for_item(self, index: int, input: Json) -> Mocks:
        """The same mocks for the child execution of a distributed Map that this item is for; they count together.

        `input` is what the child gets.
        """
        view = copy.copy(self)
        view._item = index
        return view

    def over(self, tasks: Tasks, clock: Clock) -> Tasks:
        """The port: mocks first, `tasks` for everything else."""
        return _MockTasks(self, tasks, clock, self._item)

    def checked(self, call: TaskCall, value: Json) -> Json:
        """A result that was made at run time. Raises `Mismatch`."""
        try:
            check_result(call.resource, value, self._validate)
        except Mismatch as problem:
            raise Mismatch(f"The mock of {call.state!r}: {problem}") from None
        return value

    def have_answered(self, events: Iterable[Event]) -> None:
        """Counts the invocations a history tells of that were answered; those in flight at its end are made again."""
        inside: dict[str, str] = {}
        for event in events:
            if event.type == "TaskStateEntered":
                inside[event.scope] = (event.details or {})["name"]
            elif event.type in _ANSWERED and event.scope in inside:
                state = inside[event.scope]
                by_item = isinstance(self.answers.get(state), ByItem) and event.scope
                self.count(state, scope_index(event.scope) if by_item else None)

    def count(self, state: str, item: int | None) -> int:
        """The number, from 0, of the invocation that now begins."""
        number = self._invocations[state, item]
        self._invocations[state, item] += 1
        return number

    def _check(self, task: Task, value: Json) -> None:
        try:
            check_result(task.resource, value, self._validate)
        except Mismatch as problem:
            said = f"The mock of {task.name!r}, {task.resource.arn}: {problem}"
            raise Mismatch(
                f"{said} (validation {self._validate}; PRESENT asks for no member, NONE for nothing)"
            ) from None


class _MockTasks:
    def __init__(self, mocks: Mocks, tasks: Tasks, clock: Clock, item: int | None) -> None:
        self._mocks = mocks
        self._tasks = tasks
        self._clock = clock
        self._item = item

    async def call(self, call: TaskCall) -> Json:
        """The mock's answer. Raises `TaskFailed` with its error, `UsageError` for one that has no answer left."""
        answer = self._mocks.answers.get(call.state)
        if answer is None:
            return await self._tasks.call(call)
        return await self._give(call, self._chosen(call, answer), begun=False)

    def _chosen(self, call: TaskCall, answer: Answer) -> Answer:
        """The answer for this item and this invocation."""
        item: int | None = None
        if isinstance(answer, ByItem):
            item = scope_index(call.scope) if call.scope else self._item
            answer = answer.otherwise if item is None else answer.items.get(item, answer.otherwise)
        number = self._mocks.count(call.state, item)
        if not isinstance(answer, Steps):
            return answer
        for step in answer.steps:
            if step.first <= number <= step.last:
                return step.answer
        raise UsageError(f"The mock of {call.state!r} has no answer for invocation {number} (counted from 0).")

    async def _give(self, call: TaskCall, answer: Answer, *, begun: bool) -> Json:
        if isinstance(answer, Real):
            return await self._tasks.call(call)
        if not begun:
            _begin(call)
        match answer:
            case Returns(value):
                return _json(value, call.state)
            case Raises(error, cause):
                raise TaskFailed(error, cause)
            case Calls(function):
                return self._mocks.checked(call, _json(await _called(function, call), call.state))
            case After(seconds, then, beat):
                await self._wait(call, seconds, beat)
                return await self._give(call, then, begun=True)
            case Silent():
                return await nobody_answers(self._clock)
            case _:
                return await self._give(call, self._chosen(call, answer), begun=True)

    async def _wait(self, call: TaskCall, seconds: float, beat: float | None) -> None:
        end = self._clock.now() + seconds
        while beat is not None and self._clock.now() + beat < end:
            await self._clock.sleep_until(self._clock.now() + beat)
            call.beat()
        await self._clock.sleep_until(end)


async def nobody_answers(clock: Clock) -> Json:
    """Waits for ever. Nothing real is in flight: virtual time may jump to what ends the task."""
    clock.release()
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        clock.hold()


def _begin(call: TaskCall) -> None:
    """What the history shows of the task before its answer comes."""
    if call.resource.kind == "activity":
        call.started(None)
    elif call.resource.pattern:
        call.submitted({})


def _json(value: Any, state: str) -> Json:
    """A result as JSON has it: a tuple is a list. Raises `UsageError` for what JSON cannot hold."""
    try:
        return msgspec.json.decode(msgspec.json.encode(value))
    except (TypeError, ValueError) as problem:
        raise UsageError(f"The mock of {state!r} gives a value that JSON cannot hold: {problem}.") from None


async def _called(function: Any, call: TaskCall) -> Json:
    """What the function gives; an exception of its own fails the task as that of a Lambda handler would.

    An `AssertionError` is no failure of the task but of the test, and an `AslRunnerError` a mistake in it.
    """
    try:
        given = function(call.input, call) if _takes_call(function) else function(call.input)
        return await given if inspect.isawaitable(given) else given
    except (TaskFailed, AssertionError, UsageError):
        raise
    except Exception as problem:
        raise TaskFailed(type(problem).__name__, str(problem)) from problem


def _takes_call(function: Any) -> bool:
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    return True


def _may_be_real(answer: Answer) -> bool:
    match answer:
        case Real():
            return True
        case After(_, inner):
            return _may_be_real(inner)
        case Steps(steps):
            return any(_may_be_real(step.answer) for step in steps)
        case ByItem(items, otherwise):
            return _may_be_real(otherwise) or any(map(_may_be_real, items.values()))
        case _:
            return False


def _results(answer: Answer) -> Iterator[Json]:
    """Every result written out in an answer."""
    match answer:
        case Returns(value):
            yield value
        case After(_, inner):
            yield from _results(inner)
        case Steps(steps):
            for step in steps:
                yield from _results(step.answer)
        case ByItem(items, otherwise):
            for inner in (*items.values(), otherwise):
                yield from _results(inner)
