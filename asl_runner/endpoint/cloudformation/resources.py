"""A stack's names and their values: parameters, conditions and the resources made so far, for moto to resolve with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.parsing import ResourceMap, clean_json

from asl_runner.endpoint.cloudformation.kinds.base import Refused, Resource
from asl_runner.endpoint.cloudformation.ordering import in_order
from asl_runner.endpoint.cloudformation.template import Template, parameters_of


class Names(ResourceMap):  # type: ignore[misc]
    """moto's map for one template of one stack. It makes nothing: resources are put into it.

    Raises moto's `ValidationError` when the template, or the parameters for it, are not valid.
    """

    def __init__(self, template: Template, parameters: Mapping[str, Any], **place: Any) -> None:
        self.order = in_order(template) if template else []
        """The resources, each after those it needs."""
        given = parameters_of(template, dict(parameters)) if template else {}
        super().__init__(template=template, parameters=given, **place)
        conditional = [*(template.get("Resources") or {}).values(), *(template.get("Outputs") or {}).values()]
        named = {str(each["Condition"]) for each in conditional if "Condition" in each}
        if unknown := sorted(named - (template.get("Conditions") or {}).keys()):
            message = f"Template format error: Unresolved condition dependency {', '.join(unknown)}"
            raise ValidationError(message=message)
        try:
            self.load()
        except (KeyError, IndexError, TypeError, AttributeError, ValueError, RecursionError) as error:
            message = f"Template error: parameters, mappings or conditions cannot be evaluated ({error!r})."
            raise ValidationError(message=message) from error

    def __getitem__(self, name: str) -> Any:
        if name in self._parsed_resources:
            return self._parsed_resources[name]
        if name in self._resource_json_map:
            return None  # Its condition says no.
        raise KeyError(name)

    def put(self, resource: Resource) -> None:
        """Takes in a resource that is made."""
        self._parsed_resources[resource.logical_resource_id] = resource

    def definition(self, name: str) -> dict[str, Any]:
        """A resource as the template has it."""
        found: dict[str, Any] = self._resource_json_map[name]
        return found

    def policy(self, name: str, kind: str) -> Any:
        """A resource's `DeletionPolicy` or `UpdateReplacePolicy`; None for one the template does not have."""
        return self._resource_json_map.get(name, {}).get(kind)

    def wants(self, name: str) -> bool:
        """Whether the template has a resource, and its condition says yes."""
        if name not in self._resource_json_map:
            return False
        condition = self.definition(name).get("Condition")
        return condition is None or bool(self.lazy_condition_map[condition])

    def resolve(self, value: Any) -> Any:
        """A part of the template with every function's value. Raises `Refused`, and moto's `ValidationError`."""
        try:
            return _without_none(clean_json(value, self))
        except (KeyError, IndexError, TypeError, AttributeError, ValueError, RecursionError) as error:
            raise Refused(f"Template error: a function cannot be evaluated ({error!r}).") from error

    def outputs(self) -> list[dict[str, Any]]:
        """The outputs whose conditions say yes, as DescribeStacks has them. Raises as `resolve`."""
        found = []
        for name, output in (self._template.get("Outputs") or {}).items():
            if "Condition" in output and not self.lazy_condition_map[output["Condition"]]:
                continue
            value = self.resolve(output.get("Value"))
            export = self.resolve(output.get("Export"))
            found.append(
                {
                    "OutputKey": name,
                    "OutputValue": "" if value is None else str(value),
                    "Description": output.get("Description"),
                    "ExportName": export.get("Name") if isinstance(export, dict) else None,
                }
            )
        return found

    def validate_outputs(self) -> None:
        """Outputs are resolved when the resources are there; see `outputs`."""

    def parse_ssm_parameter(self, value: str, value_type: str) -> Any:
        try:
            return super().parse_ssm_parameter(value, value_type)
        except AttributeError:
            raise ValidationError(
                message=f"Unable to fetch parameters [{value}] from parameter store for this account."
            ) from None


def _without_none(value: Any) -> Any:
    """`AWS::NoValue` takes away what it stands for, in lists, too."""
    if isinstance(value, list):
        return [_without_none(item) for item in value if item is not None]
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return value
