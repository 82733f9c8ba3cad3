"""Which resources Step Functions has: what a state machine may name, whether or not it can run on this machine.

Source: developer guide, "Integrating services"; reference section 14.
"""

from __future__ import annotations

from collections.abc import Mapping

from asl_runner.definition.resource import Resource
from asl_runner.resources import aws_sdk, optimized

_RR = frozenset({""})
_RR_TOKEN = frozenset({"", "waitForTaskToken"})
_RR_SYNC = frozenset({"", "sync"})

_ELSEWHERE: Mapping[str, frozenset[str]] = {
    "apigateway:invoke": _RR_TOKEN,
    "http:invoke": _RR,
    "lambda:invoke": _RR_TOKEN,
    "sagemaker:createEndpoint": _RR,
    "sagemaker:createEndpointConfig": _RR,
    "sagemaker:createHyperParameterTuningJob": _RR_SYNC,
    "sagemaker:createLabelingJob": _RR_SYNC,
    "sagemaker:createModel": _RR,
    "sagemaker:createProcessingJob": _RR_SYNC,
    "sagemaker:createTrainingJob": _RR_SYNC,
    "sagemaker:createTransformJob": _RR_SYNC,
    "sagemaker:updateEndpoint": _RR,
    "states:startExecution": frozenset({"", "sync", "sync:2", "waitForTaskToken"}),
}
"""Optimized integrations that are not in the table of `optimized`, with their patterns."""


def is_recognized(resource: Resource) -> bool:
    """Whether Step Functions knows a resource. One that is no integration at all is not judged."""
    if resource.kind == "aws-sdk":
        return aws_sdk.problem(resource) is None
    if resource.kind != "service" or optimized.find(resource) is not None:
        return True
    return resource.pattern in _ELSEWHERE.get(f"{resource.service}:{resource.action}", ())
