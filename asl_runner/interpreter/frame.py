"""One running scope: the machine itself, a branch of a Parallel, or an iteration of a Map."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from asl_runner.definition.model import Scope, State
from asl_runner.expressions.environment import Json
from asl_runner.history.events import Payload
from asl_runner.interpreter.context import iso_time
from asl_runner.interpreter.errors import Failure
from asl_runner.interpreter.limits import Limits
from asl_runner.interpreter.log import HistoryLog
from asl_runner.interpreter.payload import PayloadEncoder
from asl_runner.interpreter.ports import ExecutionInfo, Ports

if TYPE_CHECKING:
    from asl_runner.history.events import Event
    from asl_runner.interpreter.restored import Attempt, Restored

_NO_ATTEMPTS: list[Attempt] = []


class OpenChildren(Protocol):
    """The branches or iterations of a frame's current state, while they run."""

    def record_aborted(self, previous: int) -> None:
        """Records those that were cut off, after event `previous`."""


Performer: TypeAlias = "Callable[[Frame, Any], Awaitable[None]]"


class Run:
    """What all frames of one execution share."""

    __slots__ = ("context", "info", "limits", "log", "payloads", "performers", "ports", "redriven")

    def __init__(
        self,
        info: ExecutionInfo,
        ports: Ports,
        limits: Limits,
        log: HistoryLog,
        context: dict[str, Json],
        performers: Mapping[type[State], Performer],
    ) -> None:
        self.performers = performers
        """How a state that asks the world is performed, by its type."""
        self.info = info
        self.ports = ports
        self.limits = limits
        self.log = log
        self.context = context
        self.payloads = PayloadEncoder()
        self.redriven = 0
        """The event with which it was redriven last."""


class Frame:
    """Where a scope stands. It is the `Environment` its states' expressions read.

    `data` is the input of the state to come and, once `todo` is None, the scope's output; `text` is its JSON as the
    history keeps it, None until needed. `previous` is the id of the scope's latest event.
    """

    __slots__ = (
        "_context",
        "_random",
        "attempt",
        "attempts",
        "begun",
        "children",
        "current",
        "data",
        "entered",
        "entered_previous",
        "entered_time",
        "exit",
        "failure",
        "index",
        "map_item",
        "ordinal",
        "path",
        "previous",
        "restored",
        "retry_count",
        "run",
        "states",
        "text",
        "todo",
        "token",
        "variable_sizes",
        "variables",
        "visits",
    )

    def __init__(
        self,
        run: Run,
        scope: Scope,
        path: str,
        data: Json,
        previous: int,
        variables: Mapping[str, Json],
        map_item: dict[str, Json] | None = None,
        index: int = 0,
    ) -> None:
        self.run = run
        self.states = scope.states
        self.path = path
        self.data = data
        self.text: Payload | None = None
        self.previous = previous
        self.variables = variables
        self.variable_sizes: Mapping[str, int] = {}
        """Bytes of the JSON of each variable."""
        self.map_item = map_item
        self.index = index
        self.todo: State | None = scope.states[scope.start_at]
        self.current: State | None = None
        """The state entered and not yet left."""
        self.entered = 0
        self.entered_previous = 0
        self.entered_time = 0.0
        self.begun = 0.0
        """When work in the current state began: on its entry, or when it went on after a redrive."""
        self.restored: Restored | None = None
        """Where the scope stood, until its open state goes on."""
        self.attempts: list[Attempt] = _NO_ATTEMPTS
        """What the history knows of attempts of the current state, the next one last."""
        self.attempt: Attempt | None = None
        """What it knows of the one under way."""
        self.exit: Event | None = None
        """The exit of the current state, where that is recorded already."""
        self.ordinal = 0
        """How many states the scope has entered."""
        self.retry_count = 0
        self.token: str | None = None
        self.failure: Failure | None = None
        self.children: OpenChildren | None = None
        """The branches or iterations under way."""
        self.visits: dict[str, int] = {}
        """How often a Parallel or Map has started its children: part of their path."""
        self._context: dict[str, Json] | None = None
        self._random: Random | None = None

    def restore(self, restored: Restored) -> None:
        """Puts the scope where its history left it. One that has ended has only its output."""
        self.data = restored.data
        self.text = restored.text
        self.previous = restored.previous
        self.variables = {**self.variables, **restored.variables}
        self.variable_sizes = {**self.variable_sizes, **restored.variable_sizes}
        self.visits = dict(restored.visits)
        self.ordinal = restored.entered
        self.todo = None if restored.todo is None else self.states[restored.todo]
        if restored.entry is not None:
            self.restored = restored
            self.current = self.todo

    def begin_attempt(self) -> None:
        """The state begins its work, or goes on with what its history knows of it."""
        self.attempt = self.attempts.pop() if self.attempts else None

    @property
    def now(self) -> float:
        """The execution's time, in seconds since the epoch."""
        return self.run.ports.clock.now()

    def child(
        self, scope: Scope, path: str, data: Json, previous: int, index: int, map_item: dict[str, Json] | None = None
    ) -> Frame:
        """The frame of a branch or iteration: it reads this one's variables, and its map item if given none."""
        child = Frame(self.run, scope, path, data, previous, self.variables, map_item or self.map_item, index)
        child.variable_sizes = self.variable_sizes
        return child

    @property
    def context(self) -> dict[str, Json]:
        """The context object as the current state sees it."""
        context = self._context
        if context is None:
            context = dict(self.run.context)
            if self.current is not None:
                state: dict[str, Json] = {"Name": self.current.name, "EnteredTime": iso_time(self.entered_time)}
                if self.current.type in ("Task", "Parallel", "Map"):
                    state["RetryCount"] = self.retry_count
                context["State"] = state
            if self.map_item is not None:
                context["Map"] = {"Item": self.map_item}
            if self.token is not None:
                context["Task"] = {"Token": self.token}
            self._context = context
        return context

    @property
    def random(self) -> Random:
        """Random numbers of this attempt of the state: the same in every run with the same seed, whatever runs beside
        it and whatever ran before."""
        if self._random is None:
            self._random = self.random_for("")
        return self._random

    def random_for(self, purpose: str) -> Random:
        """The same for one purpose of our own, which expressions do not draw from."""
        return Random(f"{self.run.ports.seed}/{self.path}#{self.ordinal}.{self.retry_count}{purpose}")

    def forget_context(self) -> None:
        """The state, its token or its retry count changed: the context object is built anew when next read."""
        self._context = None
        self._random = None

    def child_path(self, name: str) -> str:
        """The path under which one start of the children of state `name` is known, unique in the execution."""
        visit = self.visits.get(name, 0)
        self.visits[name] = visit + 1
        return f"{self.path}/{name}:{visit}"
