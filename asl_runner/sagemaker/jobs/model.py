"""Models: a record and nothing that runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asl_runner.sagemaker import kinds
from asl_runner.sagemaker.errors import JobFailed
from asl_runner.sagemaker.records import Document, Records


def new_document(request: Mapping[str, Any], arn: str, now: float) -> Document:
    """The Describe document of a model; `request` is the create request in wire form."""
    kept = {key: value for key, value in request.items() if key != "Tags"}
    containers = {"PrimaryContainer": _container(kept["PrimaryContainer"])} if "PrimaryContainer" in kept else {}
    return {"EnableNetworkIsolation": False, **kept, **containers, "ModelArn": arn, "CreationTime": now}


def _container(container: Mapping[str, Any]) -> Document:
    return {"Mode": "SingleModel", "Environment": {}, **container}


def containers(records: Records, document: Document) -> list[Document]:
    """The containers a request goes through, in order: one, or those of an inference pipeline.

    What a container takes from the model registry is put in its place. Raises `JobFailed` when it is not there.
    """
    named = [document["PrimaryContainer"]] if "PrimaryContainer" in document else document.get("Containers", [])
    return [one for container in named for one in _resolved(records, container)]


def packages(document: Mapping[str, Any]) -> list[str]:
    """The model packages that the containers of a model name."""
    named = [document["PrimaryContainer"]] if "PrimaryContainer" in document else document.get("Containers", [])
    return [one["ModelPackageName"] for one in named if "Image" not in one]


def _resolved(records: Records, container: Document) -> list[Document]:
    if "Image" in container:
        return [container]
    name = str(container["ModelPackageName"]).partition(":model-package/")[2].replace("/", "@")
    record = records.read(kinds.PACKAGE.directory, name or container["ModelPackageName"])
    found = [] if record is None else record.document.get("InferenceSpecification", {}).get("Containers", [])
    if not found:
        text = f"The model package {container['ModelPackageName']} is not there, or says no container for inference."
        raise JobFailed("ClientError", text)
    given = container.get("Environment", {})
    return [{**one, "Environment": {**one.get("Environment", {}), **given}} for one in found]
