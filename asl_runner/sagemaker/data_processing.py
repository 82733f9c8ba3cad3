"""`DataProcessing` of a batch transform: which part of a record is sent, what becomes of it and of the answer.

Filters are a small JSONPath: `$`, `.name`, `*`, `['a','b']`, `[0]`, `[-1]`, `[0,2]`, `[1:3]`, `[0,5:]`; the end of a
slice is not included. Source: developer guide, "Associate Prediction Results with Input Records"; reference 6.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from asl_runner.sagemaker.errors import JobFailed

Filter: TypeAlias = Callable[[Any], Any]
"""Takes a record, a list of cells or a JSON value, gives the part that is wanted. Raises `LookupError`."""

EVERYTHING = "$"
CONTENT_TYPES = ("text/csv", "application/json", "application/jsonlines")
_STEP = re.compile(r"\.?(\*)|\.([^.\[\]*'\"\s]+)|\[([^\]]*)\]")
_QUOTED = re.compile(r"""\s*(?:'([^']*)'|"([^"]*)")\s*""")
_SLICE = re.compile(r"\s*(-?\d*)\s*:\s*(-?\d*)\s*")
_INDEX = re.compile(r"\s*(-?\d+)\s*")


def compile_filter(text: str) -> Filter:
    """A filter as a function. Raises `ValueError` for a text that is none."""
    if not text.startswith("$"):
        raise ValueError(f"the filter {text!r} must begin with $")
    steps: list[Filter] = []
    at = 1
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise ValueError(f"the filter {text!r} is not understood from {text[at:]!r} on")
        star, name, inside = found.groups()
        steps.append(_all if star else _members([name]) if name is not None else _bracket(inside, text))
        at = found.end()

    def apply(record: Any) -> Any:
        for step in steps:
            record = step(record)
        return record

    return apply


class DataProcessing:
    """What happens to the records of one transform job."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """`document` is a transform request or its Describe document. Raises `ValueError` for what cannot be."""
        given = document.get("DataProcessing", {})
        wanted, made = given.get("InputFilter", EVERYTHING), given.get("OutputFilter", EVERYTHING)
        self._joins = given.get("JoinSource", "None") == "Input"
        self.is_needed = self._joins or wanted != EVERYTHING or made != EVERYTHING
        """Whether records are changed at all."""
        self._wanted, self._made = compile_filter(wanted), compile_filter(made)
        source, target = document["TransformInput"], document["TransformOutput"]
        media = str(source.get("ContentType", "")).split(";")[0].strip().lower()
        self._csv = media == "text/csv"
        self._lines = source.get("SplitType", "None") == "Line"
        if self.is_needed:
            _check(media, source, target, joins=self._joins)

    def outgoing(self, records: Sequence[bytes]) -> bytes:
        """What is sent for some records. Raises `JobFailed` for a record that lacks what is wanted."""
        return b"".join(self._written(self._part(self._wanted, self._read(record)), last=False) for record in records)

    def incoming(self, records: Sequence[bytes], answer: bytes) -> bytes:
        """What is kept of the answer to some records, each joined with its record if that is wanted.

        Raises `JobFailed` when there are not as many answers as records.
        """
        answers = answer.splitlines() if self._lines else [answer]
        if len(answers) != len(records):
            text = f"The model gave {len(answers)} answers to {len(records)} records; they cannot be told apart."
            raise JobFailed("AlgorithmError", text)
        kept = []
        for record, one in zip(records, answers, strict=True):
            found = self._read(one)
            joined = self._joined(self._read(record), found) if self._joins else found
            kept.append(self._written(self._part(self._made, joined), last=not self._lines))
        return b"".join(kept)

    def _joined(self, record: Any, answer: Any) -> Any:
        if self._csv:
            return [*record, *answer]
        if isinstance(record, dict):
            return {**record, "SageMakerOutput": answer}
        return {"SageMakerInput": record, "SageMakerOutput": answer}

    def _part(self, wanted: Filter, record: Any) -> Any:
        try:
            return wanted(record)
        except (LookupError, TypeError) as error:
            shown = json.dumps(record)[:200]
            raise JobFailed(
                "ClientError", f"A filter asks for what a record does not have: {error}: {shown}"
            ) from error

    def _read(self, record: bytes) -> Any:
        try:
            text = record.decode("utf-8")
            if self._csv:
                return next(csv.reader([text.rstrip("\r\n")]), [])
            return json.loads(text)
        except (ValueError, csv.Error) as error:
            raise JobFailed("ClientError", f"A record cannot be read: {error}: {record[:200]!r}") from error

    def _written(self, value: Any, *, last: bool) -> bytes:
        """A record as text; all but a single one end with a newline."""
        if self._csv:
            stream = io.StringIO()
            csv.writer(stream, lineterminator="\n").writerow(value if isinstance(value, list) else [value])
            return stream.getvalue().encode()
        return json.dumps(value, ensure_ascii=False).encode() + (b"" if last or not self._lines else b"\n")


def _check(media: str, source: Mapping[str, Any], target: Mapping[str, Any], *, joins: bool) -> None:
    if media not in CONTENT_TYPES:
        raise ValueError(f"DataProcessing needs a ContentType of {', '.join(CONTENT_TYPES)}, found {media or 'none'}.")
    accept = str(target.get("Accept") or media).split(";")[0].strip().lower()
    if joins and accept != media:
        raise ValueError(f"With JoinSource Input, Accept must be the ContentType {media}, found {accept}.")
    split, assemble = source.get("SplitType", "None"), target.get("AssembleWith", "None")
    if media != "application/json" and not split == assemble == "Line":
        raise ValueError(f"DataProcessing of {media} needs SplitType and AssembleWith to be Line.")
    if split not in ("None", "Line"):
        raise ValueError(f"DataProcessing cannot be used with SplitType {split}.")


def _all(record: Any) -> Any:
    return list(record.values()) if isinstance(record, dict) else list(record)


def _members(names: Sequence[str]) -> Filter:
    """One member's value, or an object of several."""
    if len(names) == 1:
        return lambda record: record[names[0]]
    return lambda record: {name: record[name] for name in names}


def _bracket(inside: str, text: str) -> Filter:
    parts = inside.split(",")
    if inside.strip() == "*":
        return _all
    if quoted := [found for part in parts if (found := _QUOTED.fullmatch(part))]:
        if len(quoted) != len(parts):
            raise ValueError(f"the filter {text!r} mixes names and indexes in [{inside}]")
        return _members([found[1] if found[1] is not None else found[2] for found in quoted])
    picks = [_pick(part, text) for part in parts]
    if len(picks) == 1 and _INDEX.fullmatch(inside):
        return lambda record: picks[0](record)[0]
    return lambda record: [value for pick in picks for value in pick(record)]


def _pick(part: str, text: str) -> Callable[[Any], list[Any]]:
    """An index or a slice of an array, as a list of values."""
    if (found := _INDEX.fullmatch(part)) is not None:
        index = int(found[1])
        return lambda record: [_array(record)[index]]
    if (found := _SLICE.fullmatch(part)) is not None:
        first, end = (int(bound) if bound else None for bound in found.groups())
        return lambda record: list(_array(record)[first:end])
    raise ValueError(f"the filter {text!r} has no index, slice or name in [{part}]")


def _array(record: Any) -> Sequence[Any]:
    if not isinstance(record, list):
        raise TypeError("an index needs an array")
    return record
