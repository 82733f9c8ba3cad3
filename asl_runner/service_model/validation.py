"""Request validation against a botocore shape, with the messages AWS services write.

Nothing here knows SageMaker: the shape says what is required, how long, how large, which pattern and which values.
Texts follow the services' own validator (reference 1.6):

    2 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null; Value
    'a_b' at 'trainingJobName' failed to satisfy constraint: Member must satisfy regular expression pattern: ...

A value whose shape is sensitive is not repeated: `Value at 'environment.variables' failed ...` (as Lambda answers).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from msgspec import Struct

Problem = Literal["unknown", "type", "constraint"]


class Violation(Struct, frozen=True):
    """One fault of a request.

    `problem` says whose fault it is: `unknown` (no such member) and `type` (a value of the wrong JSON type) are refused
    before the service sees the request; `constraint` is refused by the service.
    """

    problem: Problem
    path: str
    """Member names in lower camel case, list elements as `name.1.member`; `unknown` has the member's own name."""
    value: Any
    text: str
    sensitive: bool = False
    """Whether the value must not be repeated."""

    def describe(self) -> str:
        """The sentence AWS writes for it."""
        if self.problem != "constraint":
            return self.text
        found = " null" if self.value is None else "" if self.sensitive else f" '{_java_text(self.value)}'"
        return f"Value{found} at '{self.path}' failed to satisfy constraint: {self.text}"


def check(value: Any, shape: Any, *, open_enums: Collection[str] = ()) -> list[Violation]:
    """Every fault of `value` against `shape`, in the order of the request's own members, missing ones first.

    `open_enums` names shapes whose list of values is not enforced (a list that grows faster than a local copy of it).
    """
    return list(_check(value, shape, "", frozenset(open_enums)))


def message(violations: Collection[Violation]) -> str:
    """The message of a `ValidationException` for these faults; there must be at least one."""
    count = len(violations)
    noun = "validation error" if count == 1 else "validation errors"
    return f"{count} {noun} detected: " + "; ".join(violation.describe() for violation in violations)


