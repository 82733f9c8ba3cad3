"""Where an execution stood when its process died in a redrive with another definition or other inputs.

A scope in which something has happened since the redrive is read as any other; one that had not had its turn yet stands
as the redrive put it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import structs

from asl_runner.definition import model
from asl_runner.history.events import Event
from asl_runner.interpreter.restored import Attempt, Interrupted, Restored
from asl_runner.interpreter.resumed import ResumeReader


def resume_redriven(machine: model.StateMachine, events: Sequence[Event], input: bytes, stood: Restored) -> Restored:
    """Where the machine stands after these events; `stood` is where it stood when it was redriven last."""
    return _RedriveReader(events, stood).machine(machine, input)


class _RedriveReader(ResumeReader):
    def __init__(self, events: Sequence[Event], stood: Restored) -> None:
        super().__init__(events)
        self._stood = {place.path: place for place in _all_places(stood)}

    def scope(self, scope: model.Scope, path: str, input: bytes, previous: int) -> Restored:
        """The scope as it is, or as the redrive put it."""
        stood = self._stood.get(path)
        # What goes on from its own entry can be read: its children, if it has any, have their own say.
        is_put = stood is not None and stood.todo is not None and (stood.entry is None or stood.children is None)
        latest = self.scopes[path][-1]
        is_begun = latest.type == "MapIterationStarted" and self._has_gone_on(path)
        if stood is None or not is_put or (self._has_gone_on(path) and not is_begun):
            return super().scope(scope, path, input, previous)
        assert self.redriven is not None
        begun = self.redriven.time
        after = Interrupted(begun=begun, time=begun, last=stood.previous, redriven=self.redriven.id)
        if is_begun:
            return structs.replace(stood, after=after, anew=False, previous=latest.id)
        return structs.replace(stood, after=after)

    def children_of(self, place: Restored) -> list[tuple[int, str]]:
        """Without branches that the definition has no more."""
        stood = self._stood.get(place.path)
        found = super().children_of(place)
        if stood is None or stood.children is None or place.started > self._since:
            return found
        return [(index, path) for index, path in found if index in stood.children or self._has_gone_on(path)]

    def attempts_of(self, state: model.Working, place: Restored, visit: Sequence[Event], since: int) -> list[Attempt]:
        """Without those before the redrive where it began the children anew."""
        stood = self._stood.get(place.path)
        if stood is not None and stood.started == 0 and place.entry == stood.entry:
            visit = [event for event in visit if event.id > since]
        return super().attempts_of(state, place, visit, since)

    @property
    def _since(self) -> int:
        return 0 if self.redriven is None else self.redriven.id

    def _has_gone_on(self, path: str) -> bool:
        return self.scopes[path][-1].id > self._since


def _all_places(place: Restored) -> Iterator[Restored]:
    yield place
    for child in (place.children or {}).values():
        yield from _all_places(child)
