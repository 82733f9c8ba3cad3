"""YAML with CloudFormation's short tags (`!Ref x`, `!Sub "..."`) as plain data in one form: `{"Ref": "x"}`.

Source: CloudFormation User Guide, "Intrinsic function reference".
"""

from __future__ import annotations

import copy
import json
from typing import Any

import yaml


class AliasInTemplate(yaml.YAMLError):
    """Aliases are none of CloudFormation's YAML."""


def read_tagged(text: str, *, aliases: bool = True) -> Any:
    """The data of a JSON or YAML text; dates stay texts, `Fn::GetAtt` is always `[resource, attribute]`.

    Without `aliases` those are refused. Raises `ValueError` and `yaml.YAMLError`.
    """
    if text.lstrip().startswith("{"):
        return _uniform(json.loads(text))
    return _uniform(yaml.load(text, Loader=_Loader if aliases else _StrictLoader))


def _uniform(value: Any) -> Any:
    """Also what YAML's own forms allow: `Fn::GetAtt: "Name.Attribute"`, and attributes with dots in them."""
    if isinstance(value, list):
        return [_uniform(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {str(key): _uniform(item) for key, item in value.items()}
    if len(found) == 1 and "Fn::GetAtt" in found:
        named = found["Fn::GetAtt"]
        if isinstance(named, str):
            return {"Fn::GetAtt": named.split(".", 1)}
        if isinstance(named, list) and len(named) > 2 and all(isinstance(part, str) for part in named):
            return {"Fn::GetAtt": [named[0], ".".join(named[1:])]}
    return found


class _Loader(yaml.SafeLoader):
    """Plain data and the short tags; a date stays the text it is."""


class _StrictLoader(_Loader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise AliasInTemplate
        return super().compose_node(parent, index)


def _short(loader: _Loader, suffix: str, node: Any) -> Any:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in copy.copy(yaml.SafeLoader.yaml_implicit_resolvers).items()
}
_Loader.add_multi_constructor("!", _short)
