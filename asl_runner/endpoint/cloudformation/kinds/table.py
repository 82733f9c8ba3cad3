"""Which kind a resource's type is."""

from __future__ import annotations

from collections.abc import Mapping

from moto.cloudformation import parsing

from asl_runner.endpoint.cloudformation.kinds.base import Kind
from asl_runner.endpoint.cloudformation.kinds.buckets import Bucket
from asl_runner.endpoint.cloudformation.kinds.custom import CustomResource
from asl_runner.endpoint.cloudformation.kinds.emulated import Emulated, LogGroup, Recorded
from asl_runner.endpoint.cloudformation.kinds.function_versions import Alias, Version
from asl_runner.endpoint.cloudformation.kinds.functions import Function, Permission
from asl_runner.endpoint.cloudformation.kinds.machine_versions import StateMachineAlias, StateMachineVersion
from asl_runner.endpoint.cloudformation.kinds.machines import Activity, StateMachine
from asl_runner.endpoint.cloudformation.kinds.nested import NestedStack

OWN: Mapping[str, Kind] = {
    "AWS::CloudFormation::CustomResource": CustomResource(),
    "AWS::CloudFormation::Stack": NestedStack(),
    "AWS::Lambda::Alias": Alias(),
    "AWS::Lambda::Function": Function(),
    "AWS::Lambda::Permission": Permission(),
    "AWS::Lambda::Version": Version(),
    "AWS::S3::Bucket": Bucket(),
    "AWS::StepFunctions::Activity": Activity(),
    "AWS::StepFunctions::StateMachine": StateMachine(),
    "AWS::StepFunctions::StateMachineAlias": StateMachineAlias(),
    "AWS::StepFunctions::StateMachineVersion": StateMachineVersion(),
}
"""The types behind which stand the workspace's own services."""

TAGGED = OWN.keys() - {"AWS::CloudFormation::CustomResource", "AWS::Lambda::Permission"}
"""Those that get the tags of their stack."""

_NOT_MOTOS = ("AWS::Lambda::", "AWS::StepFunctions::")
"""What moto would make for functions and state machines of its own."""


def kind_of(type: str) -> Kind:
    """The kind of a type; every type has one."""
    own = OWN.get("AWS::CloudFormation::CustomResource" if type.startswith("Custom::") else type)
    if own is not None:
        return own
    model = None if type.startswith(_NOT_MOTOS) else parsing.get_model_map().get(type)
    if model is None:
        return Recorded()
    return LogGroup(model) if type == "AWS::Logs::LogGroup" else Emulated(model)
