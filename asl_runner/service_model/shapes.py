"""An API's model as botocore has it, and the conversion of documents between their wire form and boto3's.

The wire form is plain JSON with timestamps as seconds since the epoch: what record files hold and HTTP answers send.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=8)
def service_model(service: str) -> Any:
    """botocore's `ServiceModel` of a service, such as `stepfunctions`; loaded once."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


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
            return datetime.fromtimestamp(value, UTC)
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
