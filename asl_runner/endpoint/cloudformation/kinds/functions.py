"""AWS::Lambda::Function and ::Permission."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from asl_runner.endpoint.cloudformation import cfnresponse
from asl_runner.endpoint.cloudformation.kinds.base import Properties, Refused, Resource, Site
from asl_runner.endpoint.cloudformation.kinds.requests import to_request
from asl_runner.endpoint.lambda_.reading import ARCHITECTURE

LONGEST_NAME = 64

_DEFAULTS: Mapping[str, Any] = {
    "Description": "",
    "Timeout": 3,
    "MemorySize": 128,
    "Environment": {"Variables": {}},
    "TracingConfig": {"Mode": "PassThrough"},
    "EphemeralStorage": {"Size": 512},
}
"""What an update makes of properties that are no longer named."""


class Function:
    """AWS::Lambda::Function."""

    replaced_by = frozenset({"FunctionName", "PackageType"})
    name_property = "FunctionName"

    def create(self, site: Site, properties: Properties) -> Resource:
        """CreateFunction; an update of one that an earlier server's stack had made."""
        client = site.client("lambda")
        name = properties.get("FunctionName") or site.name(LONGEST_NAME)
        request = to_request(client, "CreateFunction", _without(properties, "Code", "Tags"))
        tags = site.tags(properties)
        try:
            made = client.create_function(**{**request, "FunctionName": name}, Code=_code(properties), Tags=tags)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceConflictException" or not _is_left(client, site, name):
                raise
            arn = client.get_function_configuration(FunctionName=name)["FunctionArn"]
            self._change(client, name, arn, properties, tags)
            return self._held(site, name, arn, properties, found=True)
        return self._held(site, name, made["FunctionArn"], properties)

    def update(self, site: Site, old: Resource, properties: Properties) -> Resource:
        """UpdateFunctionCode, UpdateFunctionConfiguration, tags."""
        client = site.client("lambda")
        name, arn = old.physical_resource_id, old.attributes["Arn"]
        same_code = all(properties.get(each) == old.properties.get(each) for each in ("Code", "Architectures"))
        self._change(client, name, arn, properties, site.tags(properties), with_code=not same_code)
        return self._held(site, name, arn, properties)

    def delete(self, site: Site, resource: Resource) -> None:
        """DeleteFunction."""
        ignoring_absence(site.client("lambda").delete_function, FunctionName=resource.physical_resource_id)

    def _change(
        self, client: Any, name: str, arn: str, properties: Properties, tags: dict[str, str], with_code: bool = True
    ) -> None:
        settings = to_request(client, "UpdateFunctionConfiguration", _without(properties, "Code", "Tags"))
        client.update_function_configuration(**{**_DEFAULTS, **settings, "FunctionName": name})
        if with_code:
            architectures = {"Architectures": properties.get("Architectures", [ARCHITECTURE])}
            client.update_function_code(FunctionName=name, **_code(properties), **architectures)
        if gone := sorted(client.list_tags(Resource=arn)["Tags"].keys() - tags.keys()):
            client.untag_resource(Resource=arn, TagKeys=gone)
        client.tag_resource(Resource=arn, Tags=tags)

    def _held(self, site: Site, name: str, arn: str, properties: Properties, **members: Any) -> Resource:
        snap = {"ApplyOn": "None", "OptimizationStatus": "Off"}
        attributes = {"Arn": arn, "SnapStartResponse": snap} | {f"SnapStartResponse.{key}": snap[key] for key in snap}
        return site.resource(name, properties, attributes=attributes, **members)


class Permission:
    """AWS::Lambda::Permission: kept and shown by GetPolicy."""

    replaced_by = frozenset(
        {"Action", "EventSourceToken", "FunctionName", "FunctionUrlAuthType", "Principal", "PrincipalOrgID"}
        | {"SourceAccount", "SourceArn"}
    )
    name_property = None

    def create(self, site: Site, properties: Properties) -> Resource:
        """AddPermission."""
        client = site.client("lambda")
        name = site.name(100)
        request = to_request(client, "AddPermission", properties)
        request["StatementId"] = name
        ignoring_absence(client.remove_permission, FunctionName=request.get("FunctionName"), StatementId=name)
        client.add_permission(**request)
        return site.resource(name, properties, attributes={"Id": name})

    def update(self, site: Site, old: Resource, properties: Properties) -> Resource:
        """Nothing of a permission changes."""
        return site.resource(old.physical_resource_id, properties, attributes=old.attributes)

    def delete(self, site: Site, resource: Resource) -> None:
        """RemovePermission."""
        named = resource.properties["FunctionName"]
        remove = site.client("lambda").remove_permission
        ignoring_absence(remove, FunctionName=named, StatementId=resource.physical_resource_id)


def ignoring_absence(call: Any, **request: Any) -> None:
    """Calls; what is not there need not be deleted."""
    try:
        call(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise


def _is_left(client: Any, site: Site, name: str) -> bool:
    return site.is_ours(client.get_function(FunctionName=name).get("Tags", {})) and not site.stacks.holds(name)


def _without(properties: Properties, *names: str) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in names}


def _code(properties: Properties) -> dict[str, Any]:
    """`Code` as the API takes it: text of a template becomes the module `index` in an archive, with `cfnresponse`.

    Source: AWS::Lambda::Function Code, `ZipFile`. Raises `Refused`.
    """
    given = properties.get("Code")
    if not isinstance(given, Mapping):
        raise Refused("Code must be given.")
    if "ZipFile" in given:
        return {"ZipFile": _archived(str(given["ZipFile"]))}
    names = ("S3Bucket", "S3Key", "S3ObjectVersion", "ImageUri")
    return {name: given[name] for name in names if given.get(name)}


def _archived(source: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        # A time of its own would make other code of the same source.
        for name, text in (("index.py", source), ("cfnresponse.py", Path(cfnresponse.__file__).read_text())):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)
    return content.getvalue()
