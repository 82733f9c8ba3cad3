"""AWS::CloudFormation::Stack: a stack of a stack."""

from __future__ import annotations

from typing import Any

from moto.cloudformation.exceptions import ValidationError

from asl_runner.endpoint.cloudformation.kinds.base import Properties, Refused, Resource, Site


class NestedStack:
    """AWS::CloudFormation::Stack."""

    replaced_by: frozenset[str] = frozenset()
    name_property = None

    def create(self, site: Site, properties: Properties) -> Resource:
        """CreateStack of the template in the workspace's S3."""
        stack = site.stacks.create_stack(
            site.name(128), _template(site, properties), _parameters(properties), tags=site.own_tags(properties)
        )
        if stack.status != "CREATE_COMPLETE":
            site.stacks.delete_stack(stack.stack_id)
            raise Refused(f"Embedded stack {stack.stack_id} was not successfully created: {stack.stack_status_reason}")
        return self._held(site, stack, properties)

    def update(self, site: Site, old: Resource, properties: Properties) -> Resource:
        """UpdateStack."""
        stack = site.stacks.get_stack(old.physical_resource_id)
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in _parameters(properties).items()]
        template = _template(site, properties)
        site.stacks.update_stack(stack.stack_id, template, None, given, site.own_tags(properties))
        if stack.status != "UPDATE_COMPLETE":
            raise Refused(f"Embedded stack {stack.stack_id} was not successfully updated: {stack.stack_status_reason}")
        return self._held(site, stack, properties)

    def delete(self, site: Site, resource: Resource) -> None:
        """DeleteStack."""
        try:
            stack = site.stacks.get_stack(resource.physical_resource_id)
        except ValidationError:
            return
        site.stacks.delete_stack(stack.stack_id)
        if stack.status != "DELETE_COMPLETE":
            raise Refused(f"Embedded stack {stack.stack_id} was not successfully deleted: {stack.stack_status_reason}")

    def _held(self, site: Site, stack: Any, properties: Properties) -> Resource:
        outputs = {f"Outputs.{output['OutputKey']}": output["OutputValue"] for output in stack.outputs or []}
        return site.resource(stack.stack_id, properties, attributes=outputs)


def _template(site: Site, properties: Properties) -> str:
    text: str = site.stacks.template_at(str(properties.get("TemplateURL", "")))
    return text


def _parameters(properties: Properties) -> dict[str, str]:
    given = properties.get("Parameters") or {}
    return {key: ",".join(map(str, value)) if isinstance(value, list) else str(value) for key, value in given.items()}
