"""Models: a record and nothing that runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asl_runner.sagemaker.records import Document


def new_document(request: Mapping[str, Any], arn: str, now: float) -> Document:
    """The Describe document of a model; `request` is the create request in wire form."""
    kept = {key: value for key, value in request.items() if key != "Tags"}
    containers = {"PrimaryContainer": _container(kept["PrimaryContainer"])} if "PrimaryContainer" in kept else {}
    return {"EnableNetworkIsolation": False, **kept, **containers, "ModelArn": arn, "CreationTime": now}


def _container(container: Mapping[str, Any]) -> Document:
    return {"Mode": "SingleModel", "Environment": {}, **container}


def containers(document: Document) -> list[Document]:
    """The containers a request goes through, in order: one, or those of an inference pipeline."""
    if "PrimaryContainer" in document:
        return [document["PrimaryContainer"]]
    return list(document.get("Containers", []))
