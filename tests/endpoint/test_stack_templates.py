"""Templates: what reads them, what follows from them, and what becomes of their properties."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
import yaml
from botocore.session import get_session
from hypothesis import given
from hypothesis import strategies as st
from moto.cloudformation.exceptions import ValidationError

from asl_runner.definition.templates.references import references
from asl_runner.endpoint.cloudformation.kinds.base import Refused
from asl_runner.endpoint.cloudformation.kinds.requests import to_request
from asl_runner.endpoint.cloudformation.ordering import in_order
from asl_runner.endpoint.cloudformation.stacks import Stacks
from asl_runner.endpoint.cloudformation.template import parameters_of, read_template

LEAVES = st.none() | st.booleans() | st.integers(-10, 10) | st.text(max_size=8)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)


def template(**properties: Any) -> dict[str, Any]:
    return {"Resources": {"It": {"Type": "AWS::SQS::Queue", "Properties": properties}}}


@given(st.text())
def test_any_text_is_a_template_or_refused(text: str) -> None:
    try:
        read = read_template(text)
    except ValidationError:
        return
    assert all("Type" in resource for resource in read["Resources"].values())


@given(VALUES)
def test_json_and_yaml_read_alike(value: Any) -> None:
    written = template(Value=value)
    assert read_template(json.dumps(written)) == read_template(yaml.safe_dump(written)) == read_template(
        json.dumps(read_template(json.dumps(written)))
    )  # fmt: skip


def test_short_tags_are_functions() -> None:
    text = """
    Resources:
      It:
        Type: AWS::SQS::Queue
        Properties:
          A: !Ref Other
          B: !GetAtt Other.Outputs.Name
          C: !Sub ["${X}-${Y.Arn}", { X: !Join ["", [a, !Ref Z]] }]
          D: { "Fn::GetAtt": Other.Arn }
          E: !If [Always, 2012-10-17, !Ref "AWS::NoValue"]
    """
    properties = read_template(text)["Resources"]["It"]["Properties"]
    assert properties == {
        "A": {"Ref": "Other"},
        "B": {"Fn::GetAtt": ["Other", "Outputs.Name"]},
        "C": {"Fn::Sub": ["${X}-${Y.Arn}", {"X": {"Fn::Join": ["", ["a", {"Ref": "Z"}]]}}]},
        "D": {"Fn::GetAtt": ["Other", "Arn"]},
        "E": {"Fn::If": ["Always", "2012-10-17", {"Ref": "AWS::NoValue"}]},
    }
    assert set(references(properties)) == {"Other", "Y", "Z", "AWS::NoValue"}


def test_a_template_runs_no_python() -> None:
    with pytest.raises(ValidationError, match="YAML not well-formed"):
        read_template("Resources: {A: !!python/object/apply:os.getcwd []}")


def test_a_template_has_no_aliases() -> None:
    with pytest.raises(ValidationError, match="YAML aliases are not allowed"):
        read_template("A: &a [x]\nResources: {B: *a}")


def test_resources_come_after_what_they_need() -> None:
    resources: dict[str, dict[str, Any]] = {
        "Last": {"Type": "T", "Properties": {"A": {"Fn::Sub": "x ${Middle.Arn} ${!Not}"}}, "DependsOn": "Beside"},
        "Beside": {"Type": "T"},
        "Middle": {"Type": "T", "Properties": {"A": [{"Fn::GetAtt": ["First", "Arn"]}]}},
        "First": {"Type": "T"},
    }
    order = in_order({"Resources": resources})
    assert order.index("First") < order.index("Middle") < order.index("Last")
    assert order.index("Beside") < order.index("Last")
    resources["First"]["DependsOn"] = ["Last"]
    with pytest.raises(ValidationError, match="Circular dependency between resources"):
        in_order({"Resources": resources})


def test_parameters_have_the_given_value_or_the_default() -> None:
    declared = {"Parameters": {
        "Flag": {"Type": "String", "Default": True, "AllowedValues": [True, False]},
        "Count": {"Type": "Number", "Default": 3}, "Name": {"Type": "String"},
    }}  # fmt: skip
    assert parameters_of(declared, {"Name": "x"}) == {"Flag": "true", "Count": "3", "Name": "x"}
    with pytest.raises(ValidationError, match=r"Parameters: \[Name\] must have values"):
        parameters_of(declared, {})
    with pytest.raises(ValidationError, match=r"Parameters: \[Other\] do not exist in the template"):
        parameters_of(declared, {"Name": "x", "Other": "y"})
    with pytest.raises(ValidationError, match=r"Parameter 'Flag' must be one of AllowedValues: \[true, false\]"):
        parameters_of(declared, {"Name": "x", "Flag": "maybe"})


NAMES = st.sampled_from(["A", "B", "AWS::Region", "AWS::NoValue", "Nobody"])
FUNCTIONS = ["Ref", "Fn::GetAtt", "Fn::Sub", "Fn::Join", "Fn::If", "Fn::Select", "Fn::Split", "Fn::FindInMap"]
CALLS = st.recursive(
    NAMES | LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*FUNCTIONS, "Fn::Base64", "Fn::ImportValue", "Key"]), inner, max_size=1)
    ),
    max_leaves=8,
)
RESOURCES = st.fixed_dictionaries(
    {"Type": st.just("AWS::CDK::Metadata")},
    optional={"Properties": st.dictionaries(st.just("P"), CALLS) | CALLS, "Condition": NAMES, "DependsOn": NAMES},
)
TEMPLATES = st.fixed_dictionaries(
    {"Resources": st.dictionaries(st.sampled_from(["A", "B"]), RESOURCES, min_size=1)},
    optional={
        "Conditions": st.dictionaries(st.sampled_from(["A", "C"]), CALLS, max_size=2),
        "Outputs": st.dictionaries(st.just("O"), st.fixed_dictionaries({"Value": CALLS}, optional={"Export": CALLS})),
        "Parameters": st.dictionaries(st.just("B"), st.fixed_dictionaries({"Type": NAMES, "Default": LEAVES})),
    },
)


@given(TEMPLATES, TEMPLATES)
def test_whatever_a_template_says_its_stack_comes_to_an_end(first: dict[str, Any], second: dict[str, Any]) -> None:
    def nothing(_: str) -> Any:
        raise AssertionError("nothing of these templates needs a service")

    stacks = Stacks("us-east-1", "123456789012", home="us-east-1", client=nothing, template_at=nothing)
    with suppress(ValidationError):
        stacks.create_stack("any", json.dumps(first), {})
    with suppress(ValidationError):
        stacks.update_stack("any", json.dumps(second), None, [], None)
    assert not [stack.status for stack in stacks.stacks.values() if stack.status.endswith("IN_PROGRESS")]
    stacks.delete_stack("any")
    assert not stacks.stacks


def test_properties_become_a_request() -> None:
    client = get_session().create_client(
        "lambda", region_name="us-east-1", aws_access_key_id="local", aws_secret_access_key="local"
    )
    given_properties = {
        "Timeout": "30", "MemorySize": 256.0, "KmsKeyArn": "key", "Publish": "true", "Nonsense": 1,
        "Environment": {"Variables": {"PORT": 8080, "DEBUG": False}},
    }  # fmt: skip
    assert to_request(client, "CreateFunction", given_properties) == {
        "Timeout": 30, "MemorySize": 256, "KMSKeyArn": "key", "Publish": True,
        "Environment": {"Variables": {"PORT": "8080", "DEBUG": "false"}},
    }  # fmt: skip
    with pytest.raises(Refused, match=r"Model validation failed \(#/Timeout: expected type: Number, found: list\)"):
        to_request(client, "CreateFunction", {"Timeout": [30]})
    with pytest.raises(Refused, match=r"#/Environment/Variables/A: expected type: String, found: dict"):
        to_request(client, "CreateFunction", {"Environment": {"Variables": {"A": {}}}})