def _check(value: Any, shape: Any, path: str, open_enums: frozenset[str]) -> Iterator[Violation]:
    kind = shape.type_name
    if not isinstance(value, _PYTHON_TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield Violation(
            "type", path, value, f"The value of '{path}' must be {_TYPE_NAMES[kind]}, not {_json_type(value)}"
        )
        return
    if kind == "timestamp" and isinstance(value, str) and not _is_iso_8601(value):
        yield Violation("type", path, value, f"The value of '{path}' must be a timestamp in ISO 8601, not {value!r}")
        return
    if kind in ("integer", "long") and isinstance(value, float) and not value.is_integer():
        yield Violation("type", path, value, f"The value of '{path}' must be an integer, not {value}")
        return
    match kind:
        case "structure":
            yield from _check_structure(value, shape, path, open_enums)
        case "list":
            yield from _size(value, shape, path)
            yield from _check_list(value, shape, path, open_enums)
        case "map":
            yield from _size(value, shape, path)
            yield from _check_map(value, shape, path, open_enums)
        case _:
            yield from (_fault(value, shape, path, text) for text in scalar_faults(value, shape, open_enums))


def _check_structure(
    value: Mapping[str, Any], shape: Any, path: str, open_enums: frozenset[str]
) -> Iterator[Violation]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield Violation("constraint", _join(path, name), None, "Member must not be null")
    for name, item in value.items():
        if name not in shape.members:
            allowed = ", ".join(shape.members)
            text = f'Unknown parameter in {path or "input"}: "{name}", must be one of: {allowed}'
            yield Violation("unknown", name, item, text)
        elif item is not None:
            yield from _check(item, shape.members[name], _join(path, name), open_enums)


def _check_list(value: list[Any], shape: Any, path: str, open_enums: frozenset[str]) -> Iterator[Violation]:
    if shape.member.type_name in _SCALARS:
        yield from _check_elements(
            value, shape.member, path, "Member must satisfy constraint", (value, shape), open_enums
        )
        return
    for index, item in enumerate(value, start=1):
        yield from _check(item, shape.member, f"{path}.{index}.member", open_enums)


def _check_map(value: Mapping[str, Any], shape: Any, path: str, open_enums: frozenset[str]) -> Iterator[Violation]:
    whole = (value, shape)
    yield from _check_elements(list(value), shape.key, path, "Map keys must satisfy constraint", whole, open_enums)
    if shape.value.type_name in _SCALARS:
        items = list(value.values())
        yield from _check_elements(items, shape.value, path, "Map value must satisfy constraint", whole, open_enums)
        return
    for key, item in value.items():
        yield from _check(item, shape.value, f"{path}.{key}.member", open_enums)


def _check_elements(
    items: list[Any], shape: Any, path: str, lead: str, whole: tuple[Any, Any], open_enums: frozenset[str]
) -> Iterator[Violation]:
    """Simple elements: AWS reports the whole collection once, with every constraint its elements have.

    `whole` is the collection and its shape.
    """
    wrong = [item for item in items if not isinstance(item, _PYTHON_TYPES[shape.type_name]) or isinstance(item, bool)]
    wrong = [item for item in wrong if not (shape.type_name == "boolean" and isinstance(item, bool))]
    if wrong:
        found = _json_type(wrong[0])
        text = f"The values of '{path}' must each be {_TYPE_NAMES[shape.type_name]}, not {found} ({wrong[0]!r})"
        yield Violation("type", path, whole[0], text)
    elif any(scalar_faults(item, shape, open_enums) for item in items):
        yield _fault(*whole, path, f"{lead}: [{', '.join(_constraints(shape, open_enums))}]")


def _size(value: Any, shape: Any, path: str) -> Iterator[Violation]:
    for text, holds in _length_constraints(shape.metadata):
        if not holds(len(value)):
            yield _fault(value, shape, path, text)


def _fault(value: Any, shape: Any, path: str, text: str) -> Violation:
    return Violation("constraint", path, value, text, sensitive=bool(shape.metadata.get("sensitive")))


def scalar_faults(value: Any, shape: Any, open_enums: Collection[str] = ()) -> list[str]:
    """The constraints of a string, number or other simple shape that `value` does not keep, as AWS words them."""
    faults: list[str] = []
    if isinstance(value, str):
        faults += [text for text, holds in _length_constraints(shape.metadata) if not holds(len(value))]
        if (pattern := shape.metadata.get("pattern")) and not matches(pattern, value):
            faults.append(_pattern_text(pattern))
        if shape.metadata.get("enum") and shape.name not in open_enums and value not in shape.metadata["enum"]:
            faults.append(_enum_text(shape.metadata["enum"]))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        faults += [text for text, holds in _value_constraints(shape.metadata) if not holds(value)]
    return faults


def _constraints(shape: Any, open_enums: Collection[str]) -> list[str]:
    """Every constraint a simple shape has."""
    bounds = _length_constraints if shape.type_name == "string" else _value_constraints
    texts = [text for text, _ in bounds(shape.metadata)]
    if pattern := shape.metadata.get("pattern"):
        texts.append(_pattern_text(pattern))
    if shape.metadata.get("enum") and shape.name not in open_enums:
        texts.append(_enum_text(shape.metadata["enum"]))
    return texts


def _length_constraints(metadata: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return _bounds(metadata, "length")


def _value_constraints(metadata: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return _bounds(metadata, "value")


def _bounds(metadata: Mapping[str, Any], noun: str) -> list[tuple[str, Any]]:
    low, high = metadata.get("min"), metadata.get("max")
    found: list[tuple[str, Any]] = []
    if high is not None:
        found.append((f"Member must have {noun} less than or equal to {high}", lambda size: size <= high))
    if low is not None:
        found.append((f"Member must have {noun} greater than or equal to {low}", lambda size: size >= low))
    return found


def _pattern_text(pattern: str) -> str:
    return f"Member must satisfy regular expression pattern: {pattern}"


def _enum_text(values: Collection[str]) -> str:
    return f"Member must satisfy enum value set: [{', '.join(values)}]"


def matches(pattern: str, text: str) -> bool:
    """Whether a Java pattern of an API model matches the whole text; a pattern Python has no equal for accepts all."""
    compiled = _compile(pattern)
    return compiled is None or compiled.fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compile(pattern: str) -> re.Pattern[str] | None:
    for java, python in _UNICODE_CLASSES.items():
        pattern = pattern.replace(java, python)
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _is_iso_8601(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _join(path: str, name: str) -> str:
    camel = name[:1].lower() + name[1:]
    return f"{path}.{camel}" if path else camel


def _java_text(value: Any) -> str:
    """A value as Java prints it in these messages: `[a, b]`, `{k=v}`, `true`."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={_java_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_java_text(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def _json_type(value: Any) -> str:
    for types, name in _JSON_TYPES:
        if isinstance(value, types):
            return name
    return type(value).__name__


_JSON_TYPES: list[tuple[Any, str]] = [
    (type(None), "null"),
    (bool, "a boolean"),
    (str, "a string"),
    ((int, float), "a number"),
    (Mapping, "an object"),
    ((list, tuple), "an array"),
]

_PYTHON_TYPES: dict[str, Any] = {
    "structure": Mapping,
    "map": Mapping,
    "list": (list, tuple),
    "string": str,
    "character": str,
    "boolean": bool,
    "integer": (int, float),
    "long": (int, float),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float, str, datetime),
    "blob": (str, bytes, bytearray),
}

_TYPE_NAMES = {
    "structure": "an object",
    "map": "an object",
    "list": "an array",
    "string": "a string",
    "character": "a string",
    "boolean": "a boolean",
    "integer": "an integer",
    "long": "an integer",
    "float": "a number",
    "double": "a number",
    "timestamp": "a timestamp",
    "blob": "a string",
}

_SCALARS = frozenset(_TYPE_NAMES) - {"structure", "map", "list"}

# Unicode categories are written in Java's form inside character classes; these are their nearest Python spellings.
_UNICODE_CLASSES = {
    r"\p{L}": r"\w",
    r"\p{M}": "\u0300-\u036f",
    r"\p{Z}": r"\s",
    r"\p{N}": r"\d",
    r"\p{S}": "$+<=>^`|~\u00a2-\u00b8\u2000-\u2bff\U0001f000-\U0001faff",
    r"\p{P}": r"!-#%-*,-/:;?@\[-\]_{}" + "\u00a1-\u00bf\u2010-\u2e7f\u3000-\u303f",
    r"\p{Alnum}": "a-zA-Z0-9",
}
