"""What every kind of job has: a place to work, a thread, a record it moves forward, and a way to be stopped."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from msgspec import Struct

from asl_runner.errors import WorkspaceError
from asl_runner.sagemaker.containers.container import Container, ExitStatus
from asl_runner.sagemaker.containers.place import Place
from asl_runner.sagemaker.errors import JobFailed
from asl_runner.sagemaker.jobs.slots import Slots
from asl_runner.sagemaker.kinds import Kind
from asl_runner.sagemaker.progress import JobProgress
from asl_runner.sagemaker.records import LOG_FILE, Document, Records
from asl_runner.storage.buckets import Buckets
from asl_runner.storage.tree import REFUSALS, storage_error

STOP_FILE = "stop"
"""Created in a job's directory by another process that wants it stopped."""

HURRIED_GRACE_SECONDS = 3.0
_POLL_SECONDS = 0.1
_GRACE_SECONDS = 120.0


class Site(Struct, kw_only=True):
    """Where jobs run: what all of them share."""

    records: Records
    buckets: Buckets
    slots: Slots
    region: str
    account: str
    place: Place
    """Where containers run."""
    environment: Callable[[], Mapping[str, str]]
    """Variables for containers that run a user's code: the endpoint, region and credentials of local AWS."""
    closing: threading.Event
    """Set when everything must end soon: the time between SIGTERM and SIGKILL becomes short."""

    def arn(self, kind: Kind, name: str) -> str:
        """The ARN of a job or model; a version, as in `GROUP@3`, is the last part of its own."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{kind.arn_type}/{name.replace('@', '/')}"


class Stopped(Exception):
    """The job was asked to stop, or its time is over (`status` is then `MaxRuntimeExceeded`)."""

    def __init__(self, status: str = "Stopped") -> None:
        super().__init__(status)
        self.status = status


def last_line(log: Path) -> str:
    """The last line of a log that says something, cut to 500 characters."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-50:]
    return next((line.strip()[:500] for line in reversed(lines) if line.strip()), "")


