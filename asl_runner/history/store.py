"""The workspace's database: every execution, its definition, its state and its history."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import structs

from asl_runner.errors import WorkspaceError
from asl_runner.history import changes, lookup, ownership, segments, statements
from asl_runner.history.database import Durability, explained, open_reader, open_writable
from asl_runner.history.events import Event
from asl_runner.history.records import ExecutionRecord, Status, StopRequest

if TYPE_CHECKING:
    import asyncio

    from asl_runner.history.journal import ExecutionJournal
    from asl_runner.history.writer import Writer

T = TypeVar("T")

_PAGE = 8
"""Segments read at a time."""

_END = (1 << 63) - 1


class _Refusal:
    """Why a change was not made."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class Store:
    """One workspace's executions. Every method may be called from any thread; close it, or use it as a context manager.

    Unless said otherwise a method raises `WorkspaceError`, naming the file, when the database cannot be read or
    written, and `NotFound` for an ARN that is not here.
    """

    def __init__(self, path: Path, writer: Writer | None) -> None:
        self.path = path
        self._writer = writer
        self._idle: list[sqlite3.Connection] = []
        self._owner: ownership.Owner | None = None
        self._claiming = threading.Lock()
        self._closed = False

    @classmethod
    def open(cls, path: Path, *, durability: Durability = "normal", read_only: bool = False) -> Store:
        """Opens the database file, creating it and its directory when missing, unless `read_only`.

        `durability`: with `normal` the end of this process loses nothing committed and a power cut may lose the last
        transactions; with `full` neither does, at some milliseconds per transaction. `read_only` works in directories
        that cannot be written, and raises `NotFound` when there is no database.
        """
        if read_only:
            store = cls(path, None)
            with store._reader():
                return store
        from asl_runner.history.writer import Writer

        return cls(path, Writer(open_writable(path, durability), path))

    def close(self) -> None:
        """Writes what is waiting and lets go of the file. Executions still RUNNING become orphans."""
        self._closed = True
        if self._writer is not None:
            self._writer.close()
        while self._idle:
            self._idle.pop().close()
        if self._owner is not None:
            self._owner.release()
            self._owner = None

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def submit_create(self, record: ExecutionRecord) -> asyncio.Future[ExecutionRecord]:
        """Adds an execution run by this process; the future gives it with its owner once committed.

        It fails with `ExecutionExists` when the ARN is taken. To be called from an event loop.
        """
        return self._writing().ask(changes.addition(self._writing(), self._owned(record)))

    def create_execution(self, record: ExecutionRecord) -> ExecutionRecord:
        """`submit_create`, waited for; from any thread."""
        return self._writing().call(changes.addition(self._writing(), self._owned(record))).result()

    def _owned(self, record: ExecutionRecord) -> ExecutionRecord:
        return structs.replace(record, owner=self._claim(), pid=os.getpid())

    def submit_finish(
        self,
        arn: str,
        status: Status,
        stop: float,
        output: bytes | None = None,
        error: str | None = None,
        cause: str | None = None,
        journal: ExecutionJournal | None = None,
        events: Sequence[Event] = (),
        *,
        leaves_map_runs: bool = False,
    ) -> asyncio.Future[None]:
        """Records how an execution ended.

        Given the execution's `journal`, its last `events` are kept in the same transaction, and the future fails when
        some of its events could not be written: the end is not kept then, either. `leaves_map_runs` as in
        `changes.ending`. To be called from an event loop.
        """
        said = {"status": status, "stop": stop, "output": output, "error": error, "cause": cause}
        ending = changes.ending(arn, said, leaves_map_runs=leaves_map_runs)
        return self._writing().ask(ending, None if journal is None else journal.line, events)

    def finish_execution(
        self,
        arn: str,
        status: Status,
        stop: float,
        output: bytes | None = None,
        error: str | None = None,
        cause: str | None = None,
    ) -> None:
        """`submit_finish`, waited for; from any thread."""
        said = {"status": status, "stop": stop, "output": output, "error": error, "cause": cause}
        self._writing().call(changes.ending(arn, said)).result()

    def submit_redrive(
        self,
        record: ExecutionRecord,
        time: float,
        definition: str | None = None,
        inputs: Mapping[str, bytes] | None = None,
    ) -> asyncio.Future[bool]:
        """Makes an execution that ended without success one run by this process; false if it is no longer as recorded.

        It has the `settings` of the record. With a `definition` it has that from now on, and the one before is kept;
        `inputs` are what states are entered with, by their scope. See `history.former`.
        """
        owned = self._owned(record)
        parameters = {"arn": record.arn, "time": time, "owner": owned.owner, "pid": owned.pid}
        parameters |= {"settings": record.settings, "count": record.redrive_count}
        return self._writing().ask(changes.redriving(parameters, definition, inputs or {}))

    def submit_restart(self, record: ExecutionRecord, old: str) -> asyncio.Future[ExecutionRecord]:
        """Has this process run an Express child of a map run in the place of the one with ARN `old`.

        The future gives it with its owner once committed. The history of the one before is given up.
        """
        return self._writing().ask(changes.restarting(self._writing(), self._owned(record), old))

    async def claim_orphan(self, record: ExecutionRecord) -> ExecutionRecord | None:
        """Makes an execution whose process is gone one run by this process; None if another was faster, or it ended.

        Of those that call this at the same time with the same record one gets it.
        """
        claimed = self._owned(record)
        parameters = {"arn": record.arn, "before": record.owner, "owner": claimed.owner, "pid": claimed.pid}
        taken = False

        def take(tables: sqlite3.Connection) -> None:
            nonlocal taken
            taken = tables.execute(statements.CLAIM, parameters).rowcount == 1

        def give_back(tables: sqlite3.Connection) -> None:
            if taken:
                back = {"arn": record.arn, "before": claimed.owner, "owner": record.owner, "pid": record.pid}
                tables.execute(statements.CLAIM, back)

        writer = self._writing()
        try:
            await writer.ask(take)
        except BaseException:
            # Cancelled, it is taken all the same: nobody here would run it, and nobody else could take it over.
            writer.call(give_back)
            raise
        return claimed if taken else None

    def import_execution(self, record: ExecutionRecord, events: Sequence[Event], *, replace: bool = False) -> None:
        """Keeps an execution of elsewhere that has ended, with its whole history; from any thread.

        Raises `ExecutionExists` when the ARN is taken, unless it is to `replace` that, and `UsageError` when that runs.
        """
        self._writing().call(changes.importing(self._writing(), record, events, replace=replace)).result()

    def journal(self, arn: str) -> ExecutionJournal:
        """The journal of an execution created here."""
        from asl_runner.history.journal import ExecutionJournal

        return ExecutionJournal(self._writing(), arn)

    def execution(self, arn: str) -> ExecutionRecord:
        """The execution with this ARN."""
        with self._reader() as connection:
            row = connection.execute(statements.BY_ARN, {"arn": arn}).fetchone()
        if row is None:
            raise changes.unknown(arn)
        return statements.record(row)

    def executions(
        self,
        status: Status | None = None,
        machine: str | None = None,
        limit: int | None = None,
        *,
        children: bool = True,
    ) -> list[ExecutionRecord]:
        """Executions, newest first; `machine` is the name or the ARN of a state machine.

        Without `children` those are left out that a distributed Map started.
        """
        wanted = [] if children else ["map_run_arn IS NULL"]
        if status is not None:
            wanted.append("status = :status")
        if machine is not None:
            wanted.append("machine_arn = :machine" if machine.startswith("arn:") else "machine_name = :machine")
        where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
        query = f"{statements.EXECUTION} {where} {statements.NEWEST_FIRST} LIMIT :limit"
        parameters = {"status": status, "machine": machine, "limit": _END if limit is None else limit}
        with self._reader() as connection:
            return [statements.record(row) for row in connection.execute(query, parameters)]

    def page(
        self,
        filters: Mapping[str, Any],
        *,
        redriven: bool | None = None,
        after: str | None = None,
        limit: int,
    ) -> list[ExecutionRecord]:
        """Executions whose fields have the values of `filters`, newest first, those after the one with ARN `after`."""
        wanted = [f"executions.{field} = :{field}" for field in filters]
        if redriven is not None:
            wanted.append("executions.redrive_count > 0" if redriven else "executions.redrive_count = 0")
        if after is not None:
            wanted.append(statements.AFTER)
        query = f"{statements.EXECUTION} WHERE {' AND '.join(wanted)} {statements.NEWEST_FIRST} LIMIT :limit"
        with self._reader() as connection:
            rows = connection.execute(query, {**filters, "after": after, "limit": limit})
            return [statements.record(row) for row in rows]

    def find(self, text: str) -> ExecutionRecord:
        """The execution a person means by an ARN, a name, the beginning of a name, or `latest`.

        Raises `NotFound` with names that are close, and `UsageError` listing the candidates when several are meant.
        """
        with self._reader() as connection:
            return lookup.find(connection, text)

    def names(self, prefix: str = "", limit: int = 100) -> list[str]:
        """Names of executions that begin with `prefix`, in order: for shell completion."""
        with self._reader() as connection:
            parameters = {**lookup.prefix_range(prefix), "limit": limit}
            return [name for (name,) in connection.execute(statements.NAMES, parameters)]

    def event_count(self, arn: str) -> int:
        """How many events of the execution are kept."""
        with self._reader() as connection:
            parameters = {"execution": _key(connection, arn)}
            row = connection.execute(statements.EVENT_COUNT, parameters).fetchone()
        return 0 if row is None else row[0]

    def events(self, arn: str, *, first: int = 1, last: int | None = None, reverse: bool = False) -> Iterator[Event]:
        """Events with ids from `first` to `last`, both included, in order of id; read as they are asked for."""
        with self._reader() as connection:
            execution = _key(connection, arn)
        return self._events(execution, first, _END if last is None else last, reverse)

    def _events(self, execution: int, first: int, last: int, reverse: bool) -> Iterator[Event]:
        query = statements.SEGMENTS_DOWN if reverse else statements.SEGMENTS_UP
        while first <= last:
            parameters = {"execution": execution, "first": first, "last": last, "limit": _PAGE}
            with self._reader() as connection:
                rows = connection.execute(query, parameters).fetchall()
            for low, high, blob in rows:
                for event in self._decoded(blob, reverse):
                    if first <= event.id <= last:
                        yield event
                if reverse:
                    last = low - 1
                else:
                    first = high + 1
            if len(rows) < _PAGE:
                return

    def _decoded(self, blob: bytes, reverse: bool) -> list[Event]:
        try:
            events = segments.decode(blob)
        except msgspec.MsgspecError as failure:
            raise WorkspaceError(
                f"Cannot use the workspace database {self.path}: a history in it is damaged."
            ) from failure
        if reverse:
            events.reverse()
        return events

    def request_stop(self, arn: str, error: str | None = None, cause: str | None = None) -> bool:
        """Asks that a running execution end, whichever process runs it. False if it is not running any more."""
        parameters = {"arn": arn, "asked": time.time(), "error": error, "cause": cause}

        def ask(connection: sqlite3.Connection) -> bool:
            connection.execute(statements.ASK_STOP, parameters)
            row = connection.execute(statements.BY_ARN, {"arn": arn}).fetchone()
            if row is None:
                raise changes.unknown(arn)
            return statements.record(row).status == "RUNNING"

        return self._writing().call(ask).result()

    def stop_requested(self, arn: str) -> StopRequest | None:
        """The first request to stop this execution, if there was one."""
        with self._reader() as connection:
            row = connection.execute(statements.STOP_ASKED, {"arn": arn}).fetchone()
        return None if row is None else StopRequest(*row)

    def stops_requested(self) -> dict[str, StopRequest]:
        """The requests to stop executions that run, by ARN."""
        with self._reader() as connection:
            return {arn: StopRequest(*asked) for arn, *asked in connection.execute(statements.STOPS_ASKED)}

    def abort_orphan(self, record: ExecutionRecord, error: str | None = None, cause: str | None = None) -> bool:
        """Ends an orphaned execution as a stop would have: `ExecutionAborted`, status ABORTED. False if it is none."""
        from asl_runner.history import orphans

        if not self.is_orphaned(record):
            return False
        stop = time.time()

        def abort(connection: sqlite3.Connection) -> bool:
            # Another process may have taken it over since that was asked.
            held = connection.execute(statements.OWNER, {"arn": record.arn}).fetchone()
            return held == (record.owner,) and orphans.abort(connection, record.arn, stop, error, cause)

        return self._writing().call(abort).result()

    def is_orphaned(self, record: ExecutionRecord) -> bool:
        """RUNNING by the record, but the process that ran it is gone."""
        return record.status == "RUNNING" and not ownership.is_alive(self._owners, record.owner)

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` finds through a connection that only reads."""
        with self._reader() as connection:
            return work(connection)

    async def change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `work` inside the next transaction; returns once that is committed.

        An exception of `work` undoes what it changed, and nothing else, and is raised here.
        """

        def guarded(connection: sqlite3.Connection) -> T | _Refusal:
            connection.execute("SAVEPOINT change")
            try:
                result = work(connection)
            except sqlite3.Error:
                raise
            except Exception as error:  # noqa: BLE001 - raised again where the change was asked for
                connection.execute("ROLLBACK TO change")
                connection.execute("RELEASE change")
                return _Refusal(error)
            connection.execute("RELEASE change")
            return result

        answer = await self._writing().ask(guarded)
        if isinstance(answer, _Refusal):
            raise answer.error
        return answer

    @property
    def _owners(self) -> Path:
        return self.path.parent / "owners"

    def _claim(self) -> str:
        with self._claiming:
            if self._owner is None:
                ownership.sweep(self._owners)
                self._owner = ownership.Owner(self._owners)
            return self._owner.token

    def _writing(self) -> Writer:
        if self._writer is None:
            raise RuntimeError(f"the store of {self.path} was opened to read only")
        return self._writer

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """A connection of the caller's own for as long as it needs one."""
        if self._closed:
            raise RuntimeError(f"the store of {self.path} is closed")
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = open_reader(self.path)
        try:
            with explained(self.path):
                yield connection
        finally:
            self._idle.append(connection)


def _key(connection: sqlite3.Connection, arn: str) -> int:
    row = connection.execute(statements.KEY, {"arn": arn}).fetchone()
    if row is None:
        raise changes.unknown(arn)
    key: int = row[0]
    return key
