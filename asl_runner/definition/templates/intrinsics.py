"""CloudFormation's functions resolved without it: parameters, conditions, and the names that resources would get.

What only a deployment can know (an export of another stack, an attribute nobody can guess) becomes a text that says so,
`${Export:name}`, so that it shows where it is used. Source: CloudFormation User Guide, "Intrinsic function reference".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from asl_runner.definition.templates.model import Names
from asl_runner.errors import UsageError, near

_SUB = re.compile(r"\$\{(!?)([^}]+)\}")

NO_VALUE = object()
"""What `AWS::NoValue` stands for: the property is not there."""

_ARNS = {
    "AWS::Serverless::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::Serverless::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
    "AWS::StepFunctions::Activity": "arn:aws:states:{region}:{account}:activity:{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "AWS::Serverless::SimpleTable": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::Events::EventBus": "arn:aws:events:{region}:{account}:event-bus/{name}",
    "AWS::Events::Connection": "arn:aws:events:{region}:{account}:connection/{name}/0",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::ECS::Cluster": "arn:aws:ecs:{region}:{account}:cluster/{name}",
    "AWS::ECS::TaskDefinition": "arn:aws:ecs:{region}:{account}:task-definition/{name}:1",
    "AWS::Batch::JobQueue": "arn:aws:batch:{region}:{account}:job-queue/{name}",
    "AWS::Batch::JobDefinition": "arn:aws:batch:{region}:{account}:job-definition/{name}:1",
}
NAMED = {
    "AWS::Serverless::Function": "FunctionName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Serverless::StateMachine": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Serverless::SimpleTable": "TableName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::IAM::Role": "RoleName",
    "AWS::ECS::Cluster": "ClusterName",
    "AWS::ECS::TaskDefinition": "Family",
    "AWS::Batch::JobQueue": "JobQueueName",
    "AWS::Batch::JobDefinition": "JobDefinitionName",
}
"""The property that names a resource; the others have `Name`."""
_REF_IS_ARN = frozenset(
    {
        "AWS::SNS::Topic",
        "AWS::StepFunctions::StateMachine",
        "AWS::Serverless::StateMachine",
        "AWS::StepFunctions::Activity",
        "AWS::ECS::TaskDefinition",
        "AWS::Batch::JobQueue",
        "AWS::Batch::JobDefinition",
    }
)


class Resolver:
    """Resolves the values of one template."""

    def __init__(self, template: Mapping[str, Any], names: Names, given: Mapping[str, str]) -> None:
        """`given` are values of parameters. Raises `UsageError` for one the template does not have."""
        self._template = template
        self._names = names
        self._parameters = _parameters(template.get("Parameters") or {}, given)
        self._resources: Mapping[str, Any] = template.get("Resources") or {}
        self._conditions: Mapping[str, Any] = template.get("Conditions") or {}
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._attribute,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::If": self._if,
            "Fn::Equals": lambda value: self.resolve(value[0]) == self.resolve(value[1]),
            "Fn::Not": lambda value: not self._holds(value[0]),
            "Fn::And": lambda value: all(self._holds(one) for one in value),
            "Fn::Or": lambda value: any(self._holds(one) for one in value),
            "Condition": lambda value: self.condition(value),
            "Fn::FindInMap": self._find_in_map,
            "Fn::Base64": lambda value: base64.b64encode(str(self.resolve(value)).encode()).decode(),
            "Fn::ToJsonString": lambda value: json.dumps(self.resolve(value)),
            "Fn::ImportValue": lambda value: f"${{Export:{self.resolve(value)}}}",
            "Fn::GetAZs": lambda value: [f"{self._names.region}{zone}" for zone in "abc"],
        }

    def resolve(self, value: Any) -> Any:
        """The value, every function in it resolved; a function nobody knows is left as it stands."""
        if isinstance(value, list):
            return [found for item in value if (found := self.resolve(item)) is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name in self._functions and not (name == "Condition" and not isinstance(argument, str)):
                return self._functions[name](argument)
        return {key: found for key, item in value.items() if (found := self.resolve(item)) is not NO_VALUE}

    def condition(self, name: str) -> bool:
        """Whether a condition of the template holds."""
        return bool(self.resolve(self._conditions[name])) if name in self._conditions else True

    def exists(self, resource: Mapping[str, Any]) -> bool:
        """Whether a resource is deployed at all."""
        named = resource.get("Condition")
        return not isinstance(named, str) or self.condition(named)

    def name_of(self, logical: str) -> str:
        """The physical name of a resource: its own, else its logical id as its service takes it."""
        resource = self._resources[logical]
        type, properties = resource.get("Type"), resource.get("Properties") or {}
        given = self.resolve(properties.get(NAMED.get(type, "Name")))
        if isinstance(given, str) and given:
            return given
        if type == "AWS::S3::Bucket":
            return logical.lower()
        fifo = self.resolve(properties.get("FifoQueue", properties.get("FifoTopic")))
        return f"{logical}.fifo" if str(fifo).lower() == "true" else logical

    def arn_of(self, logical: str) -> str:
        """The ARN of a resource."""
        type = str(self._resources[logical].get("Type"))
        service = type.split("::")[1].lower() if type.count("::") > 1 else "unknown"
        form = _ARNS.get(type, f"arn:aws:{service}:{{region}}:{{account}}:{{name}}")
        names = self._names
        return form.format(region=names.region, account=names.account, name=self.name_of(logical))

    def _ref(self, name: Any) -> Any:
        names = self._names
        pseudo = {
            "AWS::Region": names.region,
            "AWS::AccountId": names.account,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": names.stack,
            "AWS::StackId": f"arn:aws:cloudformation:{names.region}:{names.account}:stack/{names.stack}/0",
            "AWS::NotificationARNs": [],
            "AWS::NoValue": NO_VALUE,
        }
        if name in pseudo:
            return pseudo[name]
        if name in self._parameters:
            return self._parameters[name]
        if name in self._resources:
            type = self._resources[name].get("Type")
            if type == "AWS::SQS::Queue":
                return f"https://sqs.{names.region}.amazonaws.com/{names.account}/{self.name_of(name)}"
            return self.arn_of(name) if type in _REF_IS_ARN else self.name_of(name)
        return f"${{{name}}}"

    def _attribute(self, value: Any) -> Any:
        logical, attribute = value[0], self.resolve(value[1])
        if logical not in self._resources:
            return f"${{{logical}.{attribute}}}"
        if attribute in ("Name", "FunctionName", "QueueName", "TopicName", "TableName", "RoleName"):
            return self.name_of(logical)
        if "Arn" in attribute or "ARN" in attribute:
            return self.arn_of(logical)
        return f"${{{logical}.{attribute}}}"

    def _sub(self, value: Any) -> str:
        text, own = (value[0], value[1]) if isinstance(value, list) else (value, {})

        def put(found: re.Match[str]) -> str:
            literal, name = found[1], found[2].strip()
            if literal:
                return f"${{{name}}}"
            if name in own:
                return str(self.resolve(own[name]))
            logical, dot, attribute = name.partition(".")
            resolved = self._attribute([logical, attribute]) if dot else self._ref(name)
            return "" if resolved is NO_VALUE else str(resolved)

        return _SUB.sub(put, str(text))

    def _join(self, value: Any) -> str:
        parts = self.resolve(value[1])
        return str(value[0]).join(str(part) for part in parts) if isinstance(parts, list) else str(parts)

    def _select(self, value: Any) -> Any:
        items, index = self.resolve(value[1]), int(self.resolve(value[0]))
        return items[index] if isinstance(items, list) and index < len(items) else ""

    def _split(self, value: Any) -> list[str]:
        return str(self.resolve(value[1])).split(str(value[0]))

    def _if(self, value: Any) -> Any:
        return self.resolve(value[1] if self.condition(value[0]) else value[2])

    def _holds(self, value: Any) -> bool:
        return bool(self.resolve(value))

    def _find_in_map(self, value: Any) -> Any:
        first, second, third = (self.resolve(one) for one in value[:3])
        found = (self._template.get("Mappings") or {}).get(first, {}).get(second, {}).get(third)
        return f"${{Mappings.{first}.{second}.{third}}}" if found is None else found


def _parameters(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    for name in given:
        if name not in declared:
            raise UsageError(f"The template has no parameter {name!r}: {near(name, declared)}")
    values: dict[str, Any] = {}
    for name, parameter in declared.items():
        value = given.get(name, parameter.get("Default"))
        if value is None:
            values[name] = f"${{{name}}}"
            continue
        is_list = str(parameter.get("Type", "")).startswith(("CommaDelimitedList", "List<"))
        values[name] = str(value).split(",") if is_list else str(value)
    return values
