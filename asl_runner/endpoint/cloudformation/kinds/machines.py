"""AWS::StepFunctions::StateMachine and ::Activity."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml
from botocore.exceptions import ClientError

from asl_runner.endpoint.cloudformation.kinds.base import Properties, Refused, Resource, Site
from asl_runner.endpoint.cloudformation.kinds.requests import to_request

LONGEST_NAME = 80
_PLACE = re.compile(r"\$\{([^{}]+)\}")
_SOURCES = ("Definition", "DefinitionString", "DefinitionS3Location")


class StateMachine:
    """AWS::StepFunctions::StateMachine."""

    replaced_by = frozenset({"StateMachineName", "StateMachineType"})
    name_property = "StateMachineName"

    def create(self, site: Site, properties: Properties) -> Resource:
        """CreateStateMachine; UpdateStateMachine for one that an earlier server's stack had made."""
        client = site.client("stepfunctions")
        request = _request(client, site, properties)
        request["name"] = properties.get("StateMachineName") or site.name(LONGEST_NAME)
        request["type"] = properties.get("StateMachineType", "STANDARD")
        tags = site.tags(properties)
        arn = site.arn("states", f"stateMachine:{request['name']}")
        known = _tags_if_there(client, arn)
        if known is None:
            client.create_state_machine(**request, tags=api_tags(tags))
        elif site.is_ours(known) and not site.stacks.holds(arn):
            self._change(client, arn, request, tags)
        else:
            raise Refused(f"State Machine Already Exists: '{arn}'")
        return self._held(client, site, arn, properties, found=known is not None)

    def update(self, site: Site, old: Resource, properties: Properties) -> Resource:
        """UpdateStateMachine; a setting that is no longer named becomes the default again."""
        client = site.client("stepfunctions")
        arn = old.physical_resource_id
        self._change(client, arn, _request(client, site, properties), site.tags(properties))
        return self._held(client, site, arn, properties)

    def delete(self, site: Site, resource: Resource) -> None:
        """DeleteStateMachine."""
        site.client("stepfunctions").delete_state_machine(stateMachineArn=resource.physical_resource_id)

    def _change(self, client: Any, arn: str, request: dict[str, Any], tags: dict[str, str]) -> None:
        changes = {key: value for key, value in request.items() if key not in ("name", "type")}
        changes.setdefault("loggingConfiguration", {"level": "OFF"})
        changes.setdefault("tracingConfiguration", {"enabled": False})
        changes.setdefault("encryptionConfiguration", {"type": "AWS_OWNED_KEY"})
        client.update_state_machine(stateMachineArn=arn, **changes)
        set_tags(client, arn, tags)

    def _held(self, client: Any, site: Site, arn: str, properties: Properties, **members: Any) -> Resource:
        described = client.describe_state_machine(stateMachineArn=arn)
        attributes = {
            "Arn": arn,
            "Name": described["name"],
            "StateMachineRevisionId": described.get("revisionId", "INITIAL"),
        }
        return site.resource(arn, properties, attributes=attributes, **members)


class Activity:
    """AWS::StepFunctions::Activity."""

    replaced_by = frozenset({"Name", "EncryptionConfiguration"})
    name_property = "Name"

    def create(self, site: Site, properties: Properties) -> Resource:
        """CreateActivity, which gives one that is there already, too."""
        client = site.client("stepfunctions")
        tags = site.tags(properties)
        request = to_request(client, "CreateActivity", _without_tags(properties))
        request["name"] = properties.get("Name") or site.name(LONGEST_NAME)
        arn = client.create_activity(**request, tags=api_tags(tags))["activityArn"]
        return self._held(site, arn, properties)

    def update(self, site: Site, old: Resource, properties: Properties) -> Resource:
        """Its tags."""
        set_tags(site.client("stepfunctions"), old.physical_resource_id, site.tags(properties))
        return self._held(site, old.physical_resource_id, properties)

    def delete(self, site: Site, resource: Resource) -> None:
        """DeleteActivity."""
        site.client("stepfunctions").delete_activity(activityArn=resource.physical_resource_id)

    def _held(self, site: Site, arn: str, properties: Properties) -> Resource:
        return site.resource(arn, properties, attributes={"Arn": arn, "Name": arn.rpartition(":")[2]})


def definition_text(client: Any, properties: Properties) -> str:
    """The definition a state machine's properties give, `${NAME}` replaced. Raises `Refused`.

    `client` is boto3's of S3. Source: AWS::StepFunctions::StateMachine, `DefinitionSubstitutions`.
    """
    given = [name for name in _SOURCES if properties.get(name)]
    if len(given) != 1:
        raise Refused(f"Exactly one of {', '.join(_SOURCES)} must be given; found {', '.join(given) or 'none'}.")
    source = properties[given[0]]
    substitutions = properties.get("DefinitionSubstitutions") or {}
    if given[0] == "Definition":
        return _substituted(json.dumps(source), substitutions)
    if given[0] == "DefinitionString":
        return _substituted(str(source), substitutions)
    return _as_json(_substituted(_object(client, source), substitutions))


def _object(client: Any, place: Mapping[str, Any]) -> str:
    bucket, key = place.get("Bucket"), place.get("Key")
    try:
        text: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return text.decode()
    except ClientError as error:
        reason = error.response["Error"]["Message"]
        raise Refused(f"The definition cannot be read from s3://{bucket}/{key}: {reason}") from error
    except UnicodeDecodeError as error:
        raise Refused(f"The definition in s3://{bucket}/{key} is no UTF-8 text.") from error


def _substituted(text: str, values: Mapping[str, Any]) -> str:
    def value(place: re.Match[str]) -> str:
        if place[1] not in values:
            return place[0]
        found = values[place[1]]
        return str(found).lower() if isinstance(found, bool) else str(found)

    return _PLACE.sub(value, text)


def _as_json(text: str) -> str:
    """An object may be YAML; JSON stays as it is."""
    if text.lstrip().startswith("{"):
        return text
    try:
        return json.dumps(yaml.safe_load(text))
    except (yaml.YAMLError, TypeError) as error:
        raise Refused(f"The definition is neither JSON nor YAML: {error}") from error


def _request(client: Any, site: Site, properties: Properties) -> dict[str, Any]:
    request = to_request(client, "CreateStateMachine", _without_tags(properties))
    return {**request, "definition": definition_text(site.client("s3"), properties)}


def _without_tags(properties: Properties) -> dict[str, Any]:
    """Tags, and what is no request of its own, apart."""
    return {name: value for name, value in properties.items() if name not in ("Tags", "Definition")}


def api_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as Step Functions takes them."""
    return [{"key": key, "value": value} for key, value in tags.items()]


def tags_of(client: Any, arn: str) -> dict[str, str]:
    """The tags of a state machine or activity."""
    return {tag["key"]: tag["value"] for tag in client.list_tags_for_resource(resourceArn=arn)["tags"]}


def _tags_if_there(client: Any, arn: str) -> dict[str, str] | None:
    try:
        return tags_of(client, arn)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFound":
            raise
        return None


def set_tags(client: Any, arn: str, tags: Mapping[str, str]) -> None:
    """Gives a resource these tags and no others."""
    if gone := sorted(tags_of(client, arn).keys() - tags.keys()):
        client.untag_resource(resourceArn=arn, tagKeys=gone)
    client.tag_resource(resourceArn=arn, tags=api_tags(tags))
