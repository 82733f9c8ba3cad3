"""Templates: JSON or YAML with CloudFormation's short tags, to plain data in one form.

Source: CloudFormation User Guide, "Template anatomy" and "Intrinsic function reference".
"""

from __future__ import annotations

import copy
import json
from typing import Any

import yaml
from moto.cloudformation.exceptions import ValidationError

Template = dict[str, Any]


def read_template(text: str) -> Template:
    """The template's data: `Fn::GetAtt` always `[resource, attribute]`. Raises moto's `ValidationError`."""
    try:
        data = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, Loader=_Loader)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise ValidationError(message=f"Template format error: {_reason(error)}") from error
    if not isinstance(data, dict):
        raise ValidationError(message="Template format error: unsupported structure.")
    resources = data.get("Resources")
    if not isinstance(resources, dict) or not resources:
        raise ValidationError(message="Template format error: At least one Resources member must be defined.")
    for name, resource in resources.items():
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            raise ValidationError(message=f"Template format error: [/Resources/{name}] Every Resources object must "
                                  "contain a Type member.")  # fmt: skip
    uniform: Template = _uniform(data)
    return uniform


def parameters_of(template: Template, given: dict[str, Any]) -> dict[str, str]:
    """Every parameter's value as text: the given one or its default. Raises moto's `ValidationError`."""
    declared = template.get("Parameters") or {}
    if unknown := sorted(given.keys() - declared.keys()):
        raise ValidationError(message=f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    values = {name: _text(parameter["Default"]) for name, parameter in declared.items() if "Default" in parameter}
    values |= {name: _text(value) for name, value in given.items()}
    if missing := sorted(declared.keys() - values.keys()):
        raise ValidationError(message=f"Parameters: [{', '.join(missing)}] must have values")
    for name, value in values.items():
        allowed = declared[name].get("AllowedValues")
        if allowed is not None and value not in [_text(each) for each in allowed]:
            shown = ", ".join(_text(each) for each in allowed)
            raise ValidationError(message=f"Parameter '{name}' must be one of AllowedValues: [{shown}]")
    return values


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"JSON not well-formed. (line {error.lineno}, column {error.colno})"
    mark = getattr(error, "problem_mark", None)
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return f"YAML not well-formed.{where}" if isinstance(error, yaml.YAMLError) else "it is nested too deeply."


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
    """Plain data and the short tags; a date stays the text it is. Aliases are none of CloudFormation's YAML."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise ValidationError(message="Template error: YAML aliases are not allowed in CloudFormation templates")
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
