"""The SageMaker API model as botocore has it: request and response shapes, and conversion from the wire form.

Documents are kept in the wire form (plain JSON, timestamps as seconds since the epoch), which is what a record file
holds and what an HTTP answer sends. `parse` turns it into what boto3 returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

SERVICE = "sagemaker"


@lru_cache(maxsize=1)
def service_model() -> Any:
    """botocore's `ServiceModel` of SageMaker; loading takes about 0.15 s, once."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model(SERVICE, "service-2"), SERVICE)


def input_shape(operation: str) -> Any:
    """The request shape of an operation such as `CreateTrainingJob`."""
    return service_model().operation_model(operation).input_shape


def output_shape(operation: str) -> Any:
    """The response shape of an operation; None when it answers nothing."""
    return service_model().operation_model(operation).output_shape


def parse(value: Any, shape: Any) -> Any:
    """A wire value as boto3 gives it: members the shape does not know left out, timestamps as aware UTC datetimes."""
    match shape.type_name:
        case "structure":
            members = shape.members
            return {
                key: parse(item, members[key]) for key, item in value.items() if key in members and item is not None
            }
        case "list":
            return [parse(item, shape.member) for item in value]
        case "map":
            return {key: parse(item, shape.value) for key, item in value.items()}
        case "timestamp":
            # Milliseconds are what the service keeps; rounded here, all ways to write the time agree.
            return datetime.fromtimestamp(round(value, 3), UTC)
        case _:
            return value


def to_wire(value: Any) -> Any:
    """A request as boto3 takes it in the wire form: datetimes become seconds since the epoch, floats without a fraction
    integers."""
    if isinstance(value, Mapping):
        return {key: to_wire(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_wire(item) for item in value]
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


@lru_cache(maxsize=1)
def open_enums() -> frozenset[str]:
    """Shapes whose values are not enforced: instance types, which the service adds faster than a local copy learns."""
    return frozenset(name for name in service_model().shape_names if name.endswith("InstanceType"))
