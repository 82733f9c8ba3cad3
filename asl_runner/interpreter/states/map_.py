"""Map: its processor once per item; the result is the array of the outputs. Inline here, distributed elsewhere."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, NoReturn

from asl_runner.definition.model import Map
from asl_runner.expressions.environment import Json
from asl_runner.interpreter.children import Children
from asl_runner.interpreter.errors import Failure
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.restored import Restored
from asl_runner.interpreter.resumed import failure_of
from asl_runner.interpreter.states import distributed_map, working
from asl_runner.interpreter.states.items import items_of, max_concurrency, selected, tolerated

_TURN = 512
"""Iterations run without giving way to other work of the process."""


async def perform(frame: Frame, state: Map) -> None:
    """One visit. Raises `Failure`."""
    work = _work if state.mode == "INLINE" else distributed_map.work
    await working.perform(frame, state, work, failed_event="MapStateFailed")


async def _work(frame: Frame, state: Map, effective: Json) -> Json:
    items = items_of(state, effective, frame)
    concurrency = _inline_concurrency(state, effective, frame)
    log = frame.run.log
    known = frame.attempt
    if known is not None and known.end is not None:
        raise failure_of(known)
    restored = None if known is None else known.kept
    if restored is None:
        details = {"length": len(items)}
        frame.previous = log.record("MapStateStarted", details, frame.previous, frame.path)
    else:
        frame.previous = restored.started
    # An inline Map tolerates nothing, but its numbers must be right (recorded).
    tolerated(state, effective, frame)
    results = await Iterations(frame, state, effective, items, restored).run(concurrency)
    log.record("MapStateSucceeded", None, frame.previous, frame.path)
    return results


def _inline_concurrency(state: Map, effective: Json, frame: Frame) -> int:
    cap = frame.run.limits.inline_map_concurrency
    return min(max_concurrency(state, effective, frame) or cap, cap)


class Iterations:
    """One attempt at all iterations: starts them in order, at most so many at once, and collects their outputs."""

    def __init__(
        self, frame: Frame, state: Map, effective: Json, items: list[Json], restored: Restored | None = None
    ) -> None:
        """Of `restored` iterations those that ended keep their outputs, and the others go on."""
        self._frame = frame
        self._state = state
        self._effective = effective
        self._items = items
        self._path = frame.child_path(state.name) if restored is None else restored.child_path
        self._results: list[Json] = [None] * len(items)
        self._begun: deque[Frame] = deque()
        self._known: dict[int, Restored] = {}
        if restored is not None and restored.children is not None:
            self._known = restored.children
        for index, child in self._known.items():
            if child.todo is None:
                self._results[index] = child.data
        all_ = range(len(items))
        self._waiting = deque(all_ if not self._known else (index for index in all_ if not self._has_ended(index)))
        self._failed = [] if frame.attempt is None else list(frame.attempt.failed)
        self._children = Children(frame, state.name)

    async def run(self, concurrency: int) -> list[Json]:
        """The outputs in item order. Raises the first `Failure` of an iteration, the others cut off."""
        frame, begun = self._frame, self._begun
        started = frame.previous
        ended = 0
        async with self._children as children:
            if self._failed:
                await self._fail_again(children)
            while self._waiting and len(begun) < concurrency:
                self._begin(started)
            while begun or children.running:
                if begun:
                    child = begun.popleft()
                    if not children.start(child):
                        continue
                else:
                    child = await children.next()
                if child.failure is not None:
                    await self._fail(child, child.failure)
                self._end(child)
                ended += 1
                if ended % _TURN == 0:
                    frame.run.log.flush()
                    await asyncio.sleep(0)
        return self._results

    async def _fail_again(self, children: Children) -> None:
        """Runs the iterations of which the history says that they have failed: nothing may be done beside them."""
        others = [known for index, known in self._known.items() if known.todo is not None and index not in self._failed]
        for known in others:
            children.add(self._restored(known))
        for index in self._failed:
            self._waiting.remove(index)
            child = self._restored(self._known[index])
            children.add(child)
            if not children.start(child):
                await children.next()
            if child.failure is not None:
                await self._fail(child, child.failure)
            self._end(child)

    def _restored(self, known: Restored) -> Frame:
        frame, state, index = self._frame, self._state, int(known.path.rpartition(".")[2])
        item = {"Index": index, "Value": self._items[index]}
        input = known.data if known.text else selected(state, self._effective, item, frame)
        child = frame.child(state.item_processor, known.path, input, known.previous, index, item)
        if known.text:
            child.restore(known)
        return child

    def _has_ended(self, index: int) -> bool:
        known = self._known.get(index)
        return known is not None and known.todo is None and known.is_closed

    def _begin(self, previous: int) -> None:
        frame, state, index = self._frame, self._state, self._waiting.popleft()
        item = {"Index": index, "Value": self._items[index]}
        path = f"{self._path}.{index}"
        known = self._known.get(index)
        if known is None:
            input = selected(state, self._effective, item, frame)
            started = self._record("Started", index, previous, path)
            child = frame.child(state.item_processor, path, input, started, index, item)
        else:
            if known.anew:
                known.previous = self._record("Started", index, known.previous, path)
            child = self._restored(known)
        self._children.add(child)
        self._begun.append(child)

    def _end(self, child: Frame) -> None:
        self._results[child.index] = child.data
        self._frame.previous = self._record("Succeeded", child.index, child.previous, child.path)
        if self._waiting:
            self._begin(child.previous)

    async def _fail(self, child: Frame, failure: Failure) -> NoReturn:
        await self._children.cancel()
        previous = child.previous
        if self._frame.attempt is None or not self._frame.attempt.is_over:
            self._record("Failed", child.index, previous, child.path)
            self._children.record_failed(child)
            self._children.record_aborted(previous)
        self._frame.previous = previous
        raise failure

    def _record(self, step: str, index: int, previous: int, path: str) -> int:
        details: dict[str, Any] = {"name": self._state.name, "index": index}
        return self._frame.run.log.record(f"MapIteration{step}", details, previous, path)
