"""The SageMaker API: the operations of the workspace's jobs; records nobody runs are moto's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from asl_runner.definition.resource import parse_resource
from asl_runner.endpoint import pipelines
from asl_runner.endpoint.protocol import Call
from asl_runner.sagemaker.kinds import KINDS
from asl_runner.service_model.errors import ServiceError

if TYPE_CHECKING:
    from asl_runner.sagemaker.client import LocalSageMaker
    from asl_runner.workspace import Workspace

OPERATIONS: dict[str, str] = {
    "CreateTrainingJob": "create_training_job",
    "DescribeTrainingJob": "describe_training_job",
    "ListTrainingJobs": "list_training_jobs",
    "StopTrainingJob": "stop_training_job",
    "CreateHyperParameterTuningJob": "create_hyper_parameter_tuning_job",
    "DescribeHyperParameterTuningJob": "describe_hyper_parameter_tuning_job",
    "ListHyperParameterTuningJobs": "list_hyper_parameter_tuning_jobs",
    "StopHyperParameterTuningJob": "stop_hyper_parameter_tuning_job",
    "ListTrainingJobsForHyperParameterTuningJob": "list_training_jobs_for_hyper_parameter_tuning_job",
    "CreateTransformJob": "create_transform_job",
    "DescribeTransformJob": "describe_transform_job",
    "ListTransformJobs": "list_transform_jobs",
    "StopTransformJob": "stop_transform_job",
    "CreateProcessingJob": "create_processing_job",
    "DescribeProcessingJob": "describe_processing_job",
    "ListProcessingJobs": "list_processing_jobs",
    "StopProcessingJob": "stop_processing_job",
    "CreateModel": "create_model",
    "DescribeModel": "describe_model",
    "ListModels": "list_models",
    "DeleteModel": "delete_model",
    "CreateModelPackageGroup": "create_model_package_group",
    "DescribeModelPackageGroup": "describe_model_package_group",
    "ListModelPackageGroups": "list_model_package_groups",
    "DeleteModelPackageGroup": "delete_model_package_group",
    "CreateModelPackage": "create_model_package",
    "DescribeModelPackage": "describe_model_package",
    "ListModelPackages": "list_model_packages",
    "UpdateModelPackage": "update_model_package",
    "DeleteModelPackage": "delete_model_package",
    "CreateEndpointConfig": "create_endpoint_config",
    "DescribeEndpointConfig": "describe_endpoint_config",
    "ListEndpointConfigs": "list_endpoint_configs",
    "DeleteEndpointConfig": "delete_endpoint_config",
    "CreateEndpoint": "create_endpoint",
    "UpdateEndpoint": "update_endpoint",
    "UpdateEndpointWeightsAndCapacities": "update_endpoint_weights_and_capacities",
    "DescribeEndpoint": "describe_endpoint",
    "ListEndpoints": "list_endpoints",
    "DeleteEndpoint": "delete_endpoint",
    "AddTags": "add_tags",
    "DeleteTags": "delete_tags",
    "ListTags": "list_tags",
}
"""Every operation of the workspace's own SageMaker, with the client's method."""

_TAGS = frozenset({"AddTags", "DeleteTags", "ListTags"})
_ARN = re.compile(r"arn:[^:]+:sagemaker:[^:]*:[^:]*:([a-z-]+)/")
_OWN_TYPES = frozenset({"pipeline", *(kind.arn_type for kind in KINDS)})

_RECORDS = re.compile(
    "(Create|Describe|List|Update|Delete|Start|Stop|Associate|Disassociate)"
    "(NotebookInstance|Experiment|Trial|Domain|ModelCard|FeatureGroup)\\w*"
)
"""What moto keeps as records. Its jobs would only say that they ran."""


def open_enums() -> frozenset[str]:
    """Shapes whose values are not enforced. Loads the model."""
    from asl_runner.sagemaker.shapes import open_enums as names

    return names()


def calls(workspace: Workspace) -> dict[str, Call]:
    """The operations of a workspace's SageMaker, which is made when the first is called."""
    jobs = {name: partial(_call, workspace, name, method) for name, method in OPERATIONS.items()}
    return {**jobs, **pipelines.calls(workspace)}


async def _call(workspace: Workspace, name: str, method: str, request: dict[str, Any]) -> dict[str, Any]:
    return await asyncio.to_thread(_called, workspace, name, method, request)


def _called(workspace: Workspace, name: str, method: str, request: dict[str, Any]) -> dict[str, Any]:
    """Calls the client in this thread: it reads and writes files."""
    if name in _TAGS and pipelines.tags.is_pipeline(request["ResourceArn"]):
        return pipelines.tags.tagged(workspace, name, request)
    place = workspace.configuration.placement.of(parse_resource(f"arn:aws:states:::aws-sdk:sagemaker:{method}"), "")
    client: LocalSageMaker = workspace.local.sagemaker_at(place)
    call: Callable[..., dict[str, Any]] = getattr(client, method)
    try:
        return call(**request)
    except ServiceError as error:
        raise ServiceError(error.code, error.message, name, status=400) from None


def is_emulated(name: str, body: bytes) -> bool:
    """Whether moto answers an operation: one of its records, or the tags of one."""
    if name in _TAGS:
        return _names_record(body)
    return name not in OPERATIONS and _RECORDS.fullmatch(name) is not None


def refusal(name: str) -> str:
    """What is said to an operation nobody answers."""
    return f"{name} is not available here; available are {', '.join(sorted({*OPERATIONS, *pipelines.OPERATIONS}))}."


def _names_record(body: bytes) -> bool:
    try:
        named = _ARN.match(msgspec.json.decode(body)["ResourceArn"])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
        return False  # Not for moto to refuse.
    return named is not None and named[1] not in _OWN_TYPES
