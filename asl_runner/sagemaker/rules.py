"""What a create request must keep beyond its shape: the checks the service makes at once (reference 5.1, 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from asl_runner.errors import UsageError
from asl_runner.sagemaker.containers.images import repository
from asl_runner.sagemaker.containers.isolated import OPT_ML
from asl_runner.sagemaker.data_processing import DataProcessing
from asl_runner.sagemaker.errors import JobFailed
from asl_runner.sagemaker.inputs import find_objects, nothing_found
from asl_runner.sagemaker.metrics import MetricReader, builtin_definitions
from asl_runner.service_model import validation
from asl_runner.service_model.errors import validation_error
from asl_runner.storage.buckets import Buckets
from asl_runner.storage.names import check_bucket_name, parse_uri

Request = Mapping[str, Any]
DEFAULT_RUNTIME_SECONDS = 86_400
"""`MaxRuntimeInSeconds` of a job whose request has none."""


def check_training(request: Request, buckets: Buckets, region: str) -> None:
    """A training request, or the training part of a tuning request, which has no name."""
    _required(request, ("AlgorithmSpecification", "RoleArn", "OutputDataConfig", "StoppingCondition"))
    specification = request["AlgorithmSpecification"]
    if ("TrainingImage" in specification) == ("AlgorithmName" in specification):
        raise validation_error("You must specify either AlgorithmName or TrainingImage, but not both.")
    if "AlgorithmName" in specification:
        raise validation_error("Algorithms of AWS Marketplace do not run locally; name an image by TrainingImage.")
    try:
        check_output(request["OutputDataConfig"]["S3OutputPath"])
        MetricReader(specification.get("MetricDefinitions", ()))
    except (UsageError, ValueError) as error:
        raise validation_error(str(error)) from error
    _check_stopping(request)
    _check_checkpoints(request.get("CheckpointConfig"))
    channels = [channel["ChannelName"] for channel in request.get("InputDataConfig", [])]
    if len(set(channels)) != len(channels):
        raise validation_error("Each channel name of InputDataConfig must be unique.")
    _check_data((channel["DataSource"] for channel in request.get("InputDataConfig", [])), request, buckets, region)


def _check_stopping(request: Request) -> None:
    stopping = request["StoppingCondition"]
    runtime, wait = stopping.get("MaxRuntimeInSeconds", DEFAULT_RUNTIME_SECONDS), stopping.get("MaxWaitTimeInSeconds")
    if request.get("EnableManagedSpotTraining") and (wait is None or wait < runtime):
        raise validation_error(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds."
        )


def _check_checkpoints(config: Request | None) -> None:
    if config is None:
        return
    path = PurePosixPath(config.get("LocalPath") or f"{OPT_ML}/checkpoints")
    if not path.is_relative_to(OPT_ML) or ".." in path.parts:
        raise validation_error(f"LocalPath of CheckpointConfig must be below {OPT_ML} locally, found {path}.")
    try:
        check_output(config["S3Uri"])
    except UsageError as error:
        raise validation_error(str(error)) from error


def check_model(request: Request) -> None:
    """A model has one container, or several."""
    if ("PrimaryContainer" in request) == ("Containers" in request):
        raise validation_error("You must specify either PrimaryContainer or Containers, but not both.")
    for container in request.get("Containers") or [request["PrimaryContainer"]]:
        if "Image" not in container and "ModelPackageName" not in container:
            raise validation_error("A container of a model needs an Image.")


def check_transform(request: Request) -> None:
    """Payload, concurrency, filters and output of a batch transform."""
    payload, concurrency = request.get("MaxPayloadInMB"), request.get("MaxConcurrentTransforms")
    if payload is not None and payload * (concurrency or 1) > 100:
        raise validation_error("MaxPayloadInMB multiplied by MaxConcurrentTransforms must not exceed 100 MB.")
    if payload is not None and payload > 100:
        raise validation_error("MaxPayloadInMB must not exceed 100.")
    try:
        DataProcessing(request)
        check_output(request["TransformOutput"]["S3OutputPath"])
    except (UsageError, ValueError) as error:
        raise validation_error(str(error)) from error


def check_output(uri: str) -> None:
    """Raises `UsageError` unless objects can be written below the URI: a bucket that is missing is made at the end."""
    check_bucket_name(parse_uri(uri).bucket)


def objective_definitions(definition: Request, metric: str) -> list[dict[str, str]]:
    """The metric definitions of a trial: the request's or the image's own, which must know the objective."""
    specification = definition["AlgorithmSpecification"]
    known = specification.get("MetricDefinitions") or builtin_definitions(repository(specification["TrainingImage"]))
    if metric not in {item["Name"] for item in known}:
        raise validation_error(
            "A metric is required for this hyperparameter tuning job objective. Provide a metric in the metric "
            "definitions."
        )
    return list(known)


def _required(request: Request, names: Iterable[str]) -> None:
    for name in names:
        if name not in request:
            missing = validation.Violation("constraint", name[0].lower() + name[1:], None, "Member must not be null")
            raise validation_error(validation.message([missing]))


def _check_data(sources: Iterable[Request], request: Request, buckets: Buckets, region: str) -> None:
    for source in sources:
        try:
            found = find_objects(buckets, source)
        except JobFailed as error:
            raise validation_error(str(error).removeprefix("ClientError: ")) from error
        if not found:
            uri = source["S3DataSource"]["S3Uri"]
            raise validation_error(nothing_found(uri, region, request.get("RoleArn", "")))
