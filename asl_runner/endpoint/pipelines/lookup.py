"""What requests name: a pipeline by name or ARN, an execution by ARN; and refusals in the API's codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from asl_runner.errors import AslRunnerError, InvalidDefinition, NotFound, UsageError
from asl_runner.service_model.errors import ServiceError
from asl_runner.workspace.pipelines.service import PipelineConflict

if TYPE_CHECKING:
    from asl_runner.workspace import Workspace
    from asl_runner.workspace.pipelines.records import PipelineExecution, PipelineRecord


def pipeline_of(workspace: Workspace, name: str) -> PipelineRecord:
    """The pipeline of a name or an ARN. Raises `ServiceError`: ResourceNotFound."""
    pipelines = workspace.pipelines
    given = name
    if name.startswith("arn:"):
        name = name.rpartition("/")[2]
        if pipelines.arn(name) != given:
            name = ""
    found = pipelines.records.pipeline(name) if name else None
    if found is None:
        arn = given if given.startswith("arn:") else pipelines.arn(given)
        raise ServiceError("ResourceNotFound", f"Pipeline '{arn}' does not exist.")
    return found


def execution_of(workspace: Workspace, arn: str) -> PipelineExecution:
    """The execution of an ARN. Raises `ServiceError`: ResourceNotFound."""
    with refused():
        return workspace.pipelines.find(arn)


@contextmanager
def refused() -> Iterator[None]:
    """Turns what the pipelines refuse into the API's errors."""
    try:
        yield
    except NotFound as error:
        raise ServiceError("ResourceNotFound", str(error)) from error
    except PipelineConflict as error:
        raise ServiceError("ConflictException", str(error)) from error
    except (UsageError, InvalidDefinition) as error:
        raise ServiceError("ValidationException", _message(error)) from error


def _message(error: AslRunnerError) -> str:
    return f"Unable to parse pipeline definition. {error}" if isinstance(error, InvalidDefinition) else str(error)
