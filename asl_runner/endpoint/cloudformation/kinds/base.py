"""What a stack holds of a resource, and what every kind can do."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.cloudformation.utils import random_suffix
from msgspec import Struct, field

Properties = Mapping[str, Any]

STACK_TAG = "aws:cloudformation:stack-name"
LOGICAL_TAG = "aws:cloudformation:logical-id"


class Refused(Exception):
    """A resource cannot be made, changed or deleted as asked; `str()` is the reason a stack's events give."""


class Resource(Struct, frozen=True, kw_only=True):
    """One resource as its stack knows it. The names of the first three are those moto looks for."""

    logical_resource_id: str
    cf_resource_type: str
    physical_resource_id: str
    """What `Ref` gives."""
    properties: Properties
    """With every reference resolved, as it was last made or changed."""
    attributes: Mapping[str, Any] = {}
    """What `Fn::GetAtt` gives."""
    found: bool = False
    """Whether the stack took over what an earlier server's stack of its name had left."""
    emulated: Any = None
    """moto's object, where moto has one."""

    def get_cfn_attribute(self, name: str) -> Any:
        """An attribute; moto calls this."""
        if name in self.attributes:
            return self.attributes[name]
        if self.emulated is None:
            raise UnformattedGetAttTemplateException
        return self.emulated.get_cfn_attribute(name)


class Site(Struct, frozen=True, kw_only=True):
    """Where a resource is made: its place in a stack, and who makes it."""

    stack: str
    stack_id: str
    logical_id: str
    type: str
    region: str
    account: str
    home: str
    """The workspace's region, where its own resources are whatever region a stack is in."""
    client: Callable[[str], Any]
    """boto3's client of a service, on this endpoint."""
    stacks: Any
    """The `Stacks` it belongs to."""
    stack_tags: Mapping[str, str] = field(default_factory=dict)
    again: bool = False
    """Whether it is to stand beside one that it replaces."""

    def name(self, longest: int) -> str:
        """A name as CloudFormation makes it; the same again for the same stack, unless for a replacement."""
        suffix = random_suffix() if self.again else _suffix(f"{self.stack}/{self.logical_id}")
        return f"{f'{self.stack}-{self.logical_id}'[: longest - len(suffix) - 1]}-{suffix}"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of one of the workspace's own resources."""
        return f"arn:aws:{service}:{self.home}:{self.account}:{resource}"

    def tags(self, properties: Properties) -> dict[str, str]:
        """The resource's own tags, the stack's, and those CloudFormation adds."""
        added = {STACK_TAG: self.stack, LOGICAL_TAG: self.logical_id, "aws:cloudformation:stack-id": self.stack_id}
        return {**self.own_tags(properties), **added}

    def own_tags(self, properties: Properties) -> dict[str, str]:
        """The resource's own tags and the stack's."""
        own = {str(tag["Key"]): str(tag["Value"]) for tag in properties.get("Tags") or []}
        return {**self.stack_tags, **own}

    def is_ours(self, tags: Mapping[str, str]) -> bool:
        """Whether something was made for this resource of a stack of this name."""
        return tags.get(STACK_TAG) == self.stack and tags.get(LOGICAL_TAG) == self.logical_id

    def resource(self, physical_id: str, properties: Properties, **members: Any) -> Resource:
        """What the stack is to hold."""
        return Resource(
            logical_resource_id=self.logical_id,
            cf_resource_type=self.type,
            physical_resource_id=physical_id,
            properties=properties,
            **members,
        )


class Kind(Protocol):
    """One type of resource. All three raise `Refused`, or botocore's `ClientError` when an API refuses."""

    @property
    def replaced_by(self) -> frozenset[str]:
        """Properties that cannot be changed: another value makes another resource.

        Source: "Update requires: Replacement" in the CloudFormation Template Reference.
        """

    @property
    def name_property(self) -> str | None:
        """The property that names it; a replacement under the same name is refused."""

    def create(self, site: Site, properties: Properties) -> Resource:
        """Makes it."""

    def update(self, site: Site, old: Resource, properties: Properties) -> Resource:
        """Changes it in place; another physical id says that the old one is to be deleted."""

    def delete(self, site: Site, resource: Resource) -> None:
        """Deletes it; one that is gone already is deleted."""


def _suffix(text: str) -> str:
    letters = string.ascii_uppercase + string.digits
    return "".join(letters[byte % len(letters)] for byte in hashlib.sha256(text.encode()).digest()[:12])
