"""Templates: JSON or YAML with CloudFormation's short tags, to plain data in one form.

Source: CloudFormation User Guide, "Template anatomy" and "Intrinsic function reference".
"""

from __future__ import annotations

import json
from typing import Any

import yaml
from moto.cloudformation.exceptions import ValidationError

from asl_runner.definition.templates.tagged import AliasInTemplate, read_tagged

Template = dict[str, Any]


def read_template(text: str) -> Template:
    """The template's data: `Fn::GetAtt` always `[resource, attribute]`. Raises moto's `ValidationError`."""
    try:
        data = read_tagged(text, aliases=False)
    except AliasInTemplate as error:
        message = "Template error: YAML aliases are not allowed in CloudFormation templates"
        raise ValidationError(message=message) from error
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
        _check_object(resource.get("Properties") or {}, f"/Resources/{name}/Properties")
    for section in ("Parameters", "Mappings", "Conditions", "Outputs"):
        _check_object(data.get(section) or {}, f"/{section}")
        for name, each in (data.get(section) or {}).items():
            _check_object(each, f"/{section}/{name}")
    template: Template = data
    return template


def _check_object(value: Any, path: str) -> None:
    if not isinstance(value, dict):
        raise ValidationError(message=f"Template format error: [{path}] Expected an object.")


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