class Job(ABC):
    """One job of this process. `start` runs it in a thread of its own."""

    kind: ClassVar[Kind]

    def __init__(self, site: Site, name: str) -> None:
        self.site = site
        self.name = name
        self.directory: Path = site.records.directory(self.kind.directory, name)
        self.on_end: Callable[[], object] = lambda: None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._guarded, name=f"{self.kind.directory}-{name}", daemon=True)

    def start(self) -> None:
        """Begins to work; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Asks the job to stop; returns at once. A job that has ended stays as it is."""
        self._stop.set()
        self.mark_stopping()

    def join(self, timeout: float | None = None) -> bool:
        """Waits for the job's end; False when `timeout` seconds pass first."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def log_path(self) -> Path:
        """The log: stdout and stderr of the job's containers."""
        return self.directory / LOG_FILE

    @property
    def document(self) -> Document:
        """The Describe document as it is now."""
        record = self.site.records.read(self.kind.directory, self.name)
        if record is None:
            raise WorkspaceError(f"the record of the job {self.name} was removed while it ran")
        return record.document

    @property
    def status_member(self) -> str:
        return str(self.kind.status)

    def stop_requested(self) -> bool:
        """Whether this process, or another through a file, asked the job to stop."""
        if not self._stop.is_set() and (self.directory / STOP_FILE).exists():
            self.stop()
        return self._stop.is_set()

    def update(self, change: Callable[[Document], Document]) -> Document:
        """Replaces the document; `LastModifiedTime`-like members are the change's business."""
        return self.site.records.update(self.kind.directory, self.name, change).document

    def wait_for(self, containers: Sequence[Container], deadline: float | None = None) -> ExitStatus:
        """Waits for the containers of all hosts to end; one that fails ends the others. The failed status, or the last.

        Raises `Stopped` when the job is to stop or `deadline` (`time.monotonic`) passes; the containers are then gone.
        """
        running, status = list(containers), ExitStatus(0)
        while running:
            for container in tuple(running):
                found = container.wait(_POLL_SECONDS / len(running))
                if found is None:
                    continue
                running.remove(container)
                status = found
                if not found.ok:
                    # The job has failed, so that nothing the others might still save is wanted.
                    self.end(*running, patience=HURRIED_GRACE_SECONDS)
                    return found
            self._check_time(running, deadline)
        return status

    def _check_time(self, running: Sequence[Container], deadline: float | None) -> None:
        """Ends what runs and raises `Stopped` when the job is to stop, or its time is over."""
        if running and self.stop_requested():
            self.end(*running)
            raise Stopped
        if running and deadline is not None and time.monotonic() >= deadline:
            self.mark_stopping()
            self.end(*running)
            raise Stopped("MaxRuntimeExceeded")

    def end(self, *containers: Container, patience: float | None = None) -> None:
        """SIGTERM, then SIGKILL after `patience` seconds (120 without), or after 3 when everything is closing."""
        running = [container for container in containers if container.status is None]
        began = time.monotonic()
        for container in running:
            container.signal(15)
        for container in running:
            while container.wait(_POLL_SECONDS) is None:
                grace = HURRIED_GRACE_SECONDS if self.site.closing.is_set() else patience or _GRACE_SECONDS
                if time.monotonic() - began >= grace:
                    container.stop(0)

    def mark_stopping(self) -> None:
        """Shows `Stopping` in the record of a job that is in progress."""
        self.update(lambda one: self.stopping(one) if one[self.status_member] == "InProgress" else one)

    def stopping(self, document: Document) -> Document:
        """The document of a job in progress, now stopping."""
        return {**document, self.status_member: "Stopping"}

    def progress(self) -> JobProgress:
        """What can be shown of the job now."""
        document = self.document
        return JobProgress(
            kind=self.kind.directory,
            name=self.name,
            status=document[self.status_member],
            secondary_status=document.get("SecondaryStatus", ""),
            created=document["CreationTime"],
            ended=document.get(str(self.kind.end_time)),
            failure_reason=document.get("FailureReason"),
        )

    def tree_root(self, host: str, hosts: Sequence[str]) -> Path:
        """Where the `/opt/ml` of a host is: the job's own where there is one host."""
        return (self.directory if len(hosts) == 1 else self.directory / host) / "opt" / "ml"

    def remove_trees(self, hosts: Sequence[str]) -> None:
        """Removes the trees of a job that went well."""
        for host in hosts:
            root = self.tree_root(host, hosts)
            shutil.rmtree(root.parent if len(hosts) == 1 else root.parent.parent, ignore_errors=True)

    def note(self, text: str) -> None:
        """Adds lines to the job's log."""
        with contextlib.suppress(OSError), self.log_path.open("a", encoding="utf-8") as log:
            log.write(text if text.endswith("\n") else f"{text}\n")

    def _guarded(self) -> None:
        try:
            self._run_to_end()
        finally:
            self.on_end()

    def _run_to_end(self) -> None:
        try:
            self.run()
        except Stopped as stopped:
            self._finish("Stopped", stopped.status, None)
        except JobFailed as failed:
            # What breaks because a job is being stopped is the stop, not a failure.
            if self._stop.is_set():
                self._finish("Stopped", "Stopped", None)
            else:
                self._finish("Failed", "Failed", str(failed))
        except WorkspaceError as error:
            self._finish("Failed", "Failed", f"InternalServerError: {error}"[:1024])
        except Exception as error:  # noqa: BLE001 - a defect of ours must not leave the job running for ever
            self._finish("Failed", "Failed", self._internal_error(error)[:1024])

    def _finish(self, status: str, detail: str, reason: str | None) -> None:
        # When the record cannot be written any more (a full disk), what this process shows of it is still right.
        with contextlib.suppress(WorkspaceError):
            self.finish(status, detail, reason)

    def _internal_error(self, error: Exception) -> str:
        """The FailureReason for an error nobody expected: the machine's, or else a defect, told to the log."""
        if isinstance(error, OSError) and error.errno in REFUSALS:
            return f"InternalServerError: {storage_error(error, 'Cannot write the files of the job')}"
        self.note(traceback.format_exc())
        return f"InternalServerError: a defect of asl_runner, not of the job: {type(error).__name__}: {error}"

    @abstractmethod
    def run(self) -> None:
        """Does the work and finishes the record as Completed. Raises `JobFailed` or `Stopped` otherwise."""

    @abstractmethod
    def finish(self, status: str, detail: str, reason: str | None) -> None:
        """Writes the terminal state. `detail` is the secondary status where there is one."""
