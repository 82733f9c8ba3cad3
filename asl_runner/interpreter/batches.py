"""What the child executions of a distributed Map get: items, selected and grouped, as they are needed.

Items of the state's own data are there at once; those of a dataset are read while the first of them are worked on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from msgspec.structs import replace

from asl_runner.definition.model import ItemBatcher, Map, Quantity
from asl_runner.expressions.environment import ExpressionError, Json
from asl_runner.expressions.json_text import compact_bytes
from asl_runner.interpreter.dataflow import states_variable
from asl_runner.interpreter.datasets import Dataset, DatasetItem, DatasetRequest
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.map_runs import Batch
from asl_runner.interpreter.quantities import whole_number
from asl_runner.interpreter.states.items import checked_most, selected


class Batches(Protocol):
    """The inputs of the child executions of one map run, in their order."""

    ended: bool
    """Whether there are no more."""
    items: int
    """Items there are in all; those given so far until it has ended, where that is not known before."""

    executions: int
    """Batches there are, likewise."""

    async def more(self) -> list[Batch]:
        """The next ones. Raises `Failure`, and `ExpressionError` of a field evaluated for an item."""

    async def close(self) -> None:
        """Lets go of what they are read from."""


class StateData:
    """Items that were in the state's data."""

    def __init__(self, state: Map, effective: Json, items: Json, frame: Frame) -> None:
        """Raises `ExpressionError`."""
        self._batches = list(batches_of(state, effective, items, frame))
        self.items = len(items)
        self.executions = len(self._batches)
        self.ended = False

    async def more(self) -> list[Batch]:
        """All of them."""
        self.ended = True
        batches, self._batches = self._batches, []
        return batches

    async def close(self) -> None:
        """There is nothing to let go of."""


class DatasetBatches:
    """Items read from a dataset, which is opened with the first of them: only then it is looked at what is there."""

    def __init__(self, state: Map, effective: Json, request: DatasetRequest, frame: Frame) -> None:
        """Raises `ExpressionError` of ItemBatcher."""
        self._state = state
        self._effective = effective
        self._request = request
        self._frame = frame
        self._dataset: Dataset | None = None
        self._group = None if state.item_batcher is None else Group(state, state.item_batcher, effective, frame)
        self.items = 0
        self.executions = 0
        self.ended = False

    async def more(self) -> list[Batch]:
        """Those of the next portion of the dataset."""
        if self._dataset is None:
            self._dataset = self._open()
        portion = await self._dataset.read()
        batches: list[Batch] = []
        for item in portion.items:
            input = selected(self._state, self._effective, _context(self.items, item), self._frame)
            self.items += 1
            if self._group is None:
                batches.append((input, 1))
            elif (full := self._group.add(input)) is not None:
                batches.append(full)
        self.ended = portion.is_last
        if self.ended and self._group is not None and (rest := self._group.rest()) is not None:
            batches.append(rest)
        self.executions += len(batches)
        return batches

    async def close(self) -> None:
        """Closes the dataset."""
        if self._dataset is not None:
            await self._dataset.close()

    def _open(self) -> Dataset:
        open_ = self._frame.run.ports.open_dataset
        assert open_ is not None
        return open_(replace(self._request, most=checked_most(self._request.most)))


def batches_of(state: Map, effective: Json, items: Json, frame: Frame) -> Iterator[Batch]:
    """What each child execution gets: the items after ItemSelector and ItemBatcher. Raises `ExpressionError`."""
    inputs = (selected(state, effective, item, frame) for item in map_items(items))
    if state.item_batcher is None:
        return ((input, 1) for input in inputs)
    return _grouped(Group(state, state.item_batcher, effective, frame), inputs)


def map_items(items: Json) -> Iterator[dict[str, Json]]:
    """The context's `Map.Item` for each item of the state's data. Those of an object are its members."""
    if isinstance(items, dict):
        for index, (key, value) in enumerate(items.items()):
            yield _context(index, DatasetItem(value, "STATE_DATA", key))
    else:
        for index, value in enumerate(items):
            yield _context(index, DatasetItem(value, "STATE_DATA"))


def _context(index: int, item: DatasetItem) -> dict[str, Json]:
    if item.key is None:
        return {"Index": index, "Value": item.value, "Source": item.source}
    member = {"key": item.key, "value": item.value}
    return {"Index": index, "Key": item.key, "Value": member, "Source": item.source}


def _grouped(group: Group, inputs: Iterator[Json]) -> Iterator[Batch]:
    for input in inputs:
        if (full := group.add(input)) is not None:
            yield full
    if (rest := group.rest()) is not None:
        yield rest


class Group:
    """A batch under way, within the number of items and of bytes of its JSON text."""

    def __init__(self, state: Map, batcher: ItemBatcher, effective: Json, frame: Frame) -> None:
        """Raises `ExpressionError`."""
        self._most = _positive(batcher.max_items_per_batch, effective, frame)
        limits = (_positive(batcher.max_input_bytes_per_batch, effective, frame), frame.run.limits.payload_bytes)
        self._limit = min((limit for limit in limits if limit is not None), default=None)
        self._around: dict[str, Json] = {}
        if batcher.batch_input is not None:
            data = states_variable(frame) if state.query_language == "JSONata" else effective
            self._around["BatchInput"] = batcher.batch_input(data, frame)
        self._empty = len(compact_bytes({**self._around, "Items": []}))
        self._items: list[Json] = []
        self._size = self._empty

    def add(self, input: Json) -> Batch | None:
        """Takes an item; gives the batch before it if that is full."""
        more = len(compact_bytes(input)) + 1
        is_full = self._most is not None and len(self._items) >= self._most
        is_heavy = self._limit is not None and self._size + more - 1 > self._limit
        full = self.rest() if self._items and (is_full or is_heavy) else None
        self._items.append(input)
        self._size += more
        return full

    def rest(self) -> Batch | None:
        """The batch as it is; None if it is empty. A new one begins."""
        if not self._items:
            return None
        batch: Batch = {**self._around, "Items": self._items}, len(self._items)
        self._items, self._size = [], self._empty
        return batch


def _positive(quantity: Quantity | None, effective: Json, frame: Frame) -> int | None:
    if quantity is None:
        return None
    number = whole_number(quantity, effective, frame)
    if number <= 0:
        raise ExpressionError(f"field {quantity.field.removesuffix('Path')} must be positive")
    return number
