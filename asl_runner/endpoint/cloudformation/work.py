"""One change of a stack: its resources are made and changed in order, and what was done can be undone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.core.exceptions import ServiceException
from msgspec.structs import replace

from asl_runner.endpoint.cloudformation.kinds.base import Properties, Refused, Resource, Site
from asl_runner.endpoint.cloudformation.kinds.table import TAGGED, kind_of
from asl_runner.endpoint.cloudformation.resources import Names

if TYPE_CHECKING:
    from asl_runner.endpoint.cloudformation.stack import Stack

_log = logging.getLogger(__name__)

KEPT = frozenset({"Retain", "RetainExceptOnCreate"})
"""Policies by which a stack lets go of a resource without deleting it."""


class Failed(Exception):
    """A resource, or an output, could not be made as asked; `str()` is what the stack's status says of it."""


class Change:
    """Makes a stack's resources what `names`' template asks for; with `retag` its own get the stack's tags."""

    def __init__(self, stack: Stack, names: Names, site: Callable[..., Site], *, retag: bool = False) -> None:
        self._stack = stack
        self._names = names
        self._site = site
        self._retag = retag
        self._before = dict(stack.held)
        self._old_names = stack.resource_map
        self._undo: list[Callable[[], None]] = []
        self._superseded: list[Resource] = []
        self.outputs: list[dict[str, Any]] = []

    def apply(self) -> None:
        """Creates and changes what the template asks for. Raises `Failed`, after the stack's events say why."""
        for name in self._names.order:
            if self._names.wants(name):
                self._settle(name)
        try:
            self.outputs = self._names.outputs()
        except Exception as error:
            raise Failed(reason_of(error)) from error

    def clean_up(self) -> bool:
        """Deletes what the change has made needless; whether all of it is gone."""
        gone = [each for name, each in self._before.items() if not self._names.wants(name)]
        kept = {each.physical_resource_id for each in self._stack.held.values() if each not in gone}
        for each in gone:
            del self._stack.held[each.logical_resource_id]
        removed = [(each, self._old_names.policy(each.logical_resource_id, "DeletionPolicy")) for each in gone]
        replaced = [
            (each, self._names.policy(each.logical_resource_id, "UpdateReplacePolicy")) for each in self._superseded
        ]
        done = True
        for each, policy in reversed([*removed, *replaced]):
            if each.physical_resource_id not in kept:
                done = release(self._stack, each, self._site, keep=policy in KEPT) and done
        return done

    def undo(self) -> bool:
        """Undoes what `apply` has done, last first; whether all of it could be undone."""
        done = True
        while self._undo:
            try:
                self._undo.pop()()
            except Exception as error:  # noqa: BLE001 - the rest is undone all the same
                _log.warning("A change of stack %s cannot be undone: %s", self._stack.name, reason_of(error))
                done = False
        return done

    def _settle(self, name: str) -> None:
        definition = self._names.definition(name)
        held = self._stack.held.get(name)
        verb = "CREATE" if held is None else "UPDATE"
        site = self._site(name, definition["Type"])
        try:
            properties = self._names.resolve(definition.get("Properties") or {})
            if held is None:
                made = self._create(site, properties)
            elif held.properties == properties and not (self._retag and site.type in TAGGED):
                made = held
            else:
                made = self._update(site, held, properties)
        except Exception as error:
            self._stack.note(site, held.physical_resource_id if held else None, f"{verb}_FAILED", reason_of(error))
            doing = "create" if held is None else "update"
            raise Failed(f"The following resource(s) failed to {doing}: [{name}]. ") from error
        self._stack.held[name] = made
        self._names.put(made)

    def _create(self, site: Site, properties: Properties) -> Resource:
        self._stack.note(site, None, "CREATE_IN_PROGRESS")
        made = kind_of(site.type).create(site, properties)
        self._undo.append(lambda: self._forget(made))
        self._stack.note(site, made.physical_resource_id, "CREATE_COMPLETE")
        return made

    def _update(self, site: Site, held: Resource, properties: Properties) -> Resource:
        if held.cf_resource_type != site.type:
            raise Refused("Update of resource type is not permitted. The new template modifies resource type of the "
                          f"following resources: [{site.logical_id}]")  # fmt: skip
        kind = kind_of(site.type)
        differing = {
            name for name in properties.keys() | held.properties.keys()
            if properties.get(name) != held.properties.get(name)
        }  # fmt: skip
        self._stack.note(site, held.physical_resource_id, "UPDATE_IN_PROGRESS")
        if differing & kind.replaced_by:
            named = kind.name_property
            if named and properties.get(named) and properties.get(named) == held.properties.get(named):
                raise Refused(
                    "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename "
                    f"{properties[named]} and update the stack again."
                )
            made = kind.create(replace(site, again=True), properties)
        else:
            made = kind.update(site, held, properties)
        if made.physical_resource_id != held.physical_resource_id and held.emulated is None:
            self._superseded.append(held)
            self._undo.append(lambda: self._restore(held, made))
        else:
            self._undo.append(lambda: self._revert(site, held, made))
        self._stack.note(site, made.physical_resource_id, "UPDATE_COMPLETE")
        return made

    def _forget(self, made: Resource) -> None:
        self._stack.held.pop(made.logical_resource_id, None)
        self._discard(made)

    def _restore(self, held: Resource, made: Resource) -> None:
        self._stack.held[held.logical_resource_id] = held
        self._discard(made)

    def _discard(self, made: Resource) -> None:
        """Deletes what the change has made, unless it was there before, or is another resource's, too."""
        shared = made.physical_resource_id in {each.physical_resource_id for each in self._stack.held.values()}
        if not made.found and not shared and not delete(self._stack, made, self._site):
            raise Refused(f"{made.logical_resource_id} could not be deleted.")

    def _revert(self, site: Site, held: Resource, made: Resource) -> None:
        self._stack.note(site, made.physical_resource_id, "UPDATE_IN_PROGRESS")
        self._stack.held[held.logical_resource_id] = kind_of(site.type).update(site, made, held.properties)
        self._stack.note(site, held.physical_resource_id, "UPDATE_COMPLETE")


