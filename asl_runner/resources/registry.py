"""Which handler answers a Task: looked up by the kind and service of its resource."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from asl_runner.definition.resource import Resource
from asl_runner.expressions.environment import Json
from asl_runner.interpreter.errors import RUNTIME
from asl_runner.interpreter.ports import TaskCall, TaskFailed

Handler: TypeAlias = Callable[[TaskCall], Awaitable[Json]]


def handler_key(resource: Resource) -> str:
    """The name a resource's handler is registered under.

    `lambda-arn` and `activity` for those ARNs, else the service as the history names it: `lambda`, `sagemaker`,
    `aws-sdk:sagemaker`.
    """
    if resource.kind == "lambda":
        return "lambda-arn"
    return resource.service or resource.kind


ANY_SDK_SERVICE = "aws-sdk:*"
"""The key of the handler for every AWS SDK integration that has none of its own."""

OPTIMIZED_SERVICES = (
    "athena",
    "batch",
    "bedrock",
    "codebuild",
    "databrew",
    "dynamodb",
    "ecs",
    "eks",
    "elasticmapreduce",
    "emr-containers",
    "emr-serverless",
    "events",
    "glue",
    "mediaconvert",
    "sns",
    "sqs",
)
"""The services in the table of `optimized`, which is only loaded for a machine that has one of them."""


class Resources:
    """The `Tasks` port over handlers."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = dict(handlers)

    def handles(self, resource: Resource) -> bool:
        """Whether some handler answers this resource."""
        return self._handler(resource) is not None

    async def call(self, call: TaskCall) -> Json:
        """The handler's answer. Raises `TaskFailed`, also for a resource nobody handles."""
        handler = self._handler(call.resource)
        if handler is None:
            raise TaskFailed(RUNTIME, f"The resource {call.resource.arn} is not available on this target.")
        return await handler(call)

    def _handler(self, resource: Resource) -> Handler | None:
        found = self._handlers.get(handler_key(resource))
        return self._handlers.get(ANY_SDK_SERVICE) if found is None and resource.kind == "aws-sdk" else found
