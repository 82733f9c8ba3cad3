"""A processing request: what it must keep beyond its shape, and its Describe document (reference section 7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from asl_runner.errors import UsageError
from asl_runner.sagemaker.records import Document
from asl_runner.sagemaker.rules import DEFAULT_RUNTIME_SECONDS, check_output
from asl_runner.service_model.errors import validation_error

ROOT = "/opt/ml/processing"

_INPUT_DEFAULTS = {"S3InputMode": "File", "S3DataDistributionType": "FullyReplicated", "S3CompressionType": "None"}


def check(request: Mapping[str, Any]) -> None:
    """Raises a `ValidationException` for paths, names and kinds of data that a processing job cannot have here."""
    inputs = request.get("ProcessingInputs", [])
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    for member, items, name in (("inputs", inputs, "InputName"), ("outputs", outputs, "OutputName")):
        names = [item[name] for item in items]
        if doubled := sorted({each for each in names if names.count(each) > 1}):
            raise validation_error(f"Processing {member} must have unique names; {doubled[0]} is used more than once.")
    for item in inputs:
        _check_input(item)
    for item in outputs:
        _check_output(item)


def _check_input(item: Mapping[str, Any]) -> None:
    name = item["InputName"]
    if "DatasetDefinition" in item:
        raise validation_error(
            f"The input {name} has a DatasetDefinition: Athena and Redshift cannot be asked locally. "
            "Put the data below an s3:// prefix and give it as S3Input."
        )
    if "S3Input" not in item:
        raise validation_error(f"The input {name} needs an S3Input.")
    if item.get("AppManaged"):
        return
    source = item["S3Input"]
    _check_path(source.get("LocalPath"), f"the input {name}")
    if source.get("S3CompressionType", "None") == "Gzip" and source.get("S3InputMode") != "Pipe":
        raise validation_error(f"The input {name}: Gzip can only be used with the S3InputMode Pipe.")


def _check_output(item: Mapping[str, Any]) -> None:
    name = item["OutputName"]
    if "FeatureStoreOutput" in item:
        raise validation_error(f"The output {name} has a FeatureStoreOutput; there is no feature store locally.")
    if "S3Output" not in item:
        raise validation_error(f"The output {name} needs an S3Output.")
    if item.get("AppManaged"):
        return
    _check_path(item["S3Output"].get("LocalPath"), f"the output {name}")
    try:
        check_output(item["S3Output"]["S3Uri"])
    except UsageError as error:
        raise validation_error(str(error)) from error


def _check_path(path: str | None, whose: str) -> None:
    if path is None:
        raise validation_error(f"LocalPath of {whose} is required.")
    parts = PurePosixPath(path)
    if not parts.is_relative_to(ROOT) or ".." in parts.parts:
        raise validation_error(f"LocalPath of {whose} must begin with {ROOT}/, found {path}.")


def new_document(request: Mapping[str, Any], arn: str, now: float) -> Document:
    """The Describe document of a processing job just created; `request` is the create request in wire form."""
    kept = {key: value for key, value in request.items() if key != "Tags"}
    inputs = [_described(item, "S3Input", _INPUT_DEFAULTS) for item in request.get("ProcessingInputs", [])]
    if inputs:
        kept["ProcessingInputs"] = inputs
    if "ProcessingOutputConfig" in request:
        config = request["ProcessingOutputConfig"]
        outputs = [_described(item, "S3Output", {}) for item in config["Outputs"]]
        kept["ProcessingOutputConfig"] = {**config, "Outputs": outputs}
    return {
        **kept,
        "ProcessingJobArn": arn,
        "StoppingCondition": {"MaxRuntimeInSeconds": DEFAULT_RUNTIME_SECONDS, **kept.get("StoppingCondition", {})},
        "ProcessingJobStatus": "InProgress",
        "CreationTime": now,
        "LastModifiedTime": now,
    }


def _described(item: Mapping[str, Any], member: str, defaults: Mapping[str, str]) -> Document:
    return {"AppManaged": False, **item, member: {**defaults, **item[member]}}


def managed(items: list[Document], member: str) -> Iterator[Document]:
    """The `S3Input`s or `S3Output`s that the platform copies; what the application manages is its own business."""
    return (item[member] for item in items if not item["AppManaged"])
