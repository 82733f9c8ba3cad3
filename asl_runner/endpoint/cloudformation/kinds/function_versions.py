"""AWS::Lambda::Version and ::Alias."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError
from msgspec.structs import replace

from asl_runner.endpoint.cloudformation.kinds.base import STACK_TAG, Properties, Resource, Site
from asl_runner.endpoint.cloudformation.kinds.functions import ignoring_absence
from asl_runner.endpoint.cloudformation.kinds.requests import to_request


class Version:
    """AWS::Lambda::Version."""

    replaced_by = frozenset({"FunctionName", "CodeSha256", "Description"})
    name_property = None

    def create(self, site: Site, properties: Properties) -> Resource:
        """PublishVersion, which gives the last version where nothing has changed since."""
        client = site.client("lambda")
        made = client.publish_version(**to_request(client, "PublishVersion", properties))
        arn = made["FunctionArn"]
        return site.resource(arn, properties, attributes={"FunctionArn": arn, "Version": made["Version"]})

    def update(self, site: Site, old: Resource, properties: Properties) -> Resource:
        """Nothing of a version changes."""
        return site.resource(old.physical_resource_id, properties, attributes=old.attributes)

    def delete(self, site: Site, resource: Resource) -> None:
        """DeleteFunction of the version."""
        function, _, version = resource.physical_resource_id.rpartition(":")
        ignoring_absence(site.client("lambda").delete_function, FunctionName=function, Qualifier=version)


class Alias:
    """AWS::Lambda::Alias."""

    replaced_by = frozenset({"FunctionName", "Name"})
    name_property = "Name"

    def create(self, site: Site, properties: Properties) -> Resource:
        """CreateAlias; UpdateAlias for one an earlier server's stack had left."""
        client = site.client("lambda")
        request = _request(client, properties)
        try:
            arn = client.create_alias(**request)["AliasArn"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceConflictException":
                raise
            # An alias has no tags: one of a function of this stack is this stack's.
            described = client.get_function(FunctionName=request["FunctionName"])
            arn = f"{described['Configuration']['FunctionArn']}:{request['Name']}"
            owner = described.get("Tags", {}).get(STACK_TAG)
            if owner != site.stack or site.stacks.holds(arn):
                raise
            return replace(self.update(site, site.resource(arn, properties), properties), found=True)
        return site.resource(arn, properties, attributes={"AliasArn": arn})

    def update(self, site: Site, old: Resource, properties: Properties) -> Resource:
        """UpdateAlias; routing that is no longer named ends."""
        client = site.client("lambda")
        request = {"Description": "", "RoutingConfig": {"AdditionalVersionWeights": {}}, **_request(client, properties)}
        client.update_alias(**request)
        arn = old.physical_resource_id
        return site.resource(arn, properties, attributes={"AliasArn": arn})

    def delete(self, site: Site, resource: Resource) -> None:
        """DeleteAlias."""
        function, _, name = resource.physical_resource_id.rpartition(":")
        ignoring_absence(site.client("lambda").delete_alias, FunctionName=function, Name=name)


def _request(client: Any, properties: Properties) -> dict[str, Any]:
    """`AdditionalVersionWeights` is a list in templates and a map in the API."""
    plain = {name: value for name, value in properties.items() if name != "RoutingConfig"}
    request = to_request(client, "CreateAlias", plain)
    weights = (properties.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or []
    if weights:
        shares = {str(each["FunctionVersion"]): float(each["FunctionWeight"]) for each in weights}
        request["RoutingConfig"] = {"AdditionalVersionWeights": shares}
    return request
