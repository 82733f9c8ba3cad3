"""`asl-runner show`: the states an execution visited as a tree, and the data of a step on demand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from asl_runner.cli.format import duration, printable, reason
from asl_runner.cli.options import execution_argument, open_workspace, workspace_options
from asl_runner.cli.table import paint, status_style
from asl_runner.errors import NotFound

if TYPE_CHECKING:
    from asl_runner.history.records import ExecutionRecord
    from asl_runner.history.store import Store
    from asl_runner.history.views import VisitTracker
    from asl_runner.history.visits import ScopeView, Visit

SHOWN = 3
"""Iterations of a Map that are shown besides those that failed, without --all."""

_SIGNS = {"SUCCEEDED": "✓", "CAUGHT": "↷", "FAILED": "✗", "RUNNING": "●", "ABORTED": "–"}
_COLOURS = {"SUCCEEDED": "green", "CAUGHT": "yellow", "FAILED": "red", "RUNNING": "cyan", "ABORTED": "bright_black"}


@click.command("show")
@execution_argument
@click.option("--step", metavar="STATE", help="Show the data of this state, or of the visit that this event id began.")
@click.option("--all", "everything", is_flag=True, help="Show every iteration of every Map.")
@click.option("--json", "as_json", is_flag=True, help="Print the visits, or the step, as JSON.")
@workspace_options
def command(
    execution: str, step: str | None, everything: bool, as_json: bool, workspace: str | None, config: str | None
) -> None:
    """Show the states an execution visited, with times, retries and errors, branches and iterations beneath.

    EXECUTION is a name, the beginning of one, an ARN, or latest. With --step it shows what one visit got, what each of
    its fields made of that, what it gave, and what its functions printed.

    \b
    Examples:
      asl-runner show latest
      asl-runner show latest --step "Charge card"
      asl-runner show order-7 --json | jq '.[] | select(.status == "FAILED")'
    """
    from asl_runner.views.follower import follow

    with open_workspace(workspace, config) as opened:
        record = opened.find(execution)
        tracker = follow(opened.store, record)
        if step is not None:
            from asl_runner.views.step import step as read_step

            document = read_step(opened.store, opened.directory, record, _wanted(tracker, step))
            click.echo(json.dumps(document, indent=2, ensure_ascii=False) if as_json else _step_text(document))
        elif as_json:
            click.echo(json.dumps(_rows(tracker, record), indent=2, ensure_ascii=False))
        else:
            for line in _tree(opened.store, record, tracker, everything):
                click.echo(line)


def _rows(tracker: VisitTracker, record: ExecutionRecord) -> list[dict[str, Any]]:
    from time import time

    from asl_runner.views.visits import everything, row

    now = time() if record.stop is None else record.stop
    return [row(visit, record.start, now) for visit in everything(tracker.root)]


def _wanted(tracker: VisitTracker, text: str) -> Visit:
    """The visit a person means: by event id, else the last one of the state, one that failed first."""
    from asl_runner.views.visits import everything, find

    if text.isdecimal() and (visit := find(tracker, int(text))) is not None:
        return visit
    found = [visit for visit in everything(tracker.root) if visit.state == text]
    if not found:
        states = sorted({visit.state for visit in everything(tracker.root)})
        raise NotFound(f"No state {text!r} was visited; visited were: {', '.join(states[:20])}.")
    return next((visit for visit in found if visit.status == "FAILED"), found[-1])


def _tree(store: Store, record: ExecutionRecord, tracker: VisitTracker, everything: bool) -> Iterator[str]:
    took = "" if record.stop is None else duration(record.stop - record.start)
    status = paint(record.status, status_style(record.status))
    gone = f" (its process is gone: asl-runner resume {record.name} goes on)" if store.is_orphaned(record) else ""
    yield f"{printable(record.machine_name)}  {record.name}  {status}{gone}  {took}".rstrip()
    if record.error is not None or record.cause:
        yield f"  {paint(reason(record.error, record.cause), 'red')}"
    yield from _visits(tracker.root, record.start, "  ", everything)


def _visits(scope: ScopeView, start: float, indent: str, everything: bool) -> Iterator[str]:
    visits = list(scope.visits)
    width = min(40, max((len(printable(visit.state)) for visit in visits), default=0))
    for visit in visits:
        sign = paint(_SIGNS[visit.status], _COLOURS[visit.status])
        said = [
            f"{printable(visit.state):<{width}}",
            f"{visit.type:<8}",
            f"+{visit.start - start:.3f}s",
            f"{'' if visit.end is None else duration(visit.end - visit.start):>9}",
            *_notes(visit),
        ]
        yield f"{indent}{sign} {'  '.join(said)}".rstrip()
        yield from _children(visit, start, f"{indent}  ", everything)


def _notes(visit: Visit) -> Iterator[str]:
    from asl_runner.views.marks import progress

    if visit.counts is not None and visit.counts.total is not None:
        yield progress(visit.counts)
    if visit.retries:
        yield paint(f"{visit.retries} {'retry' if visit.retries == 1 else 'retries'}", "yellow")
    if visit.error is not None:
        yield paint(reason(visit.error, visit.cause, 120), _COLOURS[visit.status])


def _children(visit: Visit, start: float, indent: str, everything: bool) -> Iterator[str]:
    children = list(visit.children.values())
    if visit.type == "Parallel":
        shown = children
    else:
        shown = [
            child for number, child in enumerate(children) if everything or number < SHOWN or child.status == "FAILED"
        ]
    for child in shown:
        yield f"{indent}{paint(_SIGNS[child.status], _COLOURS[child.status])} #{child.index}"
        yield from _visits(child, start, f"{indent}  ", everything)
    if len(shown) < len(children):
        yield f"{indent}… {len(children) - len(shown):,} more; --all shows them"


def _step_text(step: dict[str, Any]) -> str:
    lines = [f"{printable(step['state'])}  event {step['id']}"]
    if step["error"] is not None:
        lines.append(paint(f"  {reason(step['error'], step['cause'])}", "red"))
    for number, attempt in enumerate(step["attempts"], 1):
        if len(step["attempts"]) > 1:
            ended = "in flight when its process died" if attempt["cutOff"] else "succeeded"
            ended = reason(attempt["error"], attempt["cause"], 100) or ended
            lines.append(f"  try {number}  +{attempt['start']:.3f}s  {ended}")
    for stage in step["stages"]:
        differences = len(stage.get("changes", ()))
        changed = f"  ({differences} changed)" if differences else ""
        lines += ["", paint(f"{stage['stage']}{changed}", "bright_black")]
        shown = stage["error"] if "error" in stage else json.dumps(stage["data"], indent=2, ensure_ascii=False)
        lines += [f"  {line}" for line in printable(shown, keep="\n").splitlines()]
    for log in step["logs"]:
        lines += ["", paint(log["name"], "bright_black")]
        lines += [f"  {line}" for line in printable(log["text"], keep="\n\t").splitlines()]
    return "\n".join(lines)
