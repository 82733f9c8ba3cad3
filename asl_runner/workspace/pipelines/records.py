"""Pipelines and their executions as files: `pipelines/NAME/pipeline.json`, `executions/ID.json`, `cache/KEY.json`.

Each is written atomically, so other processes may read at any time. What an execution did is in the workspace's
database: each is an execution of the state machine its definition was translated to.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from asl_runner.errors import WorkspaceError
from asl_runner.expressions.environment import Json
from asl_runner.sagemaker.records import write_atomically

_Kept = TypeVar("_Kept", bound=Struct)


class PipelineRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A pipeline. Times are seconds since the epoch."""

    name: str
    definition: str
    created: float
    modified: float
    last_run: float | None = None
    role_arn: str | None = None
    display_name: str | None = None
    description: str | None = None
    parallelism: int | None = None
    tags: dict[str, str] = {}
    token: str | None = None
    """The client's token of the request that made it."""


class PipelineExecution(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One execution of a pipeline."""

    pipeline: str
    id: str
    definition: str
    parameters: dict[str, Json]
    """Every parameter with its value."""
    execution_arn: str
    """The execution of the state machine."""
    created: float
    display_name: str | None = None
    description: str | None = None
    parallelism: int | None = None
    selected: tuple[str, ...] = ()
    """The steps of a selective execution; empty where all run."""
    source: str | None = None
    """The ARN of the pipeline execution that gave a selective one the rest."""
    reused: tuple[str, ...] = ()
    """The steps whose properties came from there."""
    stop_asked: bool = False
    cache_hits: dict[str, str] = {}
    """Steps whose result is an earlier execution's, with its ARN."""
    token: str | None = None


class CachedResult(Struct, frozen=True, kw_only=True):
    """The result of a step."""

    at: float
    execution: str
    """The ARN of the pipeline execution that made it."""
    result: Json


class PipelineRecords:
    """All records below one directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def pipeline(self, name: str) -> PipelineRecord | None:
        """The pipeline of a name; None when there is none."""
        return _read(self.root / name / "pipeline.json", PipelineRecord)

    def pipelines(self) -> Iterator[PipelineRecord]:
        """All pipelines, by name."""
        for path in sorted(self.root.glob("*/pipeline.json")):
            if (found := _read(path, PipelineRecord)) is not None:
                yield found

    def keep_pipeline(self, record: PipelineRecord) -> None:
        """Writes a pipeline. Raises `WorkspaceError`."""
        _write(self.root / record.name / "pipeline.json", record)

    def delete(self, name: str) -> None:
        """Removes a pipeline with its executions and results."""
        shutil.rmtree(self.root / name, ignore_errors=True)

    def execution(self, pipeline: str, id: str) -> PipelineExecution | None:
        """One execution; None when there is none."""
        return _read(self.root / pipeline / "executions" / f"{id}.json", PipelineExecution)

    def executions(self, pipeline: str) -> list[PipelineExecution]:
        """The executions of a pipeline, newest first."""
        paths = (self.root / pipeline / "executions").glob("*.json")
        found = [one for path in paths if (one := _read(path, PipelineExecution)) is not None]
        return sorted(found, key=lambda one: (one.created, one.id), reverse=True)

    def keep_execution(self, execution: PipelineExecution) -> None:
        """Writes an execution. Raises `WorkspaceError`."""
        _write(self.root / execution.pipeline / "executions" / f"{execution.id}.json", execution)

    def forget_execution(self, execution: PipelineExecution) -> None:
        """Removes one that could not be started."""
        (self.root / execution.pipeline / "executions" / f"{execution.id}.json").unlink(missing_ok=True)

    def cached(self, pipeline: str, key: str) -> CachedResult | None:
        """The newest result kept under a key."""
        return _read(self.root / pipeline / "cache" / f"{key}.json", CachedResult)

    def keep_cached(self, pipeline: str, key: str, cached: CachedResult) -> None:
        """Keeps a result for later executions. Raises `WorkspaceError`."""
        _write(self.root / pipeline / "cache" / f"{key}.json", cached)


def _read(path: Path, type_: type[_Kept]) -> _Kept | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=type_)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise WorkspaceError(f"cannot read the record {path}: {error}") from error


def _write(path: Path, record: Any) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(f"cannot create the directory {path.parent}: {error.strerror}") from error
    write_atomically(path, msgspec.json.format(msgspec.json.encode(record), indent=2))
