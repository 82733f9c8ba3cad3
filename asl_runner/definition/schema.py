"""The JSON Schema of the language, made from the table of fields: `docs/asl.schema.json`, for editors.

It says what a schema can say well: fields, types, ranges, exclusions. Targets, expressions and the query language of
a state are left to `asl-runner validate`. Written in draft 7, which editors support best.

    python -m asl_runner.definition.schema > docs/asl.schema.json
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any, TypeAlias

from asl_runner.definition import fields as f
from asl_runner.definition.checks.names import LONGEST_STATE_NAME
from asl_runner.definition.fields import Field, Kind, Shape
from asl_runner.definition.shapes import COMPARISONS, MACHINE, SHAPES, STATE_TYPES, STATES

Schema: TypeAlias = dict[str, Any]

_PLACEHOLDER: Schema = {"type": "string", "pattern": r"\$\{"}
_EXPRESSION: Schema = {"type": "string", "pattern": r"^\{%[\s\S]+%\}$"}
_PATH: Schema = {"type": "string", "pattern": r"^\$"}


def build_schema() -> Schema:
    """The schema of a whole definition."""
    definitions = {name: _object(shape) for name, shape in SHAPES.items() if shape is not MACHINE}
    definitions["State"] = {
        "type": "object",
        "required": ["Type"],
        "properties": {"Type": {"enum": list(STATE_TYPES)}},
        "allOf": [
            {
                "if": {"properties": {"Type": {"const": kind}}, "required": ["Type"]},
                "then": {"$ref": f"#/definitions/{kind}"},
            }
            for kind in STATE_TYPES
        ],
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Amazon States Language",
        "description": "A state machine definition, JSONPath or JSONata. Generated: do not edit.",
        **_object(MACHINE),
        "definitions": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """The text of `docs/asl.schema.json`."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(build_schema()), indent=2).decode() + "\n"


def _object(shape: Shape) -> Schema:
    properties = {field.name: _field(field) for field in shape.fields}
    if shape.name in STATES:
        properties = {"Type": {"const": shape.name}, **properties}
    schema: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    if required := [field.name for field in shape.fields if field.required]:
        schema["required"] = required
    if rules := _rules(shape):
        schema["allOf"] = rules
    return schema


def _rules(shape: Shape) -> list[Schema]:
    """The exclusive groups. `Next` may stand beside `End: false`, so that pair is left out."""
    known = {field.name for field in shape.fields}
    rules: list[Schema] = []
    for group in (*shape.at_most_one, *shape.exactly_one):
        pairs = [pair for pair in combinations(group, 2) if set(pair) <= known and pair != ("Next", "End")]
        rules += [{"not": {"required": list(pair)}} for pair in pairs]
    for group in shape.exactly_one:
        rules.append({"anyOf": [{"required": [name]} for name in group if name in known]})
    if {"Variable", "And"} <= known:
        operators = {"anyOf": [{"required": [field.name]} for field in COMPARISONS]}
        rules.append({"if": {"required": ["Variable"]}, "then": operators})
    return rules


def _field(field: Field) -> Schema:
    schema = _KINDS[type(field.kind)](field.kind)
    choices: list[Schema] = [schema]
    if field.expression and schema.get("type") != "string":
        choices.append(_EXPRESSION)
    if schema.get("type") in ("integer", "number", "boolean", "array", "object") or "enum" in schema:
        choices.append(_PLACEHOLDER)
    if len(choices) > 1:
        schema = {"anyOf": choices}
    elif "$ref" in schema:
        # Draft 7 ignores what stands beside a $ref.
        schema = {"allOf": [schema]}
    return {**schema, "description": field.about} if field.about else schema


def _range(kind: Any, type_name: str) -> Schema:
    schema: Schema = {"type": type_name}
    if kind.minimum is not None:
        schema["minimum"] = kind.minimum
    if kind.maximum is not None:
        schema["maximum"] = kind.maximum
    return schema


def _list(kind: Any) -> Schema:
    schema: Schema = {"type": "array", "items": _KINDS[type(kind.element)](kind.element)}
    return {**schema, "minItems": 1} if kind.nonempty else schema


def _states(kind: Any) -> Schema:
    return {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"minLength": 1, "maxLength": LONGEST_STATE_NAME},
        "additionalProperties": {"$ref": "#/definitions/State"},
    }


_KINDS: dict[type[Kind], Callable[[Any], Schema]] = {
    f.Anything: lambda kind: {},
    f.String: lambda kind: {"type": "string"},
    f.Boolean: lambda kind: {"type": "boolean"},
    f.Integer: lambda kind: _range(kind, "integer"),
    f.Number: lambda kind: _range(kind, "number"),
    f.Choice: lambda kind: {"enum": list(kind.values)},
    f.Timestamp: lambda kind: {"type": "string"},
    f.ResourceArn: lambda kind: {"type": "string", "pattern": r"^arn:|\$\{"},
    f.ReaderArn: lambda kind: {"type": "string", "pattern": r"^arn:|\$\{"},
    f.JsonPath: lambda kind: {"anyOf": [_PATH, {"type": "null"}]} if kind.nullable else _PATH,
    f.ReferencePath: lambda kind: _PATH,
    f.ResultPath: lambda kind: {"anyOf": [_PATH, {"type": "null"}]},
    f.PathOrIntrinsic: lambda kind: {"type": "string", "pattern": r"^(\$|States\.)"},
    f.Template: lambda kind: {"type": "object"} if kind.object_only else {},
    f.Variables: lambda kind: {"type": "object"},
    f.Target: lambda kind: {"type": "string", "minLength": 1},
    f.ErrorNames: lambda kind: {"type": "array", "minItems": 1, "items": {"type": "string"}},
    f.Items: lambda kind: {"anyOf": [{"type": ["array", "object"]}, _EXPRESSION]},
    f.Condition: lambda kind: {"anyOf": [{"type": "boolean"}, _EXPRESSION]},
    f.ListOf: _list,
    f.ObjectOf: lambda kind: {"$ref": f"#/definitions/{kind.shape}"},
    f.StateMap: _states,
}
"""One schema per kind of field."""


if __name__ == "__main__":
    import sys

    sys.stdout.write(schema_text())
