"""Which shape of an AWS API the result of a task has, for the integrations whose results are such shapes.

The result of a `.sync` task is what the API says of the work at its end, not of its start.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from asl_runner.definition.resource import Resource
from asl_runner.resources.aws import models
from asl_runner.resources.aws.integrations import Action
from asl_runner.resources.aws.names import capitalized
from asl_runner.resources.optimized import INTEGRATIONS

_OWN = {"lambda": "lambda", "sagemaker": "sagemaker", "states": "stepfunctions"}
"""botocore's names of services whose tasks are not in the table of optimized integrations."""

_FREE = {"lambda:invoke": "Payload", "states:startExecution.sync:2": "Output", "states:startSyncExecution": "Output"}
"""Members that hold any JSON in the integration, whatever the API says."""

_PART = re.compile(r"([A-Za-z]+)(\[0\])?")
"""A member, or the first element of one, in the expression for the result of an awaited action."""


class AnswerShape(Struct, frozen=True):
    """The shape of an answer, and the member of it that may be anything."""

    shape: Any
    free: str = ""


def answer_shape(resource: Resource) -> AnswerShape | None:
    """The shape of a task's result; None where no API gives it: callbacks, activities, functions, HTTP."""
    if resource.kind not in ("service", "aws-sdk") or resource.pattern == "waitForTaskToken":
        return None
    try:
        shape = _sdk(resource) if resource.kind == "aws-sdk" else _integrated(resource)
    except models.UnknownOperation:
        return None
    free = _FREE.get(f"{resource.service}:{resource.history_resource}", "")
    return None if shape is None else AnswerShape(shape, free)


def _sdk(resource: Resource) -> Any:
    return _output(models.botocore_name(resource.service.removeprefix("aws-sdk:")), resource.action)


def _integrated(resource: Resource) -> Any:
    own = _OWN.get(resource.service)
    if own is not None:
        return _output(own, _described(resource) if resource.pattern else resource.action)
    integration = INTEGRATIONS.get(resource.service)
    action = None if integration is None else integration.actions.get(resource.action)
    if integration is None or action is None:
        return None
    if resource.pattern:
        return _awaited(integration.service, action)
    # An answer that is rewritten is no longer the API's.
    return None if action.answer else _output(integration.service, action.operation or resource.action)


def _described(resource: Resource) -> str:
    """`createTrainingJob` is awaited with `describeTrainingJob`, `startExecution` with `describeExecution`."""
    return re.sub("^(create|start)", "describe", resource.action)


def _awaited(service: str, action: Action) -> Any:
    awaited = action.awaited
    if awaited is None or awaited.gone:
        return None
    shape = _output(service, awaited.look)
    if awaited.result == "@":
        return shape
    part = _PART.fullmatch(awaited.result)
    return None if part is None else _member(shape, part[1], first=part[2] is not None)


def _member(shape: Any, name: str, *, first: bool) -> Any:
    found = next((member for key, member in shape.members.items() if capitalized(key) == name), None)
    return found.member if found is not None and first else found


def _output(service: str, action: str) -> Any:
    return models.operation(service, action[:1].lower() + action[1:]).output_shape
