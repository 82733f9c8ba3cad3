"""The service as tasks of its own executions call it: boto3's method names, without HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asl_runner.endpoint.stepfunctions import executions
from asl_runner.endpoint.stepfunctions.errors import invalid

if TYPE_CHECKING:
    from asl_runner.endpoint.stepfunctions.service import Operation, StepFunctions


class OwnClient:
    """What a nested execution needs of boto3's `stepfunctions` client, as coroutines. Raises `ServiceError`."""

    def __init__(self, service: StepFunctions) -> None:
        self._service = service

    async def start_execution(self, **request: Any) -> dict[str, Any]:
        """StartExecution."""
        return await self._call("StartExecution", request)

    async def describe_execution(self, **request: Any) -> dict[str, Any]:
        """DescribeExecution."""
        return await self._call("DescribeExecution", request)

    async def stop_execution(self, **request: Any) -> dict[str, Any]:
        """StopExecution."""
        return await self._call("StopExecution", request)

    async def wait_for_execution(self, *, executionArn: str) -> None:
        """Returns once the execution has ended, at once if it does not run in this process."""
        running = self._service.workspace.running(executionArn)
        if running is not None:
            await running.settle()

    async def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        from asl_runner.service_model import validation
        from asl_runner.service_model.shapes import service_model

        shape = service_model("stepfunctions").operation_model(operation).input_shape
        if violations := validation.check(request, shape):
            raise invalid(validation.message(violations))
        call: Operation = executions.OPERATIONS[operation]
        return await call(self._service, request)
