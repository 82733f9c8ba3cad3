"""AWS SDK integrations: `arn:aws:states:::aws-sdk:SERVICE:ACTION`, every action of every service by botocore's models.

Source: reference section 14, "aws-sdk integrations"; recorded histories.
"""

from __future__ import annotations

from asl_runner.definition.resource import Resource
from asl_runner.expressions.environment import Json
from asl_runner.interpreter.errors import RUNTIME
from asl_runner.interpreter.ports import TaskCall, TaskFailed
from asl_runner.resources.aws import models
from asl_runner.resources.aws.answers import sdk_answer
from asl_runner.resources.aws.clients import AwsClients
from asl_runner.resources.aws.errors import Refusal, SdkErrors
from asl_runner.resources.aws.requests import NullMembers, to_request


class AwsSdkTasks:
    """Answers `aws-sdk` tasks, request-response; for a callback task, the part before the wait."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients

    async def __call__(self, call: TaskCall) -> Json:
        """The service's answer. Raises `TaskFailed` for what the service or Step Functions refuses."""
        return await self._clients.run(lambda: self._answer(call.resource, call.input))

    def _answer(self, resource: Resource, given: Json) -> Json:
        try:
            service = models.botocore_name(_service(resource))
            operation = models.operation(service, resource.action)
        except models.UnknownOperation as unknown:
            raise TaskFailed(RUNTIME, str(unknown)) from None
        errors = SdkErrors(models.service_model(service))
        try:
            request = to_request(given, operation.input_shape)
        except NullMembers as nulls:
            raise errors.refused(Refusal.of_request(str(nulls))) from None
        answer = self._clients.call(service, operation, request, errors)
        return sdk_answer(answer, operation.output_shape)


def problem(resource: Resource) -> str | None:
    """Why a resource cannot be called, with what comes close; None for one that can."""
    try:
        models.operation(models.botocore_name(_service(resource)), resource.action)
    except models.UnknownOperation as unknown:
        return str(unknown)
    if resource.pattern not in ("", "waitForTaskToken"):
        return f"AWS SDK integrations have no .{resource.pattern}; use the plain action, or .waitForTaskToken."
    return None


def _service(resource: Resource) -> str:
    return resource.service.removeprefix("aws-sdk:")
