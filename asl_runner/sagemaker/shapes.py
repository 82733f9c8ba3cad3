"""The shapes of the SageMaker API's requests and responses."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from asl_runner.service_model import shapes

SERVICE = "sagemaker"


def service_model() -> Any:
    """botocore's `ServiceModel` of SageMaker; loading takes about 0.15 s, once."""
    return shapes.service_model(SERVICE)


def input_shape(operation: str) -> Any:
    """The request shape of an operation such as `CreateTrainingJob`."""
    return service_model().operation_model(operation).input_shape


def output_shape(operation: str) -> Any:
    """The response shape of an operation; None when it answers nothing."""
    return service_model().operation_model(operation).output_shape


@lru_cache(maxsize=1)
def open_enums() -> frozenset[str]:
    """Shapes whose values are not enforced: instance types, which the service adds faster than a local copy learns."""
    return frozenset(name for name in service_model().shape_names if name.endswith("InstanceType"))
