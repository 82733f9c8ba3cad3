"""The model registry: groups of model packages, their versions, and which of them are approved.

A version is kept under its group's name and its number, `GROUP@3`; its ARN ends in `GROUP/3`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asl_runner.sagemaker import kinds, listing, moments
from asl_runner.sagemaker.jobs.base import Site
from asl_runner.sagemaker.records import Document, Record
from asl_runner.sagemaker.service import Response, Service, answer
from asl_runner.service_model.errors import ServiceError, validation_error

VERSION = "@"
_NOT_KEPT = ("Tags", "ClientToken", "ModelPackageName")


class Registry:
    """The model packages and groups of one `Service`."""

    def __init__(self, service: Service, site: Site) -> None:
        self._service = service
        self._site = site

    def create_group(self, given: Mapping[str, Any]) -> Response:
        """`CreateModelPackageGroup`."""
        operation = "CreateModelPackageGroup"
        wire = self._service.request(operation, given)
        return answer(operation, self._service.create(kinds.PACKAGE_GROUP, wire, _new_group, runs=False).document)

    def describe_group(self, given: Mapping[str, Any]) -> Response:
        """`DescribeModelPackageGroup`, by name or ARN."""
        operation = "DescribeModelPackageGroup"
        name = _last(self._service.request(operation, given)["ModelPackageGroupName"])
        return answer(operation, self._service.record(kinds.PACKAGE_GROUP, name, operation).document)

    def delete_group(self, given: Mapping[str, Any]) -> Response:
        """`DeleteModelPackageGroup`, by name or ARN: only an empty one."""
        operation = "DeleteModelPackageGroup"
        name = _last(self._service.request(operation, given)["ModelPackageGroupName"])
        self._service.record(kinds.PACKAGE_GROUP, name, operation)
        if self._versions(name):
            raise ServiceError("ConflictException", f"The model package group {name} has model packages.", operation)
        self._site.records.delete(kinds.PACKAGE_GROUP.directory, name)
        return answer(operation, {})

    def create(self, given: Mapping[str, Any]) -> Response:
        """`CreateModelPackage`: the next version of its group, or a package with a name of its own."""
        operation = "CreateModelPackage"
        wire = self._service.request(operation, given)
        group, name = wire.get("ModelPackageGroupName"), wire.get("ModelPackageName")
        if (group is None) == (name is None):
            raise validation_error("Either ModelPackageName or ModelPackageGroupName is required.", operation)
        if group is None:
            return answer(operation, self._service.create(kinds.PACKAGE, wire, _new_package, runs=False).document)
        group = _last(group)
        self._service.record(kinds.PACKAGE_GROUP, group, operation)
        while True:
            version = max(self._versions(group), default=0) + 1
            versioned = {**wire, "ModelPackageGroupName": group, "ModelPackageName": f"{group}{VERSION}{version}"}
            try:
                created = self._service.create(kinds.PACKAGE, versioned, _new_package, runs=False)
            except ServiceError as refusal:
                if isinstance(refusal.__cause__, FileExistsError):
                    continue  # Another request has taken this version.
                raise
            return answer(operation, created.document)

    def describe(self, given: Mapping[str, Any]) -> Response:
        """`DescribeModelPackage`, by name or ARN."""
        operation = "DescribeModelPackage"
        wire = self._service.request(operation, given)
        return answer(operation, self._package(wire["ModelPackageName"], operation).document)

    def update(self, given: Mapping[str, Any]) -> Response:
        """`UpdateModelPackage`: approval, and what else the request has."""
        operation = "UpdateModelPackage"
        wire = self._service.request(operation, given)
        record = self._package(wire["ModelPackageArn"], operation)
        removed = wire.get("CustomerMetadataPropertiesToRemove", ())
        added = wire.get("AdditionalInferenceSpecificationsToAdd", [])
        plain = {"ModelApprovalStatus", "ModelPackageRegistrationType", "ApprovalDescription", "InferenceSpecification"}
        plain |= {"SourceUri", "ModelCard", "ModelLifeCycle"}

        def change(document: Document) -> Document:
            metadata = {**document.get("CustomerMetadataProperties", {}), **wire.get("CustomerMetadataProperties", {})}
            return {
                **document,
                **{name: value for name, value in wire.items() if name in plain},
                "CustomerMetadataProperties": {key: metadata[key] for key in metadata if key not in removed},
                "AdditionalInferenceSpecifications": [*document.get("AdditionalInferenceSpecifications", []), *added],
                "LastModifiedTime": moments.now(),
            }

        updated = self._site.records.update(kinds.PACKAGE.directory, record.name, change)
        return answer(operation, updated.document)

    def list_packages(self, given: Mapping[str, Any]) -> Response:
        """`ListModelPackages`: those with a name of their own, unless a group or a type says otherwise."""
        operation = "ListModelPackages"
        wire = self._service.request(operation, given)
        group = wire.get("ModelPackageGroupName")
        type_ = wire.get("ModelPackageType", "Unversioned" if group is None else "Versioned")
        found = []
        for record in self._site.records.all(kinds.PACKAGE.directory):
            document = {"ModelPackageName": record.name, **record.document}
            versioned = "ModelPackageVersion" in document
            if (
                type_ in ("Both", "Versioned" if versioned else "Unversioned")
                and (group is None or document.get("ModelPackageGroupName") == _last(group))
                and wire.get("ModelApprovalStatus") in (None, document.get("ModelApprovalStatus"))
            ):
                found.append(document)
        items, token = listing.page(listing.select(found, kinds.PACKAGE, wire), wire)
        shown = [_without(item, ("ModelPackageName",)) if "ModelPackageVersion" in item else item for item in items]
        return answer(operation, {"ModelPackageSummaryList": shown, "NextToken": token})

    def delete(self, given: Mapping[str, Any]) -> Response:
        """`DeleteModelPackage`, by name or ARN."""
        operation = "DeleteModelPackage"
        wire = self._service.request(operation, given)
        record = self._package(wire["ModelPackageName"], operation)
        self._site.records.delete(kinds.PACKAGE.directory, record.name)
        return answer(operation, {})

    def _package(self, name: str, operation: str) -> Record:
        if name.startswith("arn:"):
            path = name.partition(":model-package/")[2]
            if self._site.arn(kinds.PACKAGE, path) != name or path[:1] in ("", "."):
                raise validation_error(f"ModelPackage {name} does not exist.", operation)
            name = path.replace("/", VERSION)
        return self._service.record(kinds.PACKAGE, name, operation)

    def _versions(self, group: str) -> list[int]:
        records = self._site.records.all(kinds.PACKAGE.directory, f"{group}{VERSION}")
        return [record.document["ModelPackageVersion"] for record in records]


def _new_group(request: Mapping[str, Any], arn: str, now: float) -> Document:
    kept = _without(request, _NOT_KEPT)
    made = {"ModelPackageGroupArn": arn, "ModelPackageGroupStatus": "Completed", "CreatedBy": {}, "CreationTime": now}
    return {**kept, **made}


def _new_package(request: Mapping[str, Any], arn: str, now: float) -> Document:
    name, _, version = request["ModelPackageName"].partition(VERSION)
    named = {"ModelPackageVersion": int(version)} if version else {"ModelPackageName": name}
    approval = {"ModelApprovalStatus": "PendingManualApproval"} if version else {}
    return {
        **approval,
        **_without(request, _NOT_KEPT),
        **named,
        "ModelPackageArn": arn,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CreatedBy": {},
        "CreationTime": now,
    }


def _without(document: Mapping[str, Any], names: tuple[str, ...]) -> Document:
    return {key: value for key, value in document.items() if key not in names}


def _last(name: str) -> str:
    """A name given as an ARN or as itself."""
    return name.rpartition("/")[2]
