"""Placeholders of deployment tools (`${Name}`) that stand in free texts, where any text would be a value.

On AWS such a text is what it says: `"Result": "${price} per kg"` needs nothing. A text that is one placeholder and
nothing else, or an ARN or S3 URI with one in it, was meant to be filled in.
"""

from __future__ import annotations

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
