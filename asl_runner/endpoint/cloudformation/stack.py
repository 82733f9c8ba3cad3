"""A stack and a change set: moto's, with resources made by this room and what happened to each of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from moto.cloudformation import models
from moto.cloudformation.exceptions import ValidationError
from moto.core.utils import utcnow

from asl_runner.definition.templates.references import references
from asl_runner.endpoint.cloudformation.kinds.base import Resource, Site
from asl_runner.endpoint.cloudformation.resources import Names
from asl_runner.endpoint.cloudformation.serverless import transformed
from asl_runner.endpoint.cloudformation.template import Template, parameters_of, read_template


class Stack(models.Stack):  # type: ignore[misc]
    """One stack. Its name is moto's: by it moto finds the members of answers."""

    def __init__(self, *, template: str | Template, parameters: dict[str, str], region_name: str, **members: Any):
        self.held: dict[str, Resource] = {}
        """The resources it has, in the order they were made."""
        self.statuses: dict[str, dict[str, Any]] = {}
        """What was last said of each resource, as DescribeStackResources has it."""
        self.stack_status_reason: str | None = None
        self.last_updated_time: datetime | None = None
        self.deletion_time: datetime | None = None
        self.parameters, self.region_name = parameters, region_name
        super().__init__(template=template, parameters=parameters, region_name=region_name, **members)
        self._outputs: list[dict[str, Any]] = []

    def read(self, text: str, parameters: dict[str, str]) -> Template:
        """A template for this stack, without its transforms. Raises moto's `ValidationError`."""
        return transformed(read_template(text), parameters, self.region_name)

    def names_for(self, template: Template, parameters: dict[str, str]) -> Names:
        """The names of another template of this stack. Raises moto's `ValidationError`."""
        return Names(
            template,
            parameters,
            stack_id=self.stack_id,
            stack_name=self.name,
            tags=self.tags,
            account_id=self.account_id,
            region_name=self.region_name,
            cross_stack_resources=self.cross_stack_resources,
        )

    def become(self, text: str, names: Names, parameters: dict[str, str], outputs: list[dict[str, Any]]) -> None:
        """Takes on a template whose resources are made."""
        self.template, self.template_dict, self.resource_map = text, names._template, names
        self.parameters, self._outputs = parameters, outputs
        self.description = self.template_dict.get("Description")

    def note(self, site: Site, physical_id: str | None, status: str, reason: str | None = None) -> None:
        """Says in the stack's events what happens to a resource."""
        said = {
            "StackId": self.stack_id,
            "StackName": self.name,
            "LogicalResourceId": site.logical_id,
            "PhysicalResourceId": physical_id,
            "ResourceType": site.type,
            "ResourceStatus": status,
            "ResourceStatusReason": reason,
            "Timestamp": utcnow(),
        }
        if status in ("DELETE_COMPLETE", "DELETE_SKIPPED"):
            self.statuses.pop(site.logical_id, None)
        else:
            self.statuses[site.logical_id] = said
        self.events.append(models.Event(
            stack_id=self.stack_id, stack_name=self.name, logical_resource_id=site.logical_id,
            physical_resource_id=physical_id or "", resource_type=site.type, resource_status=status,
            resource_status_reason=reason, resource_properties=None,
        ))  # fmt: skip

    def turn(self, status: str, reason: str | None = None) -> None:
        """Changes the stack's own status."""
        self.status, self.stack_status_reason = status, reason
        self._add_stack_event(status, resource_status_reason=reason)

    def is_as(self, text: str, parameters: dict[str, str], tags: dict[str, str] | None) -> bool:
        """Whether the stack has this template, these parameters and tags; no tags are any."""
        template = read_template(text)
        same = read_template(self.template) == template and parameters_of(template, parameters) == self.stack_parameters
        return same and (not tags or tags == self.tags)

    def given(self, parameters: list[dict[str, Any]]) -> dict[str, str]:
        """The values a request gives its parameters, also the previous ones. Raises moto's `ValidationError`."""
        found = {}
        for parameter in parameters:
            name, known = parameter["ParameterKey"], self.stack_parameters
            if not parameter.get("UsePreviousValue"):
                found[name] = parameter.get("ParameterValue", "")
            elif name in known:
                found[name] = known[name]
            else:
                raise ValidationError(message=f"Invalid input for parameter key {name}. There is no previous value.")
        return found

    @property
    def outputs(self) -> list[dict[str, Any]] | None:
        """As DescribeStacks has them."""
        return self._outputs or None

    @property
    def exports(self) -> list[models.Export]:
        """What other stacks may import."""
        found = [output for output in self._outputs if output["ExportName"]]
        return [models.Export(self.stack_id, output["ExportName"], output["OutputValue"]) for output in found]

    @property
    def stack_resources(self) -> list[Resource]:
        """The resources it has."""
        return list(self.held.values())

    @property
    def parameter_list(self) -> list[dict[str, Any]]:
        """As DescribeStacks has them."""
        hidden = getattr(self.resource_map, "no_echo_parameter_keys", ())
        return [
            {"ParameterKey": name, "ParameterValue": "****" if name in hidden else value}
            for name, value in self.resource_map.input_parameters.items()
        ]

    @property
    def stack_parameters(self) -> dict[str, Any]:
        """Every parameter's value, for `UsePreviousValue`."""
        given: dict[str, Any] = self.resource_map.input_parameters
        return given

    def _parse_template(self) -> None:
        self.template_dict = self.read(self.template, self.parameters)

    def _create_resource_map(self) -> Names:
        return self.names_for(self.template_dict, self.parameters)


class ChangeSet(models.ChangeSet):  # type: ignore[misc]
    """One change set. What it changes is what the template says otherwise, or of another parameter."""

    def _parse_template(self) -> None:
        self.template_dict = self.stack.read(self.template, self.parameters)

    def diff(self) -> list[models.Change]:
        stack: Stack = self.stack
        names = stack.names_for(self.template_dict, self.parameters)
        before, after = stack.template_dict.get("Resources", {}), self.template_dict["Resources"]
        old, new = stack.stack_parameters, names.input_parameters
        parameters = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
        return changes(before, after, parameters, names)


def changes(before: Template, after: Template, parameters: set[str], names: Names) -> list[models.Change]:
    """The resources that are added, changed and removed between two templates' `Resources`."""
    found = []
    for name, resource in after.items():
        if not names.wants(name):
            continue
        if name not in before:
            found.append(models.Change("Add", name, resource["Type"]))
        elif before[name] != resource or parameters & set(references(resource.get("Properties"))):
            found.append(models.Change("Modify", name, resource["Type"]))
    removed = [name for name in before if not names.wants(name)]
    return found + [models.Change("Remove", name, before[name]["Type"]) for name in removed]