def release(stack: Stack, resource: Resource, site_of: Callable[..., Site], *, keep: bool) -> bool:
    """Deletes one resource, or lets go of one that is to be kept; whether the stack is rid of it."""
    if not keep:
        return delete(stack, resource, site_of)
    site = site_of(resource.logical_resource_id, resource.cf_resource_type)
    stack.note(site, resource.physical_resource_id, "DELETE_SKIPPED")
    return True


def delete(stack: Stack, resource: Resource, site_of: Callable[..., Site]) -> bool:
    """Deletes one resource; whether it is gone."""
    site = site_of(resource.logical_resource_id, resource.cf_resource_type)
    stack.note(site, resource.physical_resource_id, "DELETE_IN_PROGRESS")
    try:
        kind_of(site.type).delete(site, resource)
    except Exception as error:  # noqa: BLE001 - what cannot be deleted must not keep the rest
        stack.note(site, resource.physical_resource_id, "DELETE_FAILED", reason_of(error))
        return False
    stack.note(site, resource.physical_resource_id, "DELETE_COMPLETE")
    return True


def reason_of(error: Exception) -> str:
    """What a stack's events say of an error. Source: the texts of CloudFormation's resource handlers."""
    if isinstance(error, ClientError):
        told = error.response["Error"]
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        return f'Resource handler returned message: "{told["Message"]} (Status Code: {status})" ({told["Code"]})'
    if isinstance(error, Refused | BotoCoreError):
        return str(error)
    if isinstance(error, ServiceException):
        return str(getattr(error, "message", "") or error)
    _log.warning("A resource of a stack failed", exc_info=error)
    return f"{type(error).__name__}: {error}"
