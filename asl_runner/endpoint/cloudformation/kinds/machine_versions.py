"""AWS::StepFunctions::StateMachineVersion and ::StateMachineAlias."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError
from msgspec.structs import replace

from asl_runner.endpoint.cloudformation.kinds.base import STACK_TAG, Properties, Refused, Resource, Site
from asl_runner.endpoint.cloudformation.kinds.machines import LONGEST_NAME, tags_of
from asl_runner.endpoint.cloudformation.kinds.requests import to_request


class StateMachineVersion:
    """AWS::StepFunctions::StateMachineVersion: another revision is another version."""

    replaced_by = frozenset({"StateMachineArn", "StateMachineRevisionId", "Description"})
    name_property = None

    def create(self, site: Site, properties: Properties) -> Resource:
        """PublishStateMachineVersion, which gives the version of the revision where there is one."""
        client = site.client("stepfunctions")
        request = {
            "stateMachineArn": properties.get("StateMachineArn"),
            "revisionId": properties.get("StateMachineRevisionId"),
            "description": properties.get("Description"),
        }
        given = {name: value for name, value in request.items() if value}
        arn = client.publish_state_machine_version(**given)["stateMachineVersionArn"]
        return site.resource(arn, properties, attributes={"Arn": arn})

    def update(self, site: Site, old: Resource, properties: Properties) -> Resource:
        """Nothing of a version changes."""
        return site.resource(old.physical_resource_id, properties, attributes=old.attributes)

    def delete(self, site: Site, resource: Resource) -> None:
        """DeleteStateMachineVersion."""
        client = site.client("stepfunctions")
        client.delete_state_machine_version(stateMachineVersionArn=resource.physical_resource_id)


class StateMachineAlias:
    """AWS::StepFunctions::StateMachineAlias. A `DeploymentPreference` moves all executions at once."""

    replaced_by = frozenset({"Name"})
    name_property = "Name"

    def create(self, site: Site, properties: Properties) -> Resource:
        """CreateStateMachineAlias; UpdateStateMachineAlias for one an earlier server's stack had left."""
        client = site.client("stepfunctions")
        name = properties.get("Name") or site.name(LONGEST_NAME)
        request = {**_routed(client, "CreateStateMachineAlias", properties), "name": name}
        try:
            arn = client.create_state_machine_alias(**request)["stateMachineAliasArn"]
            return self._held(site, arn, properties)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConflictException":
                raise
            machine = request["routingConfiguration"][0]["stateMachineVersionArn"].rpartition(":")[0]
            arn = f"{machine}:{name}"
            # An alias has no tags: one of a state machine of this stack is this stack's.
            if tags_of(client, machine).get(STACK_TAG) != site.stack or site.stacks.holds(arn):
                raise
            return replace(self.update(site, site.resource(arn, properties), properties), found=True)

    def update(self, site: Site, old: Resource, properties: Properties) -> Resource:
        """UpdateStateMachineAlias."""
        client = site.client("stepfunctions")
        request = {"description": "", **_routed(client, "UpdateStateMachineAlias", properties)}
        client.update_state_machine_alias(stateMachineAliasArn=old.physical_resource_id, **request)
        return self._held(site, old.physical_resource_id, properties)

    def delete(self, site: Site, resource: Resource) -> None:
        """DeleteStateMachineAlias."""
        client = site.client("stepfunctions")
        client.delete_state_machine_alias(stateMachineAliasArn=resource.physical_resource_id)

    def _held(self, site: Site, arn: str, properties: Properties) -> Resource:
        return site.resource(arn, properties, attributes={"Arn": arn})


def _routed(client: Any, operation: str, properties: Properties) -> dict[str, Any]:
    request = to_request(client, operation, properties)
    preference = properties.get("DeploymentPreference")
    if bool(preference) == bool(request.get("routingConfiguration")):
        raise Refused("Exactly one of RoutingConfiguration and DeploymentPreference must be given.")
    if preference:
        version = preference.get("StateMachineVersionArn")
        request["routingConfiguration"] = [{"stateMachineVersionArn": version, "weight": 100}]
    return request
