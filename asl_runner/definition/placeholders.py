"""Placeholders of deployment tools (`${Name}`) that stand in free texts, where any text would be a value.

On AWS such a text is what it says: `"Result": "${price} per kg"` needs nothing. A text that is one placeholder and
nothing else, or an ARN or S3 URI with one in it, was meant to be filled in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from asl_runner.expressions.environment import Json
from asl_runner.expressions.patterns import LazyPattern

_MEANT = LazyPattern(r"\$\{[^{}]*\}|(?:arn:|s3://).*\$\{.*")


def literal_placeholders(value: Json) -> Iterator[str]:
    """The texts of a definition that wait for a value, each as often as it stands there; comments do not count."""
    if isinstance(value, str):
        if "${" in value and _MEANT.fullmatch(value):
            yield value
    elif isinstance(value, dict):
        for key, member in value.items():
            if key != "Comment":
                yield from literal_placeholders(member)
    elif isinstance(value, list):
        for member in value:
            yield from literal_placeholders(member)


def filled(definition: Json) -> Json:
    """A definition with a stand-in for each placeholder: its name, and in a Task's Resource a function of that name.

    For what needs no real values, such as a run in which every task is mocked.
    """
    if isinstance(definition, dict):
        return {key: _function(value) if key == "Resource" else filled(value) for key, value in definition.items()}
    if isinstance(definition, list):
        return [filled(item) for item in definition]
    return _PLACEHOLDER.sub(lambda found: found[1], definition) if isinstance(definition, str) else definition


def _function(resource: Json) -> Json:
    if isinstance(resource, str) and (found := _PLACEHOLDER.fullmatch(resource)):
        name = re.sub(r"[^\w-]", "-", found[1])
        return f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    return filled(resource)


_PLACEHOLDER = re.compile(r"\$\{([^}]+)\}")
