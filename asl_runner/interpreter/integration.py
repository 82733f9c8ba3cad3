"""What Step Functions itself adds to a request before it calls a service, and records as sent in `TaskScheduled`."""

from __future__ import annotations

from asl_runner.definition.resource import Resource
from asl_runner.expressions.environment import Json
from asl_runner.interpreter.ports import ExecutionInfo


def request(resource: Resource, given: Json, execution: ExecutionInfo) -> Json:
    """The request of a Task as it goes out: `given`, or a copy with what the integration adds."""
    if resource.service == "sagemaker" and resource.pattern == "sync":
        return _with_tags(given, execution.arn)
    return given


def _with_tags(given: Json, execution_arn: str) -> Json:
    """A job that is awaited gets two tags after the user's own (SageMaker reference, 1.5)."""
    tags = (given.get("Tags") or []) if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(tags, list):
        return given
    own: list[Json] = [
        {"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"},
        {"Key": "AWS_STEP_FUNCTIONS_EXECUTION_ARN", "Value": execution_arn},
    ]
    return {**given, "Tags": [*tags, *own]}
