"""What the resources of a CloudFormation template refer to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

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


def dependencies(resource: Mapping[str, Any]) -> set[str]:
    """The names of all that a resource uses or names as what it depends on."""
    named = resource.get("DependsOn") or []
    return {*references(resource.get("Properties")), *([named] if isinstance(named, str) else named)}
