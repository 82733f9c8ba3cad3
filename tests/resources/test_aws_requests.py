"""Whatever the parameters are, they become a request that can be sent, or are refused as Step Functions does."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asl_runner.interpreter.ports import TaskFailed
from asl_runner.resources.aws import models
from asl_runner.resources.aws.names import sdk_member
from asl_runner.resources.aws.requests import NullMembers, to_request

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
DEPTH = 4


@lru_cache(maxsize=512)
def values(shape: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Mostly what a shape wants, now and then anything else."""
    kind = shape.type_name
    if depth == DEPTH:
        return ANYTHING
    if kind == "structure":
        members = {sdk_member(shape.name, name): values(member, depth + 1) for name, member in shape.members.items()}
        required = {sdk_member(shape.name, name) for name in shape.required_members}
        return st.fixed_dictionaries(
            {name: value for name, value in members.items() if name in required},
            optional={name: value for name, value in members.items() if name not in required},
        )
    if kind == "list":
        return st.lists(values(shape.member, depth + 1), max_size=2)
    if kind == "map":
        return st.dictionaries(TEXT, values(shape.value, depth + 1), max_size=2)
    if kind in ("integer", "long"):
        return st.integers()
    return {"boolean": st.booleans(), "string": TEXT, "blob": TEXT}.get(kind, ANYTHING) | ANYTHING


@pytest.mark.parametrize(
    "service, name",
    [
        ("s3", "PutObject"),
        ("dynamodb", "PutItem"),
        ("ecs", "RunTask"),
        ("ec2", "DescribeInstances"),
        ("cloudwatch", "PutMetricData"),
        ("lambda", "Invoke"),
        ("kms", "Encrypt"),
        ("iam", "CreateUser"),
        ("bedrock-runtime", "InvokeModel"),
    ],
)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_parameters(service: str, name: str, data: st.DataObject) -> None:
    model = models.service_model(service)
    operation = model.operation_model(name)
    parameters = data.draw(values(operation.input_shape) | ANYTHING)
    try:
        request = to_request(parameters, operation.input_shape)
    except (TaskFailed, NullMembers):
        return
    serializer = create_serializer(model.metadata["protocol"], include_validation=False)
    assert serializer.serialize_to_request(request, operation)["method"]
