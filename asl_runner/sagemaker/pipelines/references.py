"""What the expressions of a definition name: parameters, execution variables, properties of steps, property files.

Names are read from their text once; whether they exist is checked against the pipeline.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from msgspec import Struct

Keys: TypeAlias = tuple[str | int, ...]

EXECUTION_VARIABLES = (
    "StartDateTime",
    "CurrentDateTime",
    "PipelineName",
    "PipelineArn",
    "PipelineExecutionId",
    "PipelineExecutionArn",
    "TrainingJobName",
    "ProcessingJobName",
)
"""Source: the SDK's `ExecutionVariables`."""

_KEY = re.compile(r"""\.?(?P<word>[^.\[\]'"]+)|\[(?P<index>\d+)\]|\['(?P<single>[^']*)'\]|\["(?P<double>[^"]*)"\]""")


class Parameter(Struct, frozen=True):
    """`Parameters.Name`."""

    name: str


class Variable(Struct, frozen=True):
    """`Execution.Name`."""

    name: str


class Property(Struct, frozen=True):
    """`Steps.Name.path`; `keys` are the members and indexes of the path."""

    step: str
    keys: Keys


Reference: TypeAlias = Parameter | Variable | Property


def parse(text: str) -> Reference | None:
    """What a `Get` names; None for a text that names nothing."""
    root, _, rest = text.partition(".")
    if root == "Parameters" and rest:
        return Parameter(rest)
    if root == "Execution" and rest:
        return Variable(rest)
    if root == "Steps" and rest:
        step, dot, path = rest.partition(".")
        if "[" in step:
            # A step's first property may be in brackets.
            step, dot, path = rest[: rest.index("[")], ".", rest[rest.index("[") :]
        keys = parse_keys(path)
        return Property(step, keys) if dot and keys else None
    return None


def parse_keys(text: str) -> Keys | None:
    """The members and indexes of a path such as `a.b[0]['c d']`; None for one that is no path."""
    keys: list[str | int] = []
    place = 0
    while place < len(text):
        found = _KEY.match(text, place)
        if found is None:
            return None
        place = found.end()
        if found["index"] is not None:
            keys.append(int(found["index"]))
        else:
            keys.append(next(key for key in found.group("word", "single", "double") if key is not None))
    return tuple(keys) or None
