"""What a template deploys beside functions and state machines, as far as it can be had on this machine.

Source: CloudFormation's resource types; SAM's specification, AWS::Serverless::SimpleTable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asl_runner.definition.templates.intrinsics import NAMED, Resolver
from asl_runner.definition.templates.references import dependencies

_TABLE = "AWS::Serverless::SimpleTable"

KINDS = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::Events::EventBus",
        "AWS::Kinesis::Stream",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::SSM::Parameter",
        "AWS::StepFunctions::Activity",
        _TABLE,
    }
)
"""Types that need no network, account or code: tasks and functions find them by the names a template gives."""


def resources_beside(deployed: Mapping[str, Mapping[str, Any]], resolver: Resolver) -> dict[str, Any]:
    """CloudFormation resources by logical id, each with its name, every function in them resolved.

    `deployed` are the template's resources whose conditions hold. One that speaks of another depends on it.
    """
    wanted = {name: one for name, one in deployed.items() if one.get("Type") in KINDS}
    return {
        name: {
            "Type": "AWS::DynamoDB::Table" if one["Type"] == _TABLE else one["Type"],
            "Properties": _properties(name, one, resolver),
            "DependsOn": sorted((dependencies(one) & wanted.keys()) - {name}),
        }
        for name, one in wanted.items()
    }


def _properties(name: str, resource: Mapping[str, Any], resolver: Resolver) -> dict[str, Any]:
    properties = resolver.resolve(resource.get("Properties") or {})
    properties[NAMED.get(resource["Type"], "Name")] = resolver.name_of(name)
    return _plain_table(properties) if resource["Type"] == _TABLE else properties


def _plain_table(properties: Mapping[str, Any]) -> dict[str, Any]:
    key = properties.get("PrimaryKey") or {}
    name, kind = key.get("Name", "id"), str(key.get("Type", "String"))
    return {
        "TableName": properties["TableName"],
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": name, "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind[:1].upper()}],
    }
