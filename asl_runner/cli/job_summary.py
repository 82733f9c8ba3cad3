"""One SageMaker job as text: what its Describe document says, and curves or trials under it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from asl_runner.cli.curves import curve
from asl_runner.cli.format import printable
from asl_runner.cli.list import started, took
from asl_runner.cli.progress_jobs import short_value
from asl_runner.cli.table import Table, heading, paint, status_style
from asl_runner.sagemaker.kinds import TRAINING, TUNING
from asl_runner.sagemaker.records import Record, Records
from asl_runner.views.job_list import arn_of, is_lost, kind_of, minimizes, status_of, times_of
from asl_runner.views.jobs import series, trials_of

HEIGHT = 5
"""Lines of a curve."""
MOST_CURVES = 8
_WIDEST = 100
_GONE = " (but the process that ran it is gone)"

_COUNTERS = {"TrainingJobStatusCounters": "Trials", "ObjectiveStatusCounters": "Objectives"}
_SHOWN_ELSEWHERE = (
    *("CreationTime", "LastModifiedTime", "FailureReason", "FinalMetricDataList", "BestTrainingJob"),
    *("SecondaryStatusTransitions", "OverallBestTrainingJob", *_COUNTERS),
)


def api_document(record: Record) -> dict[str, Any]:
    """The Describe document as boto3 gives it: times are datetimes."""
    from asl_runner.sagemaker.shapes import output_shape
    from asl_runner.service_model.shapes import parse

    shape = output_shape(f"Describe{kind_of(record).api}")
    assert shape is not None
    found: dict[str, Any] = parse(record.document, shape)
    return found


def summary(records: Records, record: Record) -> str:
    """Everything a person wants to know of a job."""
    gone = is_lost(records, record)
    lines = [*_head(record, gone=gone)]
    if record.kind == TRAINING.directory:
        lines += _curves(series(records, record))
    if record.kind == TUNING.directory:
        lines += _trials(record, trials_of(records, record.document))
    return "\n".join([*lines, "", heading("Settings"), *_settings(record)])


def _head(record: Record, *, gone: bool) -> Iterator[str]:
    document, status = record.document, status_of(record)
    created, ended = times_of(record)
    said = paint(status, status_style(status))
    secondary = document.get("SecondaryStatus", status)
    lines = [
        ("Name", record.name),
        ("Kind", record.kind),
        ("Status", said + (f" ({secondary})" if secondary != status else "") + (_GONE if gone else "")),
        ("Started", started(created)),
        ("Duration", took(created, ended, running=not gone)),
        ("ARN", arn_of(record)),
        ("Reason", printable(document.get("FailureReason", ""))),
        ("Exit message", printable(document.get("ExitMessage", ""))),
        *((label, _counts(document.get(member, {}))) for member, label in _COUNTERS.items()),
    ]
    width = max(len(label) for label, value in lines if value)
    yield from (f"{label:<{width}}  {value}" for label, value in lines if value)


def _counts(counters: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counters.items() if count)


def _curves(metrics: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """A curve for each metric, and its first, best and last values."""
    width = min(_WIDEST, shutil.get_terminal_size().columns)
    for name, values in list(metrics.items())[:MOST_CURVES]:
        last = f"{printable(name)}  {values[-1]:.6g}"
        yield ""
        if len(values) < 2:
            yield heading(last)
            continue
        yield heading(last) + f"  {len(values):,} values, from {values[0]:.6g}, {min(values):.6g} to {max(values):.6g}"
        drawn = curve(values, width, HEIGHT, unicode=_is_unicode())
        yield from (paint(line, "cyan") for line in drawn)
    if len(metrics) > MOST_CURVES:
        yield f"… {len(metrics) - MOST_CURVES} more metrics: {', '.join(list(metrics)[MOST_CURVES:])}"


def _trials(record: Record, trials: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The trials as a table, by objective, those without one last."""
    if not trials:
        return
    names = list(dict.fromkeys(name for trial in trials for name in trial["parameters"]))
    known = [trial for trial in trials if trial["value"] is not None]
    known.sort(key=lambda trial: float(trial["value"]), reverse=not minimizes(record))
    objectives = list(dict.fromkeys(str(trial["objective"]) for trial in trials))
    table = Table("", "TRIAL", "STATUS", f">{' or '.join(objectives)}", *(f">{name}" for name in names))
    star = "★" if _is_unicode() else "*"
    for trial in [*known, *(trial for trial in trials if trial["value"] is None)]:
        table.row(
            (star if trial["best"] else "", "green"),
            trial["name"].removeprefix(f"{record.name}-"),
            (trial["status"], status_style(trial["status"])),
            (f"{trial['value']:.6g}" if trial["value"] is not None else "", "green" if trial["best"] else None),
            *(short_value(trial["parameters"].get(name, "")) for name in names),
        )
    yield from ("", table.text())


def _settings(record: Record) -> Iterator[str]:
    """What else the Describe document holds, indented; `jobs describe --json` has it as it is."""
    kind = kind_of(record)
    hidden = {kind.name, kind.arn, kind.status, kind.end_time, "SecondaryStatus", "ExitMessage", *_SHOWN_ELSEWHERE}
    for name, value in record.document.items():
        if name not in hidden and not name.endswith("Time"):
            yield from _lines(name, value, 1)


def _lines(name: str, value: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if isinstance(value, dict) and value:
        if len(value) == 1:
            ((inner, only),) = value.items()
            yield from _lines(f"{name}.{inner}", only, depth)
            return
        yield f"{indent}{name}"
        for inner, one in value.items():
            yield from _lines(inner, one, depth + 1)
    elif name == "MetricDefinitions":
        names = [one["Name"] for one in value]
        yield f"{indent}{name}  {printable(', '.join(names))}" if len(names) < 10 else f"{indent}{name}  {len(names)}"
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        for number, one in enumerate(value):
            yield from _lines(f"{name}[{number}]", one, depth)
    elif value not in ("", [], {}):
        yield f"{indent}{name}  {printable(', '.join(map(_word, value)) if isinstance(value, list) else _word(value))}"


def _is_unicode() -> bool:
    """Whether stdout takes any character."""
    return (sys.stdout.encoding or "").lower().startswith("utf")


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
