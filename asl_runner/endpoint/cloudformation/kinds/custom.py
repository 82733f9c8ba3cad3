"""Custom resources: a function of the workspace makes them, and answers where the event says.

Source: CloudFormation User Guide, "Custom resource request objects" and "Custom resource response objects".
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from botocore.exceptions import ClientError

from asl_runner.endpoint.cloudformation.kinds.base import Properties, Refused, Resource, Site

LONGEST_WAIT = 3600
"""Seconds for which the address of an answer is good."""


class CustomResource:
    """`Custom::*` and AWS::CloudFormation::CustomResource. Its function is invoked and waited for."""

    replaced_by = frozenset({"ServiceToken"})
    name_property = None

    def create(self, site: Site, properties: Properties) -> Resource:
        """Asks its function to create it."""
        return self._asked(site, "Create", properties)

    def update(self, site: Site, old: Resource, properties: Properties) -> Resource:
        """Asks its function to change it; with another physical id answered, the old one will be deleted."""
        known = {"PhysicalResourceId": old.physical_resource_id, "OldResourceProperties": _texts(old.properties)}
        return self._asked(site, "Update", properties, **known)

    def delete(self, site: Site, resource: Resource) -> None:
        """Asks its function to delete it."""
        self._asked(site, "Delete", resource.properties, PhysicalResourceId=resource.physical_resource_id)

    def _asked(self, site: Site, what: str, properties: Properties, **more: Any) -> Resource:
        function = str(properties.get("ServiceToken", ""))
        if ":lambda:" not in function:
            raise Refused(f"The ServiceToken of a custom resource must be the ARN of a function here, not {function!r}")
        identifier = str(uuid.uuid4())
        bucket = f"cloudformation-custom-resource-response-{identifier[:8]}"
        s3 = site.client("s3")
        place = {"Bucket": bucket, "Key": identifier}
        event = {
            "RequestType": what,
            "ServiceToken": function,
            "ResponseURL": s3.generate_presigned_url("put_object", Params=place, ExpiresIn=LONGEST_WAIT),
            "StackId": site.stack_id,
            "RequestId": identifier,
            "LogicalResourceId": site.logical_id,
            "ResourceType": site.type,
            "ResourceProperties": _texts(properties),
            **more,
        }
        s3.create_bucket(Bucket=bucket)
        try:
            said = _invoked(site.client("lambda"), function, event)
            answer = _answer(s3, place, said)
        finally:
            s3.delete_object(**place)
            s3.delete_bucket(Bucket=bucket)
        return self._made(site, properties, answer, more.get("PhysicalResourceId"))

    def _made(self, site: Site, properties: Properties, answer: dict[str, Any], known: str | None) -> Resource:
        physical = answer.get("PhysicalResourceId") or known
        if answer.get("Status") != "SUCCESS":
            raise Refused(f"Received response status [FAILED] from custom resource. Message returned: "
                          f"{answer.get('Reason') or 'none'}")  # fmt: skip
        if not physical:
            raise Refused("Invalid PhysicalResourceId: the function's response has none.")
        data = answer.get("Data") or {}
        if not isinstance(data, dict):
            raise Refused("The function's response has a Data that is no object.")
        return site.resource(str(physical), properties, attributes=data)


def _invoked(client: Any, function: str, event: dict[str, Any]) -> str:
    """What the function has to say for itself; its answer is elsewhere."""
    answer = client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    payload: bytes = answer["Payload"].read()
    return payload.decode(errors="replace") if "FunctionError" in answer else "it ended without one"


def _answer(s3: Any, place: dict[str, str], said: str) -> dict[str, Any]:
    try:
        found = json.loads(s3.get_object(**place)["Body"].read())
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        raise Refused(f"The function of the custom resource sent no response to the ResponseURL: {said}") from error
    except ValueError as error:
        raise Refused("The response of the custom resource's function is no JSON.") from error
    if not isinstance(found, dict):
        raise Refused("The response of the custom resource's function is no JSON object.")
    return found


def _texts(value: Any) -> Any:
    """Properties as functions get them: numbers and booleans are text."""
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
