"""A look over a SageMaker task before it runs: whether its action, its pattern and its images can be had here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from asl_runner.definition.resource import Resource
from asl_runner.expressions.environment import Json
from asl_runner.resources.sagemaker import OPTIMIZED, is_awaited
from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.sagemaker.containers.images import Use

_VERBS = ("add_", "create_", "delete_", "describe_", "list_", "stop_", "update_")
_IMAGE_MEMBERS = ("TrainingImage", "Image", "ImageUri")
_SDK = "arn:aws:states:::aws-sdk:sagemaker:"


ImageProblem: TypeAlias = Callable[[str, Use], str | None]
"""Why an image could not be run where the task's jobs run."""


def problem(resource: Resource, request: Json, image_problem: ImageProblem) -> str | None:
    """Why a task could not run here, or None; the text says what can.

    `request` is the task's `Parameters` or `Arguments` as written: an image computed at run time is not judged.
    """
    return _action_problem(resource) or _pattern_problem(resource) or _image_problem(request, image_problem)


def written_images(request: Json) -> Iterator[str]:
    """The images written out in a request to create a job or a model."""
    return (image for _, image in _images(request))


def _images(request: Json) -> Iterator[tuple[str, str]]:
    """Each image with the member that names it."""
    if isinstance(request, dict):
        for key, member in request.items():
            if key in _IMAGE_MEMBERS and isinstance(member, str) and not member.startswith("{%"):
                yield key, member
            yield from _images(member)
    elif isinstance(request, list):
        for member in request:
            yield from _images(member)


def _action_problem(resource: Resource) -> str | None:
    local = {_camel(name) for name in vars(LocalSageMaker) if name.startswith(_VERBS)}
    action, sdk = resource.action, resource.kind == "aws-sdk"
    if action in local and (sdk or action in OPTIMIZED):
        return None
    available = f"available are {', '.join(sorted(local if sdk else local & OPTIMIZED))}."
    if action in local:
        return f"Step Functions has no resource sagemaker:{action}; write {_SDK}{action}. As sagemaker:…, {available}"
    return f"SageMaker's {action} is not available here; {available}"


def _pattern_problem(resource: Resource) -> str | None:
    if not resource.pattern or is_awaited(resource):
        return None
    plain = resource.arn.removesuffix(f".{resource.pattern}")
    awaited = resource.kind != "aws-sdk" and resource.action.endswith("Job")
    available = f"{plain} (answers once asked)" + (f" and {plain}.sync (waits for the job's end)" if awaited else "")
    return f"The resource {resource.arn} is not available on the target local; available: {available}."


def _image_problem(request: Json, image_problem: ImageProblem) -> str | None:
    for member, image in _images(request):
        found = image_problem(image, "processing" if member == "ImageUri" else "algorithm")
        if found is not None:
            return found
    return None


def _camel(method: str) -> str:
    return re.sub(r"_(.)", lambda found: found[1].upper(), method)
