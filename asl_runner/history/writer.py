"""The one thread that writes a workspace's database.

It takes whatever lies in its queue, writes it in one transaction, and only then tells those who wait: the more that
wait, the cheaper each becomes.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from asl_runner.errors import AslRunnerError
from asl_runner.history import segments, statements
from asl_runner.history.database import workspace_error
from asl_runner.history.events import Event

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

MAX_PENDING_EVENTS = 1 << 15
"""Events that may wait to be written before `append` waits for the disk."""

MAX_PENDING_BYTES = 64 << 20
"""The same in encoded bytes, estimated from the transaction before."""


class Line:
    """The events of one execution on their way to the disk; `failure` is set once some of them could not be written."""

    __slots__ = ("appended", "arn", "durable", "execution", "failure")

    def __init__(self, arn: str) -> None:
        self.arn = arn
        self.execution: int | None = None
        """Its key in the database, once looked up."""
        self.appended = 0
        self.durable = 0
        self.failure: BaseException | None = None


class _Append(Struct, frozen=True, gc=False):
    line: Line
    events: Sequence[Event]


class _Flush(Struct, frozen=True):
    line: Line
    future: asyncio.Future[None]


class _Call(Struct, frozen=True):
    work: Callable[[sqlite3.Connection], Any]
    future: Future[Any]


class _Ask(Struct, frozen=True):
    """A call from an event loop: those of one batch wake it once."""

    work: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]
    line: Line | None = None
    """What it is the end of: not done once some of that could not be written."""
    events: Sequence[Event] = ()
    """The last events of that, to be kept in the same transaction."""


class _Batch:
    """What one transaction is about."""

    def __init__(self) -> None:
        self.events: dict[Line, list[Event]] = {}
        self.flushes: list[_Flush] = []
        self.calls: list[_Call | _Ask] = []
        self.count = 0

    def add(self, item: _Append | _Flush | _Call | _Ask) -> None:
        match item:
            case _Append(line, events):
                self._take(line, events)
            case _Flush():
                self.flushes.append(item)
            case _Call():
                if item.future.set_running_or_notify_cancel():
                    self.calls.append(item)
            case _Ask():
                self.calls.append(item)
                if item.line is not None and item.events:
                    self._take(item.line, item.events)

    def _take(self, line: Line, events: Sequence[Event]) -> None:
        self.events.setdefault(line, []).extend(events)
        self.count += len(events)


class Writer:
    """Writes through one connection, in one thread that starts with the first thing to write."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._queue: SimpleQueue[_Append | _Flush | _Call | _Ask | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._room = threading.Condition()
        self._pending = 0
        self._allowance = MAX_PENDING_EVENTS
        self._closed = False
        self.keys: dict[str, int] = {}
        """Keys of executions just added, by ARN, for their first events; belongs to the thread."""
        self.definitions: dict[str, int] = {}
        """Keys of definitions that are there, by text; belongs to the thread."""

    def append(self, line: Line, events: Sequence[Event]) -> None:
        """Takes events of one execution. Waits only while too much is waiting to be written."""
        self._make_room(line, events)
        self._put(_Append(line, events))

    def _make_room(self, line: Line, events: Sequence[Event]) -> None:
        line.appended += len(events)
        with self._room:
            while self._pending >= self._allowance:
                self._room.wait()
            self._pending += len(events)

    def flush(self, line: Line) -> asyncio.Future[None]:
        """Done once everything appended to this line so far is committed."""
        import asyncio

        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(_Flush(line, future))
        return future

    def call(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Runs `work` inside the next transaction; the result is there once that is committed.

        `work` is to be one statement that changes rows, or to raise before it changes any.
        """
        future: Future[T] = Future()
        self._put(_Call(work, future))
        return future

    def ask(
        self, work: Callable[[sqlite3.Connection], T], line: Line | None = None, events: Sequence[Event] = ()
    ) -> asyncio.Future[T]:
        """`call` for the running event loop. `work` is done also when the future is cancelled.

        With a `line` it is not done, and the future fails, when some of what was appended to that before is not kept;
        `events` are appended to it in the same transaction.
        """
        import asyncio

        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if line is not None and events:
            self._make_room(line, events)
        self._put(_Ask(work, future, line, events))
        return future

    def close(self) -> None:
        """Writes what is waiting, ends the thread and closes the connection."""
        with self._room:
            if self._closed:
                return
            self._closed = True
            thread = self._thread
        if thread is not None:
            self._queue.put(None)
            thread.join()
        self._connection.close()

    def _put(self, item: _Append | _Flush | _Call | _Ask) -> None:
        with self._room:
            if self._closed:
                raise RuntimeError(f"the store of {self._path} is closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="asl-runner history writer", daemon=True)
                self._thread.start()
            self._queue.put(item)

    def _run(self) -> None:
        queue = self._queue
        open_ = True
        while open_:
            batch = _Batch()
            item = queue.get()
            while item is not None:
                batch.add(item)
                if queue.empty():
                    break
                item = queue.get()
            open_ = item is not None
            self._settle(batch, *self._write(batch))

    def _write(self, batch: _Batch) -> tuple[list[tuple[_Call | _Ask, Any]], BaseException | None]:
        """The results of the batch's calls once committed, or why nothing of the batch was."""
        connection = self._connection
        blobs = [(line, blob) for line, events in batch.events.items() for blob in _encoded(line, events)]
        try:
            connection.execute("BEGIN IMMEDIATE")
            results = [(call, _answer(call, connection)) for call in batch.calls]
            for line, (first, last, blob) in blobs:
                if self._known(line, connection):
                    connection.execute(
                        statements.ADD_SEGMENT,
                        {"execution": line.execution, "first": first, "last": last, "events": blob},
                    )
            connection.execute("COMMIT")
        except BaseException as failure:  # noqa: BLE001 - whoever waits for this batch raises it
            self.keys.clear()
            self.definitions.clear()
            if connection.in_transaction:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            return [], self._explained(failure)
        if blobs:
            size = sum(len(blob) for _, (_, _, blob) in blobs)
            self._allowance = max(1, min(MAX_PENDING_EVENTS, MAX_PENDING_BYTES * batch.count // size))
        return results, None

    def _known(self, line: Line, connection: sqlite3.Connection) -> bool:
        if line.execution is None and line.failure is None:
            line.execution = self.keys.pop(line.arn, None)
            if line.execution is None:
                row = connection.execute(statements.KEY, {"arn": line.arn}).fetchone()
                if row is None:
                    line.failure = RuntimeError(f"events of {line.arn}, which was never created")
                else:
                    line.execution = row[0]
        return line.failure is None

    def _explained(self, failure: BaseException) -> BaseException:
        known = workspace_error(self._path, failure) if isinstance(failure, sqlite3.Error) else None
        if known is None:
            return failure
        known.__cause__ = failure
        return known

    def _settle(self, batch: _Batch, results: list[tuple[_Call | _Ask, Any]], failure: BaseException | None) -> None:
        """Tells everybody who waits what became of the batch."""
        for line, events in batch.events.items():
            if failure is not None and line.failure is None:
                line.failure = failure
            line.durable += len(events)
        if batch.count:
            with self._room:
                self._pending -= batch.count
                self._room.notify_all()
        if failure is not None:
            results = [(call, failure) for call in batch.calls]
        loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
        for call, result in results:
            if isinstance(call, _Ask):
                loops.setdefault(call.future.get_loop(), []).append((call.future, result))
            elif isinstance(result, BaseException):
                call.future.set_exception(result)
            else:
                call.future.set_result(result)
        for flush in batch.flushes:
            result = flush.line.failure or failure
            loops.setdefault(flush.future.get_loop(), []).append((flush.future, result))
        for loop, answers in loops.items():
            # A loop closed meanwhile has nobody left who waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_wake, answers)


def _answer(call: _Call | _Ask, connection: sqlite3.Connection) -> Any:
    """What the call gives; an error that is the caller's own does not end the transaction of the others."""
    if isinstance(call, _Ask) and call.line is not None and call.line.failure is not None:
        return call.line.failure
    try:
        return call.work(connection)
    except AslRunnerError as error:
        return error


def _encoded(line: Line, events: Sequence[Event]) -> list[tuple[int, int, bytes]]:
    """The line's segments; none after a failure, so that a history never has a gap."""
    if line.failure is not None:
        return []
    try:
        return list(segments.encode(events))
    except (TypeError, ValueError) as failure:
        line.failure = failure
        return []


def _wake(answers: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in answers:
        if not future.done():
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)
