"""How HTTP Tasks write query parameters and form bodies.

Source: developer guide, "Call HTTPS APIs", "Applying URL-encoding on request body".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote, urlsplit, urlunsplit

from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import compact

ARRAY_FORMATS: Mapping[str, Callable[[str, int], str]] = {
    "INDICES": lambda name, index: f"{name}[{index}]",
    "REPEAT": lambda name, index: name,
    "BRACKETS": lambda name, index: f"{name}[]",
    "COMMAS": lambda name, index: name,
}
"""The name an element of an array gets; with COMMAS the values of an array of plain values share one."""


def form(body: Mapping[str, Json], array_format: str = "INDICES") -> str:
    """A JSON object as `application/x-www-form-urlencoded`."""
    fields = (field for name, value in body.items() for field in _fields(name, value, array_format))
    return "&".join(f"{_quoted(name)}={value}" for name, value in fields)


def with_query(url: str, parameters: Mapping[str, Json]) -> str:
    """A URL with query parameters behind its own; a list repeats its parameter."""
    added = [
        f"{_quoted(name)}={_quoted(text(item))}"
        for name, value in parameters.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    scheme, place, path, query, fragment = urlsplit(url)
    return urlunsplit((scheme, place, path, "&".join([*([query] if query else []), *added]), fragment))


def text(value: Json) -> str:
    """A plain value as text; anything else as JSON."""
    return value if isinstance(value, str) else compact(value)


def _fields(name: str, value: Json, array_format: str) -> Iterator[tuple[str, str]]:
    """Names with their encoded values."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _fields(f"{name}[{key}]", item, array_format)
    elif isinstance(value, list):
        if array_format == "COMMAS" and not any(isinstance(item, dict | list) for item in value):
            yield name, ",".join(_quoted(text(item)) for item in value)
            return
        for index, item in enumerate(value):
            yield from _fields(ARRAY_FORMATS[array_format](name, index), item, array_format)
    else:
        yield name, "" if value is None else _quoted(text(value))


def _quoted(part: str) -> str:
    return quote(part, safe="")
