"""The order of a template's resources that follows from what they refer to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.cloudformation.exceptions import ValidationError

from asl_runner.definition.templates.references import dependencies, references
from asl_runner.endpoint.cloudformation.template import Template


def in_order(template: Template) -> list[str]:
    """The resources, each after those it needs. Raises moto's `ValidationError` for a circle or an unknown name."""
    resources: Mapping[str, Any] = template["Resources"]
    known = resources.keys() | (template.get("Parameters") or {}).keys()
    needs: dict[str, list[str]] = {}
    for name, resource in resources.items():
        used = {each for each in references(resource.get("Properties")) if not each.startswith("AWS::")}
        if unknown := sorted(used - known):
            raise ValidationError(message="Template format error: Unresolved resource dependencies "
                                  f"[{', '.join(unknown)}] in the Resources block of the template")  # fmt: skip
        needs[name] = sorted(dependencies(resource) & resources.keys())
    order: list[str] = []
    for name in resources:
        _visit(name, needs, order, [])
    return order


def _visit(name: str, needs: Mapping[str, list[str]], order: list[str], trail: list[str]) -> None:
    if name in trail:
        circle = ", ".join(trail[trail.index(name) :])
        raise ValidationError(message=f"Circular dependency between resources: [{circle}]")
    if name in order:
        return
    for needed in needs[name]:
        _visit(needed, needs, order, [*trail, name])
    order.append(name)
