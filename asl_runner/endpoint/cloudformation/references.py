"""What the resources of a template refer to, and the order that follows from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from moto.cloudformation.exceptions import ValidationError

from asl_runner.endpoint.cloudformation.template import Template

_NAMED = re.compile(r"\$\{(?!!)\s*([A-Za-z0-9:]+)(?:\.[A-Za-z0-9.:_-]+)?\s*\}")


def references(value: Any) -> Iterator[str]:
    """The names of resources and parameters that a part of a template uses."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref" and isinstance(item, str):
                yield item
            elif key == "Fn::GetAtt" and isinstance(item, list) and item:
                yield str(item[0])
            elif key == "Fn::Sub":
                yield from _substituted(item)
            else:
                yield from references(item)


def _substituted(value: Any) -> Iterator[str]:
    text, own = (value[0], value[1]) if isinstance(value, list) and len(value) == 2 else (value, {})
    if isinstance(text, str):
        yield from (name for name in _NAMED.findall(text) if name not in own)
    yield from references(own)


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
        needs[name] = sorted((used | set(_depends(resource))) & resources.keys())
    order: list[str] = []
    for name in resources:
        _visit(name, needs, order, [])
    return order


def _depends(resource: Mapping[str, Any]) -> list[str]:
    named = resource.get("DependsOn") or []
    return [named] if isinstance(named, str) else list(named)


def _visit(name: str, needs: Mapping[str, list[str]], order: list[str], trail: list[str]) -> None:
    if name in trail:
        circle = ", ".join(trail[trail.index(name) :])
        raise ValidationError(message=f"Circular dependency between resources: [{circle}]")
    if name in order:
        return
    for needed in needs[name]:
        _visit(needed, needs, order, [*trail, name])
    order.append(name)
