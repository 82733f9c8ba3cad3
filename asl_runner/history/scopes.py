"""Scopes: which branch or iteration an event belongs to, by name, and worked out where a history does not say.

The scope of the machine itself is "". That of a branch or iteration is its parent's scope, `/`, the name of the
Parallel or Map state, `:`, how often the state had started its children before, `.`, and the index of the branch or
iteration: `/Each:0.2` is the third iteration of the first start of `Each`.

AWS gives no scopes, only the id of the event before each one in its own branch. Source of the rules followed here:
reference section 15, "previousEventId rules".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct, structs

from asl_runner.history.events import Event

ROOT = ""


def child_scope(parent: str, state: str, start: int, index: int) -> str:
    """The scope of branch or iteration `index` of the `start`-th start (from 0) of a Parallel or Map in `parent`."""
    return f"{parent}/{state}:{start}.{index}"


def scope_index(scope: str) -> int:
    """The index of the branch or iteration a scope names; 0 for the machine itself."""
    last = scope.rpartition(".")[2]
    return int(last) if last.isdecimal() else 0


def with_scopes(events: Sequence[Event]) -> list[Event]:
    """The events of a whole history in order of id, each with its scope."""
    reader = _Reader()
    return [structs.replace(event, scope=reader.scope_of(event)) for event in events]


class _Scope(Struct):
    """What is known of one scope while its history is read."""

    path: str
    parent: _Scope | None = None
    state: str = ""
    """The state it is in, and its type."""
    type: str = ""
    entered_after: int = 0
    """The id of the event before that state was entered."""
    settled: bool = False
    """That state's Parallel or Map has succeeded or failed, so that what follows is about another one."""
    starts: dict[str, int] = {}
    """How often each Parallel or Map has started its children."""
    children: dict[int, _Scope] = {}
    """Those of the latest start, by index."""
    open: bool = True

    def enter(self, state: str, type: str, after: int) -> None:
        self.state, self.type, self.entered_after = state, type, after
        self.settled, self.children = False, {}

    def start(self) -> None:
        self.starts[self.state] = self.starts.get(self.state, 0) + 1
        self.children = {}

    def child(self, index: int) -> _Scope:
        """The child with this index, made when it is new."""
        if index not in self.children:
            path = child_scope(self.path, self.state, self.starts.get(self.state, 1) - 1, index)
            self.children[index] = _Scope(path, self)
        return self.children[index]

    def inside_out(self) -> Iterator[_Scope]:
        """This scope after all those inside it."""
        for child in self.children.values():
            yield from child.inside_out()
        yield self


class _Reader:
    """Follows a history event by event."""

    def __init__(self) -> None:
        self._root = _Scope(ROOT)
        self._by_id: dict[int, _Scope] = {}
        self._forks: set[int] = set()
        """Ids of events after which branches begin."""
        self._last = self._root

    def scope_of(self, event: Event) -> str:
        scope = self._find(event, self._by_id.get(event.previous, self._root))
        self._note(scope, event)
        self._by_id[event.id] = self._last = scope
        return scope.path

    def _find(self, event: Event, before: _Scope) -> _Scope:
        type, details = event.type, event.details or {}
        if type.startswith("Execution"):
            return self._root
        if type.startswith("MapIteration"):
            return _climb(before, lambda scope: scope.state == details.get("name")).child(details.get("index", 0))
        if type.endswith("StateEntered"):
            return before.child(len(before.children)) if event.previous in self._forks else before
        if type.endswith("StateExited"):
            return _climb(before, lambda scope: scope.state == details.get("name"))
        if type.endswith("StateAborted"):
            return self._cut_off(type.removesuffix("StateAborted"))
        if type == "EvaluationFailed":
            return _evaluating(details.get("state", ""), event.previous, before)
        for kind in ("Parallel", "Map"):
            if type.startswith((f"{kind}State", f"{kind}Run")):
                return _climb(before, _working(kind))
        return before

    def _cut_off(self, kind: str) -> _Scope:
        """The scope whose state of this type was cut off: inside out, beginning where the last event was."""
        around: _Scope | None = self._last
        while around is not None:
            for scope in around.inside_out():
                if scope.type == kind:
                    return scope
            around = around.parent
        return self._last

    def _note(self, scope: _Scope, event: Event) -> None:
        type = event.type
        if type.endswith("StateEntered"):
            scope.enter((event.details or {}).get("name", ""), type.removesuffix("StateEntered"), event.previous)
        elif type.endswith(("StateExited", "StateAborted")):
            scope.enter("", "", event.id)
        elif type in ("ParallelStateStarted", "MapStateStarted"):
            scope.start()
            if type == "ParallelStateStarted":
                self._forks.add(event.id)
        elif type.startswith("MapIteration"):
            scope.open = type == "MapIterationStarted"
        elif type.startswith(("ParallelState", "MapState")):
            scope.settled = True


def _climb(scope: _Scope, wanted: Callable[[_Scope], bool]) -> _Scope:
    """The nearest of a scope and those around it that is wanted; the scope itself in a history that makes no sense."""
    around: _Scope | None = scope
    while around is not None:
        if wanted(around):
            return around
        around = around.parent
    return scope


def _working(kind: str) -> Callable[[_Scope], bool]:
    return lambda scope: scope.type == kind and scope.open and not scope.settled


def _evaluating(state: str, previous: int, before: _Scope) -> _Scope:
    """Where a state's field failed to evaluate. The event follows the one before the state was entered, which for the
    first state of a branch is its parent's."""
    for child in before.children.values():
        if child.state == state and child.entered_after == previous:
            return child
    return _climb(before, lambda scope: scope.state == state)
