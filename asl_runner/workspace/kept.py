"""What a workspace keeps: its database, and the executions in it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from asl_runner.configuration import Configuration
from asl_runner.errors import NotFound
from asl_runner.history.records import ExecutionRecord, Status
from asl_runner.history.store import Store

if TYPE_CHECKING:
    from asl_runner.definition.model import StateMachine
    from asl_runner.interpreter.limits import Limits

DATABASE = "workspace.db"


class KeptExecutions:
    """The executions of a workspace directory, to be read; use it as a context manager."""

    def __init__(self, configuration: Configuration, directory: Path | None = None) -> None:
        """`directory` overrides the configuration's; nothing is created or read yet."""
        self.configuration = configuration
        self.directory = directory or configuration.workspace
        self._reading: Store | None = None
        self._writing: Store | None = None

    def executions(
        self,
        *,
        status: Status | None = None,
        machine: str | None = None,
        limit: int | None = None,
        children: bool = False,
    ) -> list[ExecutionRecord]:
        """The executions kept here, newest first; none where nothing has run yet.

        Those a distributed Map started are among them with `children`, or if `machine` names that Map: `machine/label`.
        """
        try:
            return self.store.executions(status, machine, limit, children=children or "/" in (machine or ""))
        except NotFound:
            return []

    def find(self, text: str) -> ExecutionRecord:
        """The execution a person means by an ARN, a name, the beginning of a name, or `latest`.

        Raises `NotFound` with close names, `UsageError` with the candidates when several are meant.
        """
        try:
            store = self.store
        except NotFound:
            raise NotFound(f"No executions in {self.directory}; `asl-runner run` starts one there.") from None
        return store.find(text)

    @property
    def store(self) -> Store:
        """The executions, to read. Raises `NotFound` where nothing has run yet."""
        if self._writing is not None:
            return self._writing
        if self._reading is None:
            self._reading = Store.open(self.directory / DATABASE, read_only=True)
        return self._reading

    @property
    def writable(self) -> Store:
        """The workspace's database to read and write, made when it is missing. Raises `WorkspaceError`."""
        return self._store_to_write()

    def stop(self, record: ExecutionRecord, error: str | None = None, cause: str | None = None) -> bool:
        """Asks that an execution end, whichever process runs it; False if it has ended already.

        One whose process is gone is ended here and now.
        """
        if record.stop is not None:
            return False
        store = self._store_to_write()
        return store.abort_orphan(record, error, cause) or store.request_stop(record.arn, error, cause)

    def close(self) -> None:
        """Writes what is waiting and lets go of the database."""
        for store in (self._reading, self._writing):
            if store is not None:
                store.close()
        self._reading = self._writing = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def limits(self) -> Limits:
        """What executions are held to: AWS's limits, unless the configuration says otherwise."""
        from asl_runner.interpreter.limits import AWS_LIMITS, Limits

        return Limits(**self.configuration.limits) if self.configuration.limits else AWS_LIMITS

    def _store_to_write(self) -> Store:
        if self._writing is None:
            self._writing = Store.open(self.directory / DATABASE, durability=self.configuration.durability)
        return self._writing

    def _record(
        self, machine: StateMachine, machine_name: str, name: str, text: bytes, start: float, seed: str
    ) -> ExecutionRecord:
        prefix = f"arn:aws:states:{self.configuration.region}:{self.configuration.account}"
        return ExecutionRecord(
            arn=f"{prefix}:execution:{machine_name}:{name}",
            name=name,
            machine_arn=f"{prefix}:stateMachine:{machine_name}",
            machine_name=machine_name,
            definition=machine.source,
            input=text,
            start=start,
            role_arn=self.configuration.role_arn,
            seed=seed,
        )
