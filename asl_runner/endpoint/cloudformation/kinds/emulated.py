"""All other types: moto's models where it has them; of the rest a stack only keeps that they are there."""

from __future__ import annotations

import copy
import logging
from inspect import signature
from typing import Any

from moto.cloudformation import parsing
from moto.ec2.models import ec2_backends
from moto.ec2.models.core import TaggedEC2Resource
from msgspec.structs import replace

from asl_runner.endpoint.cloudformation.kinds.base import Properties, Resource, Site

_log = logging.getLogger(__name__)


class Emulated:
    """A type moto has a model of."""

    replaced_by: frozenset[str] = frozenset()
    name_property = None

    def __init__(self, model: Any) -> None:
        self._model = model

    def create(self, site: Site, properties: Properties) -> Resource:
        """What moto makes of it."""
        name, definition = self._named(site, properties)
        identity = {"LogicalId": site.logical_id, "StackId": site.stack_id, "ResourceType": site.type}
        made = self._model.create_from_cloudformation_json(name, definition, site.account, site.region, **identity)
        made.cf_resource_type, made.logical_resource_id = site.type, site.logical_id
        if isinstance(made, TaggedEC2Resource):
            backend = ec2_backends[site.account][site.region]
            backend.create_tags([made.physical_resource_id], site.tags({}))
        return site.resource(made.physical_resource_id, properties, emulated=made)

    def update(self, site: Site, old: Resource, properties: Properties) -> Resource:
        """What moto makes of it, where it can change what there is."""
        change = self._model.update_from_cloudformation_json
        if hasattr(change, "__isabstractmethod__"):
            return site.resource(old.physical_resource_id, properties, emulated=old.emulated)
        name, definition = self._named(site, properties)
        made = change(
            original_resource=old.emulated,
            new_resource_name=name,
            cloudformation_json=definition,
            account_id=site.account,
            region_name=site.region,
        )
        if made is None:
            made = old.emulated
        made.cf_resource_type, made.logical_resource_id = site.type, site.logical_id
        return site.resource(made.physical_resource_id, properties, emulated=made)

    def delete(self, site: Site, resource: Resource) -> None:
        """What moto has for it: the object's own way, or the model's."""
        own = getattr(resource.emulated, "delete", None)
        if own is not None and [*signature(own).parameters][:1] == ["account_id"]:
            own(site.account, site.region)
            return
        remove = self._model.delete_from_cloudformation_json
        if not hasattr(remove, "__isabstractmethod__"):
            definition = {"Type": site.type, "Properties": dict(resource.properties)}
            remove(resource.physical_resource_id, definition, site.account, site.region)

    def _named(self, site: Site, properties: Properties) -> tuple[str, dict[str, Any]]:
        """The resource's name and its definition with it. moto may change the definition."""
        own: dict[str, Any] = copy.deepcopy(dict(properties))
        generated = parsing.generate_resource_name(site.type, site.stack, site.logical_id)
        member = parsing.resource_name_property_from_type(site.type)
        if member and own.get(member) is None:
            own[member] = generated
        name = own[member] if member else generated
        return str(name), {"Type": site.type, "Properties": own}


class LogGroup(Emulated):
    """AWS::Logs::LogGroup, whose ARN CloudFormation gives with all its streams, and state machines want so."""

    def create(self, site: Site, properties: Properties) -> Resource:
        """moto's, with the ARN as it is on AWS."""
        return _with_streams(super().create(site, properties))

    def update(self, site: Site, old: Resource, properties: Properties) -> Resource:
        """moto's, with the ARN as it is on AWS."""
        return _with_streams(super().update(site, old, properties))


def _with_streams(group: Resource) -> Resource:
    return replace(group, attributes={"Arn": f"{group.emulated.arn}:*"})


class Recorded:
    """A type nobody has anything behind: its stack keeps its name. Attributes have no value."""

    replaced_by: frozenset[str] = frozenset()
    name_property = None

    def create(self, site: Site, properties: Properties) -> Resource:
        """Takes note of it."""
        if site.type not in _SILENT:
            _log.warning("%s of stack %s: nothing emulates %s; it is recorded only.", site.logical_id, site.stack,
                         site.type)  # fmt: skip
        return site.resource(site.name(128), properties)

    def update(self, site: Site, old: Resource, properties: Properties) -> Resource:
        """Takes note of the change."""
        return site.resource(old.physical_resource_id, properties)

    def delete(self, site: Site, resource: Resource) -> None:
        """There is nothing to delete."""


_SILENT = frozenset({
    "AWS::CDK::Metadata", "AWS::CloudFormation::WaitConditionHandle", "AWS::IAM::ServiceLinkedRole",
    "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy",
})  # fmt: skip
"""Types that are nothing on AWS, either, or only say who may do what; here nobody is kept out."""
