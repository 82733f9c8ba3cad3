"""`RetryPolicies` of a step as `Retry`, and as states where a job's own failure decides.

Source: developer guide, "Retry policy for pipeline steps"; reference section 8.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from asl_runner.expressions.environment import Json
from asl_runner.sagemaker.pipelines import jsonata
from asl_runner.sagemaker.pipelines.document import Step
from asl_runner.sagemaker.pipelines.names import StateNames

_ERRORS = {
    "Step.SERVICE_FAULT": ("SageMaker.AmazonSageMakerException", "SageMaker.SageMakerException"),
    "Step.THROTTLING": ("SageMaker.AmazonSageMakerException", "SageMaker.SageMakerException"),
    "SageMaker.RESOURCE_LIMIT": ("SageMaker.ResourceLimitExceededException",),
}
"""What the call that creates a job may be refused with."""

_REASONS = {"SageMaker.JOB_INTERNAL_ERROR": "InternalServerError", "SageMaker.CAPACITY_ERROR": "CapacityError"}
"""How the `FailureReason` of a job that failed begins."""

_MAX_ATTEMPTS = 5
_MAX_INTERVAL = 43_200
_EXPIRING_ATTEMPTS = 100


class _Policy(Struct, frozen=True):
    types: tuple[str, ...]
    interval: int
    rate: float
    attempts: int


class Retries(Struct, frozen=True):
    """What makes a Task try again."""

    fields: dict[str, Json]
    """`Retry` and `Catch` of the Task."""
    states: dict[str, dict[str, Json]]
    """The states a failed job leads to."""


def retries(step: Step, names: StateNames) -> Retries:
    """The retries of a step; nothing where it has no policies."""
    found: Any = step.fields.get("RetryPolicies") or []
    policies = [_policy(one) for one in found]
    fields: dict[str, Json] = {}
    refused = [retrier for policy in policies if (retrier := _retrier(policy)) is not None]
    if refused:
        fields["Retry"] = refused
    failed = [policy for policy in policies if any(type_ in _REASONS for type_ in policy.types)]
    if not failed:
        return Retries(fields, {})
    decide = names.beside(step.name, "failed")
    fields["Catch"] = [{"ErrorEquals": ["States.TaskFailed"], "Output": _counted(step), "Next": decide}]
    return Retries(fields, _after_failure(step, decide, failed, names))


def _policy(given: Mapping[str, Any]) -> _Policy:
    interval, rate = int(given.get("IntervalSeconds", 1)), float(given.get("BackoffRate", 2.0))
    attempts = int(given.get("MaxAttempts", _MAX_ATTEMPTS))
    if "ExpireAfterMin" in given:
        attempts = _attempts_within(float(given["ExpireAfterMin"]) * 60, interval, rate)
    return _Policy(tuple(given.get("ExceptionType") or ()), interval, rate, attempts)


def _attempts_within(seconds: float, interval: int, rate: float) -> int:
    """How many retries begin before `seconds` have passed in waiting."""
    count, waited = 0, 0.0
    while count < _EXPIRING_ATTEMPTS and waited + interval * rate**count <= seconds:
        waited += interval * rate**count
        count += 1
    return count


def _retrier(policy: _Policy) -> Json:
    errors = dict.fromkeys(error for type_ in policy.types for error in _ERRORS.get(type_, ()))
    if not errors:
        return None
    return {
        "ErrorEquals": list(errors),
        "IntervalSeconds": policy.interval,
        "MaxAttempts": policy.attempts,
        "BackoffRate": max(1.0, policy.rate),
    }


def _counted(step: Step) -> str:
    before = jsonata.path("$states.input.Failures", (step.name, "Count"))
    noted = (
        f"{{'Count': ($exists({before}) ? {before} : 0) + 1, "
        "'Error': $states.errorOutput.Error, 'Cause': $states.errorOutput.Cause}"
    )
    return jsonata.merged("Failures", step.name, noted)


def _after_failure(step: Step, decide: str, policies: list[_Policy], names: StateNames) -> dict[str, dict[str, Json]]:
    failure = jsonata.path("$states.input.Failures", (step.name,))
    choices: list[Json] = []
    states: dict[str, dict[str, Json]] = {}
    for policy in policies:
        wait = names.beside(step.name, "again")
        begins = "|".join(_REASONS[type_] for type_ in policy.types if type_ in _REASONS)
        reason = f"$contains($parse({failure}.Cause).FailureReason, /^({begins})/)"
        condition = jsonata.expression(f"{failure}.Count <= {policy.attempts} and {reason}")
        choices.append({"Condition": condition, "Next": wait})
        seconds = f"$min([{_MAX_INTERVAL}, {policy.interval} * $power({policy.rate}, {failure}.Count - 1)])"
        states[wait] = {"Type": "Wait", "Seconds": jsonata.expression(f"$floor({seconds})"), "Next": step.name}
    end = names.beside(step.name, "given up")
    ended = {
        "Type": "Fail",
        "Error": jsonata.expression(f"{failure}.Error"),
        "Cause": jsonata.expression(f"{failure}.Cause"),
    }
    return {decide: {"Type": "Choice", "Choices": choices, "Default": end}, **states, end: ended}
