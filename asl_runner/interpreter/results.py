"""What a distributed Map makes of the results of its child executions: ResultWriter's transformations and formats.

Source: reference section 11, ResultWriter; the developer guide's examples of each transformation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from msgspec import Struct

from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import compact

Transformation: TypeAlias = Literal["NONE", "COMPACT", "FLATTEN"]
OutputType: TypeAlias = Literal["JSON", "JSONL"]


class Form(Struct, frozen=True):
    """How results are shown."""

    transformation: Transformation = "COMPACT"
    output_type: OutputType = "JSON"


class Destination(Struct, frozen=True, kw_only=True):
    """Where and how results are exported."""

    bucket: str
    prefix: str
    form: Form


def form_of(config: Json, *, exported: bool) -> Form:
    """The `WriterConfig`; what it is silent about has other defaults where results are exported."""
    config = config or {}
    return Form(config.get("Transformation", "NONE" if exported else "COMPACT"), config.get("OutputType", "JSON"))


def entries(form: Form, output: Json) -> list[Json]:
    """What the output of a child execution adds to the results, where it is not its record that is shown."""
    return output if form.transformation == "FLATTEN" and isinstance(output, list) else [output]


def inline(form: Form, found: Iterable[Json]) -> Json:
    """The result of the state from all entries: an array, or a text of JSON lines."""
    if form.output_type == "JSONL":
        return "\n".join(map(compact, found))
    return list(found)
