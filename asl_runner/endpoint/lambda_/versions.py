"""PublishVersion, ListVersionsByFunction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from asl_runner.endpoint.lambda_.reading import written_document
from asl_runner.endpoint.lambda_.service import Lambda, Operation, check_revision, page, refuse, revision, shown
from asl_runner.functions.arn import LATEST, FunctionArn
from asl_runner.functions.created import Created, Document

_CHANGING = frozenset({"Version", "RevisionId", "LastModified", "FunctionArn", "Description"})
"""What differs between a version and the `$LATEST` it was made of."""


async def publish_version(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`PublishVersion`: the last version again where nothing has changed since."""
    arn = service.arn(request["FunctionName"])
    async with service.changing:
        created = service.to_change(arn)
        check_revision(request, created.latest.document)
        if request.get("CodeSha256") not in (None, created.latest.document["CodeSha256"]):
            refuse(
                "InvalidParameterValueException",
                f"CodeSHA256 ({request['CodeSha256']}) is different from current CodeSHA256 in $LATEST "
                f"({created.latest.document['CodeSha256']}). Please try again with the CodeSHA256 in $LATEST.",
            )
        return shown(publish(service, created, arn, request), arn)


def publish(service: Lambda, created: Created, arn: FunctionArn, request: Mapping[str, Any]) -> Document:
    """Makes a version of `$LATEST`; gives its document."""
    last = created.versions.get(str(created.last_version))
    if last is not None and last.code == created.latest.code and _same(last.document, created.latest.document):
        return last.document
    number = created.last_version + 1
    document = {
        **created.latest.document,
        "Version": str(number),
        "RevisionId": revision(),
        "LastModified": service.now(),
        "Description": request.get("Description", created.latest.document["Description"]),
    }
    versions = {**created.versions, str(number): replace(created.latest, document=document)}
    service.created.put(replace(created, versions=versions, last_version=number))
    return document


async def list_versions_by_function(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`ListVersionsByFunction`: `$LATEST` first."""
    arn = service.arn(request["FunctionName"])
    created = service.find(arn)
    if created is None:
        documents = [written_document(service, service.functions.resolve(arn.name))]
    else:
        documents = [created.latest.document, *(each.document for each in created.versions.values())]
    items = [{**document, "FunctionArn": f"{arn.unqualified}:{document['Version']}"} for document in documents]
    chosen, marker = page(items, request, "Version")
    return {"Versions": chosen, "NextMarker": marker}


def targets(alias: Document) -> set[str]:
    """The versions an alias sends invocations to."""
    weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    return {alias["FunctionVersion"], *weights}


def check_target(created: Created, version: str) -> None:
    """Raises `ServiceError` for a version there is not."""
    if version != LATEST and version not in created.versions:
        text = f"Function not found: {created.latest.document['FunctionArn']}:{version}"
        refuse("ResourceNotFoundException", text)


def _same(one: Document, other: Document) -> bool:
    return {key: value for key, value in one.items() if key not in _CHANGING} == {
        key: value for key, value in other.items() if key not in _CHANGING
    }


OPERATIONS: dict[str, Operation] = {
    "PublishVersion": publish_version,
    "ListVersionsByFunction": list_versions_by_function,
}
